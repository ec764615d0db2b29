"""What each extra of the encoder's fine-tuning brings: one change at a time against the plain training, same texts.

    nice -n 10 .venv/bin/python benchmarks/text_ablations.py [--classes 12] [--epochs 6] [--seeds 0 1] [--only NAME...]
    ... benchmarks/text_ablations.py --full

Texts are banking77's 10-shot ones (mirror, NIGHTSHIFT_MIRROR). A line gives the accuracy on held-out texts, mean over
the seeds, and the gain over the plain training with a 95% interval: paired bootstrap over texts of the seeds' mean.
Held-out texts are a hash-picked part of the full train file, never of the test split: what is kept as default is chosen
here. ``--full``: all 77 classes, 25 epochs, three seeds (hours on two cores).
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from text_quality import FILES, TUNED, _rows, read

from pipelines.blocks.models import Profile
from pipelines.features.text import same_text
from pipelines.models.encoder import fitting
from pipelines.models.text import TextData, TextSettings
from pipelines.problems.common.identity import unit_hash

EXTRAS: Mapping[str, Mapping[str, Any]] = {
    "without label smoothing": {"smoothing": 0.0},
    "FGM": {"adversarial": 0.1},
    "PGD, 3 steps": {"adversarial": 0.1, "adversarial_steps": 3},
    "augmentation": {"augment": 0.1},
    "class balance": {"balanced": True},
    "supervised contrast": {"contrastive": 0.2},
    "R-Drop": {"consistency": 1.0},
    "masked-language pretraining": {"pretrain_steps": 100, "pretrain_rate": 5e-5},
    "student of 3 layers": {"student_layers": 3},
}
TOGETHER = "mean of the seeds"
RESAMPLES = 2000


def main() -> None:
    """Fit every variant with every seed and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--classes", type=int, default=12, help="the first so many classes")
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--held", type=int, default=400, help="held-out texts at most")
    parser.add_argument("--only", nargs="+", choices=list(EXTRAS), help="these extras alone")
    parser.add_argument("--full", action="store_true", help="all classes, 25 epochs, three seeds")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--precision", default="bf16", choices=["fp32", "bf16"])
    asked = parser.parse_args()
    if asked.full:
        asked.classes, asked.epochs, asked.seeds, asked.held = 77, 25, [0, 1, 2], 5000
    data, held, y = texts(Path(os.environ.get("NIGHTSHIFT_MIRROR", "../shared/data")), asked.classes, asked.held)
    print(f"{len(data.texts)} train and {len(held)} held-out texts, {data.classes} classes, seeds {asked.seeds}")
    profile = Profile(precision=asked.precision, threads=asked.threads)
    plain_params = {**TUNED["banking77_10shot"], "contrastive": 0.0, "epochs": asked.epochs, "tokens": 48}
    base, seconds = answers(data, held, plain_params, asked.seeds, profile)
    right = rights(base, y)
    print(f"{'plain':30} {100 * right.mean():6.2f}{'':26} {seconds:6.0f} s", flush=True)
    together = (np.mean(base, axis=0).argmax(axis=1) == y).astype(np.float64)
    line(TOGETHER, together, right, 0.0)
    for name, change in EXTRAS.items():
        if asked.only and name not in asked.only:
            continue
        found, seconds = answers(data, held, {**plain_params, **change}, asked.seeds, profile)
        line(name, rights(found, y), right, seconds)


def texts(folder: Path, classes: int, most: int) -> tuple[TextData, list[str], NDArray[np.int64]]:
    """The 10-shot texts of the first classes, and held-out texts of the same ones out of the full train file."""
    given = read(folder, "banking77_10shot")
    keep = np.flatnonzero(given.data.y < classes)
    known = {same_text(given.data.texts[row]) for row in keep.tolist()}
    place = {name: number for number, name in enumerate(given.classes[:classes])}
    rows = [
        (text, place.get(label.casefold(), -1))
        for text, label in _rows(folder / FILES["banking77"][0], "text", "category")
    ]
    rows = [row for row in rows if row[1] >= 0 and same_text(row[0]) not in known]
    picked = np.argsort(unit_hash([text for text, _ in rows], "ablations"), kind="stable")[: min(most, len(rows) // 2)]
    data = TextData(
        [given.data.texts[row] for row in keep.tolist()], given.data.y[keep], classes, np.ones(len(keep)), [],
        given.data.y[:0],
    )  # fmt: skip
    return data, [rows[at][0] for at in picked.tolist()], np.array([rows[at][1] for at in picked.tolist()])


def answers(
    data: TextData, held: list[str], params: Mapping[str, Any], seeds: list[int], profile: Profile
) -> tuple[NDArray[np.float64], float]:
    """Probabilities ``[seeds, n, k]`` of the held-out texts, and seconds."""
    began = time.monotonic()
    found = [fitting.fit(data, TextSettings(seed, params, profile)).predict(held) for seed in seeds]
    return np.stack(found), time.monotonic() - began


def rights(found: NDArray[np.float64], y: NDArray[np.int64]) -> NDArray[np.float64]:
    """Share of the seeds that were right about each text ``[n]``."""
    return np.asarray((found.argmax(axis=2) == y).mean(axis=0))


def line(name: str, right: NDArray[np.float64], plain: NDArray[np.float64], seconds: float) -> None:
    """Accuracy and gain over the plain training, with its interval."""
    rng = np.random.default_rng(0)
    gain = right - plain
    drawn = [gain[rng.integers(0, len(gain), len(gain))].mean() for _ in range(RESAMPLES)]
    low, high = np.quantile(drawn, [0.025, 0.975])
    told = "helps" if low > 0 else "hurts" if high < 0 else "within noise"
    interval = f"{100 * gain.mean():+5.2f} [{100 * low:+.2f}, {100 * high:+.2f}]"
    took = f"{seconds:6.0f} s" if seconds else ""
    print(f"{name:30} {100 * right.mean():6.2f}  {interval} {told:13}{took}", flush=True)


if __name__ == "__main__":
    main()
