"""Wrong labels found by the label stage's confident learning, with labels flipped on purpose.

    nice -n 10 .venv/bin/python benchmarks/label_errors.py [banking77] [digits] [--full]

Sets: banking77 (train texts, from the mirror, NIGHTSHIFT_MIRROR) and scikit-learn's digits. 5% and 10% of the labels
are flipped: at random, or to the class that the same model, on the labels as they come, takes for the given one most
often. Each flip is drawn anew per seed; figures are of all seeds together, with Wilson's 95% interval. Beside the
stage's ranking, ``_suspect``: the normalised margin and the lowest self-confidence (Northcutt et al. 2021; the given
label's out-of-fold probability) and chance. How the stage ranks was chosen with flips of other seeds.

Only flipped labels count as found. The sets hold wrong labels of their own, so true precision is a little higher.
"""

from __future__ import annotations

import argparse
import os
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipelines.blocks.models import Profile
from pipelines.features.text import same_text
from pipelines.models.text import TextData, TextSettings
from pipelines.problems.common.identity import unit_hash
from pipelines.problems.common.noise import confident_learning
from pipelines.problems.common.weak_rows import share_of

FloatArray = NDArray[np.float64]
Labels = NDArray[np.int64]
Answers = Callable[[Labels], FloatArray]
"""Given labels in, out-of-fold probabilities ``[n, k]`` out."""

SMALL_ROWS, SMALL_SEEDS, FULL_SEEDS = 2500, 2, 5
FOLDS = 5
RATES = (0.05, 0.10)


def banking77(folder: Path, rows: int | None, profile: Profile) -> tuple[Labels, Answers]:
    from text_quality import read

    from pipelines.models.linear_text import fitting
    from pipelines.problems.text.label.run import LEARNER

    given = read(folder, "banking77")
    texts = [*given.data.texts, *given.data.valid_texts]
    y = np.concatenate([given.data.y, given.data.y_valid])
    place = unit_hash([same_text(text) for text in texts], "label errors")
    kept = np.sort(np.argsort(place, kind="stable")[:rows])
    texts, y = [texts[row] for row in kept.tolist()], y[kept]
    fold = np.floor(unit_hash(texts, "folds") * FOLDS).astype(np.int64)
    classes = len(given.classes)

    def answers(labels: Labels) -> FloatArray:
        data = TextData(texts, labels, classes, np.ones(len(labels)), [], labels[:0])
        return fitting.out_of_fold(data, fold, TextSettings(0, LEARNER, profile))

    return y, answers


def digits(_folder: Path, rows: int | None, profile: Profile) -> tuple[Labels, Answers]:
    from sklearn.datasets import load_digits

    from pipelines.features.tabular import fit, transform
    from pipelines.problems.tabular.label.noise import out_of_fold

    found = load_digits()
    kept = np.arange(len(found.target))[:rows]
    raw = {f"p{place}": found.data[kept, place] for place in range(found.data.shape[1])}
    names = [name for name, values in raw.items() if values.min() < values.max()]
    design = transform(fit(raw, names, []), raw, None)
    fold = np.floor(unit_hash([str(row) for row in kept.tolist()], "folds") * FOLDS).astype(np.int64)

    def answers(labels: Labels) -> FloatArray:
        return out_of_fold(design, labels, fold, "multiclass", 10, profile, lambda *_: None)

    return found.target[kept].astype(np.int64), answers


SETS = {"banking77": banking77, "digits": digits}


def confusable(answers: FloatArray, y: Labels) -> Labels:
    """Per class, the other class that its rows are taken for most."""
    mean = np.stack([answers[y == place].mean(axis=0) for place in range(answers.shape[1])])
    np.fill_diagonal(mean, -1.0)
    return mean.argmax(axis=1)


def flip(y: Labels, rate: float, to: Labels | None, classes: int, seed: int) -> tuple[Labels, NDArray[np.bool_]]:
    rng = np.random.default_rng([seed, round(1000 * rate), int(to is None)])
    wrong = np.zeros(len(y), dtype=bool)
    wrong[rng.choice(len(y), round(rate * len(y)), replace=False)] = True
    other = (y + rng.integers(1, classes, len(y))) % classes if to is None else to[y]
    return np.where(wrong, other, y), wrong


def rankings(answers: FloatArray, y: Labels, seed: int) -> tuple[dict[str, Labels], float, int]:
    """Rows most suspect first, by the stage and its peers; the stage's estimate of the share; rows it counts."""
    noise = confident_learning(answers, y)
    own = answers[np.arange(len(y)), y]
    rng = np.random.default_rng(seed)
    return (
        {
            "the stage": np.argsort(-noise.suspect, kind="stable"),
            "normalised margin": np.argsort(-(noise.margin if noise.margin is not None else own), kind="stable"),
            "self-confidence": np.argsort(own, kind="stable"),
            "chance": rng.permutation(len(y)),
        },
        noise.share,
        int(noise.flagged.sum()),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sets", nargs="*", help=f"of {', '.join(SETS)}; default: both")
    parser.add_argument("--full", action="store_true", help=f"all rows, {FULL_SEEDS} seeds")
    parser.add_argument("--threads", type=int, default=1)
    asked = parser.parse_args()
    folder = Path(os.environ.get("NIGHTSHIFT_MIRROR", "../shared/data"))
    for name in asked.sets or SETS:
        if name not in SETS:
            parser.error(f"no set {name!r}; choose of {', '.join(SETS)}")
        began = time.monotonic()
        y, answers = SETS[name](folder, None if asked.full else SMALL_ROWS, Profile(threads=asked.threads))
        _one(name, y, answers, FULL_SEEDS if asked.full else SMALL_SEEDS)
        print(f"{name}: {time.monotonic() - began:.0f} s", flush=True)


def _one(name: str, y: Labels, answers: Answers, seeds: int) -> None:
    clean = answers(y)
    classes = clean.shape[1]
    noise = confident_learning(clean, y)
    print(f"{name}: {len(y)} rows, {classes} classes; as they come {noise.share:.1%} of the labels look wrong")
    for how, to in (("at random", None), ("by confusion", confusable(clean, y))):
        for rate in RATES:
            found: defaultdict[tuple[str, int], list[tuple[float, float]]] = defaultdict(list)
            shares, flags = [], []
            for seed in range(seeds):
                given, wrong = flip(y, rate, to, classes, seed)
                orders, share, flagged = rankings(answers(given), given, seed)
                shares.append(share)
                flags.append(flagged)
                total = int(wrong.sum())
                for k in (total // 2, total, 2 * total):
                    for ranking, order in orders.items():
                        hits = int(wrong[order[:k]].sum())
                        found[ranking, k].append((hits, total))
            print(
                f"  {rate:.0%} flipped {how} ({total} labels): estimated share {np.mean(shares):.1%}, counted as"
                f" wrong {np.mean(flags):.0f} rows"
            )
            for (ranking, k), pairs in found.items():
                hits, wrong_rows = (sum(column) for column in zip(*pairs, strict=True))
                precision, recall = told(hits, k * len(pairs)), told(hits, wrong_rows)
                print(f"    k={k:<5d} {ranking:<19s} precision {precision}  recall {recall}", flush=True)


def told(right: int, count: int) -> str:
    """A share in percent, with Wilson's 95% interval."""
    found = share_of(right, count)
    return f"{100 * found['accuracy']:5.1f} [{100 * found['low']:.1f}, {100 * found['high']:.1f}]"


if __name__ == "__main__":
    main()
