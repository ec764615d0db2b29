"""An encoder of a few thousand weights and three topics that it learns in a second."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pipelines.blocks.models import Profile
from pipelines.models.encoder import fitting
from pipelines.models.text import TextData, TextSettings

SCRATCH = {
    "weights": "scratch", "layers": 1, "width": 32, "heads": 2, "vocabulary": 300, "tokens": 16, "epochs": 4,
    "batch": 8, "learning_rate": 0.01, "head_rate": 0.05, "checkpoint_steps": 3, "dropout": 0.1,
}  # fmt: skip
SETTINGS = TextSettings(0, SCRATCH, Profile(threads=1))
TOPICS = ("card lost in the street", "refund of the shop missing", "login and password broken")


def data(rows: int = 60) -> TextData:
    rng = np.random.default_rng(0)
    y = np.arange(rows) % len(TOPICS)
    texts = [" ".join(rng.permutation([*TOPICS[k].split(), f"no {number}"]).tolist()) for number, k in enumerate(y)]
    return TextData(texts, y.astype(np.int64), len(TOPICS), np.ones(rows), [], np.array([], dtype=np.int64))


def saved(settings: TextSettings, folder: Path) -> bytes:
    fitting.fit(data(), settings).save(folder)
    return (folder / "encoder_0.safetensors").read_bytes()
