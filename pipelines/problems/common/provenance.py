"""Who gave a row its label: people's labels judge, all others only train."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pipelines.files import read_json

if TYPE_CHECKING:
    import pandas as pd

SOURCE = "_label_source"
CONFIDENCE = "_label_confidence"
HUMAN = "human"
REVIEWED = "human_review"  # by people on the review page: in place of the source's own
OTHERS = ("weak", "model")  # labelling functions; self-training


def by_people(frame: pd.DataFrame) -> NDArray[np.bool_]:
    """Rows with a person's label ``[n]``; all, where the label stage added no others."""
    if SOURCE not in frame:
        return np.ones(len(frame), dtype=bool)
    return np.asarray(~frame[SOURCE].isin(OTHERS).to_numpy(), dtype=bool)


def may_be_used(frame: pd.DataFrame, side: NDArray[np.str_]) -> NDArray[np.bool_]:
    """Rows that may be on their side ``[n]``: on valid and test only people's."""
    return np.asarray(by_people(frame) | (side == "train"), dtype=bool)


def label_weights(frame: pd.DataFrame) -> NDArray[np.float64]:
    """What a row counts for by its label's confidence, float64 ``[n]``; 1 for people's."""
    if CONFIDENCE not in frame:
        return np.ones(len(frame))
    return np.asarray(frame[CONFIDENCE].to_numpy(), dtype=np.float64)


def source_counts(frame: pd.DataFrame, side: NDArray[np.str_]) -> dict[str, dict[str, int]]:
    """``{side: {source: rows}}``."""
    names = frame[SOURCE].fillna(HUMAN).to_numpy().astype(str) if SOURCE in frame else np.full(len(frame), HUMAN)
    return {
        part: {str(name): int(((side == part) & (names == name)).sum()) for name in np.unique(names)}
        for part in ("train", "valid", "test")
    }


def label_facts(label: Path, frame: pd.DataFrame, side: NDArray[np.str_]) -> dict[str, Any]:
    """What the prepare report and the model card tell of the labels: rows by source and side, estimated noise, and
    how good the labelling functions and the self-trained model were.

    Args:
        label: the label stage's folder.
        frame: prepared rows.
        side: of each row.
    """
    report = read_json(label / "report.json") if (label / "report.json").is_file() else {}
    noise, others = report.get("noise", {}), report.get("labelled_by_others", {})
    return {
        "sources": source_counts(frame, side),
        "noise": noise.get("share"),
        "suspects": noise.get("suspects"),
        **{key: others[key] for key in ("rows", *OTHERS) if key in others},
    }
