"""Accuracy of the text models on official test splits, with bootstrap intervals.

    nice -n 10 .venv/bin/python benchmarks/text_quality.py SET... [--models linear,encoder,both] [--full]

Sets: banking77, banking77_10shot, ohsumed, mts_dialog (rows from the mirror, NIGHTSHIFT_MIRROR). Train texts that
equal a test text but for case and punctuation are left out of train. Nothing is chosen by the test rows: the ensemble's
weight and the temperatures come from valid rows, a hash-picked tenth of train; for 10-shot, where no label is to spare,
the weight is even.

``--full`` fine-tunes the encoder (many minutes on two cores); without it, it stays frozen and only its head is fitted.
``--self-training`` (10-shot) lets the fine-tuned encoder read the train texts without their labels. ``--peer``
fine-tunes with the plain Hugging Face Trainer instead.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import io
import os
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.blocks.models import Profile
from pipelines.features.text import clean, same_text
from pipelines.metrics.calibration import apply
from pipelines.metrics.calibrators import fit_temperature
from pipelines.metrics.intervals import estimates
from pipelines.metrics.judges import judge
from pipelines.models.encoder import fitting as encoder
from pipelines.models.encoder.model import EncoderText, embeddings
from pipelines.models.linear_text import fitting as linear
from pipelines.models.text import TextData, TextSettings
from pipelines.problems.common.blending import blend
from pipelines.problems.common.identity import unit_hash

FloatArray = NDArray[np.float64]
FILES = {
    "banking77": ("banking77/train.csv", "banking77/test.csv", "text", "category"),
    "banking77_10shot": ("banking77/train_10shot.csv", "banking77/test.csv", "text", "category"),
    "ohsumed": ("ohsumed_single23/train.csv.gz", "ohsumed_single23/test.csv.gz", "text", "label"),
    "mts_dialog": (
        "mts_dialog/MTS-Dialog-TrainingSet.csv",
        "mts_dialog/MTS-Dialog-TestSet-2-MEDIQA-Sum-2023.csv",
        "dialogue",
        "section_header",
    ),
}
FLOORS = {"banking77": 0.925, "banking77_10shot": 0.82, "ohsumed": 0.707, "mts_dialog": 0.685}
FROZEN: Mapping[str, Mapping[str, Any]] = {
    "banking77": {"tokens": 64},
    "banking77_10shot": {"tokens": 64},
    "ohsumed": {"tokens": 128},
    "mts_dialog": {"tokens": 128},
}
TUNED: Mapping[str, Mapping[str, Any]] = {
    "banking77": {"tokens": 64, "epochs": 6, "learning_rate": 2e-4, "head_rate": 5e-3, "contrastive": 0.1},
    "banking77_10shot": {
        "tokens": 64, "epochs": 25, "learning_rate": 2e-4, "head_rate": 5e-3, "contrastive": 0.2, "batch": 48,
        "layer_decay": 0.95,
    },
    "ohsumed": {"tokens": 256, "epochs": 4, "learning_rate": 2e-4, "head_rate": 5e-3, "batch": 16},
    "mts_dialog": {"tokens": 256, "epochs": 6, "learning_rate": 2e-4, "head_rate": 5e-3, "batch": 16},
}  # fmt: skip
VALID_SHARE = 0.1
CONFIDENT = 0.6  # probability from which a text without label teaches


@dataclass(frozen=True)
class Set:
    """One data set: cleaned texts and class indices of train, valid and test rows, and train texts without a label."""

    name: str
    classes: list[str]
    data: TextData
    test: list[str]
    y_test: NDArray[np.int64]
    unlabelled: list[str]
    left_out: int


def read(folder: Path, name: str) -> Set:
    train_file, test_file, text, label = FILES[name]
    train, test = _rows(folder / train_file, text, label), _rows(folder / test_file, text, label)
    known = {same_text(words) for words, _ in test}
    kept = [row for row in train if same_text(row[0]) not in known]
    fold = str.casefold if name == "banking77_10shot" else str
    classes = sorted({fold(value) for _, value in train})
    place = {value: position for position, value in enumerate(classes)}
    y = np.array([place[fold(value)] for _, value in kept], dtype=np.int64)
    texts = [words for words, _ in kept]
    few = name == "banking77_10shot"
    valid = np.zeros(len(kept), dtype=bool) if few else unit_hash(texts, "benchmark") < VALID_SHARE
    pool = [words for words, _ in _rows(folder / FILES["banking77"][0], text, label)] if few else []
    data = TextData(
        [words for words, held in zip(texts, valid, strict=True) if not held],
        y[~valid],
        len(classes),
        np.ones(int((~valid).sum())),
        [words for words, held in zip(texts, valid, strict=True) if held],
        y[valid],
    )
    y_test = np.array([place.get(fold(value), -1) for _, value in test], dtype=np.int64)
    unlabelled = [words for words in pool if same_text(words) not in known]
    return Set(name, classes, data, [words for words, _ in test], y_test, unlabelled, len(train) - len(kept))


def _rows(path: Path, text: str, label: str) -> list[tuple[str, str]]:
    csv.field_size_limit(1 << 24)
    raw = path.read_bytes()
    content = (gzip.decompress(raw) if path.suffix == ".gz" else raw).decode("utf-8")
    return [(clean(row[text]), row[label]) for row in csv.DictReader(io.StringIO(content))]


class Shown:
    """A line on standard error every 20 seconds."""

    def __init__(self) -> None:
        self.last = time.monotonic()

    def __call__(self, what: str, done: int, total: int) -> None:
        if time.monotonic() - self.last > 20 or done == total:
            self.last = time.monotonic()
            print(f"  {what} {done}/{total}", file=sys.stderr, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sets", nargs="+", choices=sorted(FILES))
    parser.add_argument("--models", default="both", choices=["linear", "encoder", "both"])
    parser.add_argument("--full", action="store_true", help="fine-tune the encoder")
    parser.add_argument("--self-training", action="store_true", help="10-shot: learn from unlabelled train texts too")
    parser.add_argument("--peer", action="store_true", help="the plain Hugging Face Trainer as the encoder")
    parser.add_argument("--epochs", type=int, help="of the fine-tuning, in place of the set's own")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--precision", default="bf16", choices=["fp32", "bf16"])
    asked = parser.parse_args()
    folder = Path(os.environ.get("NIGHTSHIFT_MIRROR", "../shared/data"))
    profile = Profile(precision=asked.precision, threads=asked.threads)
    for name in asked.sets:
        _one(read(folder, name), asked, profile)


def _one(given: Set, asked: argparse.Namespace, profile: Profile) -> None:
    data, shown = given.data, Shown()
    print(
        f"{given.name}: {len(data.texts)} train, {len(data.valid_texts)} valid, {len(given.test)} test, "
        f"{len(given.classes)} classes; {given.left_out} train rows left out that equal a test text",
        flush=True,
    )
    found: dict[str, tuple[FloatArray, FloatArray]] = {}
    if asked.models != "encoder":
        began = time.monotonic()
        model = linear.fit(data, TextSettings(asked.seed, {}, profile))
        found["linear"] = (model.predict(data.valid_texts), model.predict(given.test))
        _report(given, "TF-IDF + linear", found["linear"][1], time.monotonic() - began)
    if asked.models != "linear":
        began = time.monotonic()
        params = dict((TUNED if asked.full else FROZEN)[given.name])
        if asked.full and asked.epochs:
            params["epochs"] = asked.epochs
        if asked.peer:
            from text_peer import trainer_probabilities

            answers = trainer_probabilities(data, given.test, params, profile, asked.seed)
            _report(given, f"Hugging Face Trainer, {params['epochs']} epochs", answers, time.monotonic() - began)
            return
        fitted = encoder.fit(data, TextSettings(asked.seed, params, profile, progress=shown))
        answers = fitted.predict(given.test)
        kind = f"encoder, {params['epochs']} epochs" if asked.full else "encoder, frozen"
        _report(given, kind, answers, time.monotonic() - began)
        if asked.self_training and given.unlabelled:
            answers = self_trained(fitted, given, shown)
            _report(given, f"{kind}, self-training", answers, time.monotonic() - began)
        found["encoder"] = (fitted.predict(data.valid_texts) if len(data.valid_texts) else answers[:0], answers)
    if len(found) == 2:
        _report(given, *_ensemble(given, found), 0.0)


def self_trained(model: EncoderText, given: Set, shown: Shown) -> FloatArray:
    """A new head from the labelled texts and, by their confident answers, the texts without label; three rounds."""
    import torch

    labelled = embeddings(model.net, model.tokenizer, given.data.texts, shown, bf16=True)
    more = embeddings(model.net, model.tokenizer, given.unlabelled, shown, bf16=True)
    test = embeddings(model.net, model.tokenizer, given.test, shown, bf16=True)
    k = len(given.classes)
    truth = np.eye(k)[given.data.y]
    with torch.inference_mode():
        head = model.net.head
        said = torch.softmax(head(torch.from_numpy(more)).double(), -1).numpy()
    answer = np.empty((0, k))
    for _ in range(3):
        sure = said.max(axis=1) >= CONFIDENT
        x = np.vstack([labelled, more[sure]])
        target = np.vstack([truth, np.eye(k)[said[sure].argmax(axis=1)]])
        weight = np.concatenate([np.full(len(labelled), 2.0), said[sure].max(axis=1)])
        fit = _soft_head(x, target, weight)
        said, answer = fit(more), fit(test)
    return answer


def _soft_head(x: NDArray[np.float32], target: FloatArray, weight: FloatArray) -> Any:
    from sklearn.linear_model import LogisticRegression

    centre = x.mean(axis=0)
    model = LogisticRegression(C=20.0, max_iter=300).fit(x - centre, target.argmax(axis=1), sample_weight=weight)
    return lambda rows: model.predict_proba(rows - centre)


def _ensemble(given: Set, found: Mapping[str, tuple[FloatArray, FloatArray]]) -> tuple[str, FloatArray]:
    y = given.data.y_valid
    if not len(y):
        return "both, evenly", blend([found["linear"][1], found["encoder"][1]], [0.5, 0.5], "logit")
    tempered = {name: fit_temperature(y, valid) for name, (valid, _) in found.items()}
    sides = [[apply(tempered[name], found[name][side]) for name in ("linear", "encoder")] for side in (0, 1)]
    shares = [place / 20 for place in range(21)]
    losses = [
        -np.mean(np.log(blend(sides[0], [1 - share, share], "logit")[np.arange(len(y)), y] + 1e-12)) for share in shares
    ]
    share = shares[int(np.argmin(losses))]
    return f"both, encoder {share:g}", blend(sides[1], [1 - share, share], "logit")


def _report(given: Set, what: str, answers: FloatArray, seconds: float) -> None:
    y, score = given.y_test.copy(), answers.copy()
    unknown = y < 0  # a class that train lacks: wrong, whatever the answer
    y[unknown], score[unknown, 0], score[unknown, 1] = 0, 0.0, 1.0 + score[unknown].max(axis=1)
    found = estimates(judge("multiclass", y, score, ["accuracy"]), 1000, 0.95)["accuracy"]
    print(
        f"  {what}: test accuracy {100 * found.value:.2f} [{100 * found.low:.2f}, {100 * found.high:.2f}], "
        f"floor {100 * FLOORS[given.name]:.1f}" + (f"; {seconds:.0f} s" if seconds else ""),
        flush=True,
    )


if __name__ == "__main__":
    main()
