"""The learners. Each is saved without pickle and found again from ``model.json`` alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pipelines.errors import BundleError
from pipelines.files import read_json
from pipelines.models.base import FitData, FitSettings, Model
from pipelines.models.mean import MeanModel

FAMILIES = (
    "lightgbm",
    "tabm",
    "statistical",
    "sequence",
    "uplift_trees",
    "linear_text",
    "encoder",
    "retrieval",
    "seq2seq",
)


def fit_model(family: str, data: FitData, settings: FitSettings) -> Model:
    """Fit one model of a family, with one seed.

    Raises:
        ConfigError: a hyper-parameter that the family does not know, or a value out of range.
    """
    if family == "lightgbm":
        from pipelines.models import lightgbm

        return lightgbm.fit(data, settings)
    from pipelines.models import tabm

    return tabm.fit(data, settings)


def load_model(folder: Path) -> MeanModel:
    """The model of a train (or bundle) folder: the mean of its members, as ``model.json`` lists them.

    Raises:
        BundleError: a file is missing, or of a family or version that this code does not read.
    """
    path = folder / "model.json"
    if not path.is_file():
        raise BundleError("no model.json", where={"folder": folder.name}, next_step="run the train stage again")
    record: dict[str, Any] = read_json(path)
    members = [_load_member(record["family"], folder, member) for member in record["members"]]
    return MeanModel(members, record["family"], record["task"])


def _load_member(family: str, folder: Path, member: dict[str, Any]) -> Model:
    missing = [name for name in member["files"] if not (folder / name).is_file()]
    if missing:
        raise BundleError(f"{missing[0]} is missing", where={"folder": folder.name}, next_step="pack the model again")
    if family == "lightgbm":
        from pipelines.models import lightgbm

        return lightgbm.load(folder, member["files"])
    if family == "tabm":
        from pipelines.models import tabm

        return tabm.load(folder, member["files"])
    raise BundleError(f"no model family {family!r}", next_step=f"this code reads: {', '.join(FAMILIES)}")
