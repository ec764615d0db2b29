"""What every package stage does: model files, golden rows, reference rows, size and parity of the bundle."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pipelines.bundle import MANIFEST, describe_files, write_manifest
from pipelines.errors import DataError
from pipelines.files import json_number, read_json, read_parquet, write_parquet, write_text
from pipelines.step import Step
from pipelines.verdicts import Check, Verdict, from_checks

if TYPE_CHECKING:
    import pandas as pd

Render = Callable[[Any, Any], str]

GOLDEN_ROWS = 50
MIB = 1 << 20


def open_bundle(step: Step, *prepared: str) -> Path:
    """``bundle/`` with the model files, the choice, and these files of the prepare stage."""
    bundle = step.out / "bundle"
    copy_models(step.input("export"), bundle)
    shutil.copyfile(step.input("evaluate") / "result" / "choice.json", bundle / "choice.json")
    for name in prepared:
        shutil.copyfile(step.input("prepare") / name, bundle / name)
    return bundle


def seal_bundle(step: Step, reference: pd.DataFrame, render: Render, difference: float) -> Verdict:
    """Write the reference rows, the card and, last, the manifest; the verdict is :func:`bundle_verdict`'s.

    ``render`` makes the card's text of ``result/card.json`` and of the list of files in the bundle.
    """
    bundle = step.out / "bundle"
    write_parquet(bundle / "reference.parquet", reference)
    facts = read_json(step.input("evaluate") / "result" / "card.json")
    write_text(bundle / "card.md", render(facts, describe_files(bundle)))
    manifest = write_manifest(bundle, step.name, step.product.problem)
    size = manifest.size_bytes + (bundle / MANIFEST).stat().st_size
    return bundle_verdict(step, size / MIB, difference)


def copy_models(export: Path, bundle: Path) -> None:
    """``export.json`` and the model files that are served."""
    bundle.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(export / "export.json", bundle / "export.json")
    for member in read_json(export / "export.json")["members"]:
        for name in member["files"]:
            (bundle / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(export / name, bundle / name)


def test_rows(prepare: Path, result: Path) -> pd.DataFrame:
    """Raw test rows in order, with the judged ``score`` (or ``score_0..``) and, binary, ``decision``."""
    frame = read_parquet(prepare / "rows.parquet")
    predictions = read_parquet(result / "predictions.parquet")
    predictions = predictions[predictions["_split"] == "test"].sort_values("_row")
    test = frame.iloc[predictions["_row"].to_numpy()].reset_index(drop=True)
    for name in predictions.columns:
        if not name.startswith("_"):
            test[name] = predictions[name].to_numpy()
    return test


def golden_rows(
    test: pd.DataFrame, schema: Mapping[str, Any], count: int = GOLDEN_ROWS
) -> tuple[list[dict[str, Any]], list[int]]:
    """Raw rows as a client would send them, spread evenly over the test rows, and their positions.

    Test rows that the schema refuses (a category that the train rows lack) are passed over.

    Raises:
        DataError: no test row fits the schema, so nothing could prove the bundle.
    """
    fits = np.ones(len(test), dtype=bool)
    columns: dict[str, list[Any]] = {}
    for field in schema["fields"]:
        values = [_json_value(value, field["type"]) for value in test[field["name"]].tolist()]
        columns[field["name"]] = values
        fits &= np.array([_fits(value, field) for value in values], dtype=bool)
    able = np.flatnonzero(fits)
    if not len(able):
        raise DataError(
            "no test row fits the schema",
            where={"rows": len(test)},
            next_step="look at the prepare stage's schema.json, and at prepare.max_characters where it limits texts",
        )
    picked = able[np.unique(np.linspace(0, len(able) - 1, min(count, len(able))).astype(int))]
    rows = [{name: values[place] for name, values in columns.items()} for place in picked.tolist()]
    return rows, picked.tolist()


def _json_value(value: Any, kind: str) -> Any:
    if value is None or value != value:
        return None
    if kind == "string":
        return str(value)
    number = float(value)
    return int(number) if kind == "integer" and number.is_integer() else number


def _fits(value: Any, field: Mapping[str, Any]) -> bool:
    if value is None:
        return bool(field["nullable"])
    if "allowed" in field:
        return value in field["allowed"]
    low, high = field.get("minimum"), field.get("maximum")
    return (low is None or value >= low) and (high is None or value <= high)


def reference_rows(test: pd.DataFrame, step: Step) -> pd.DataFrame:
    """Raw test rows with their scores; without the id and the pipeline's own columns."""
    dropped = {step.product.columns.id, step.product.columns.group}
    kept = [name for name in test.columns if not name.startswith("_") and name not in dropped]
    return test[kept]


def bundle_verdict(step: Step, size_mb: float, difference: float) -> Verdict:
    """Blocked by a bundle above the size budget (MiB), or by golden answers further off than the parity gate allows."""
    limit = step.product.requirements.bundle_size_mb
    parity = step.product.export.max_difference
    checks = [
        Check(
            name="bundle_size", ok=size_mb <= limit, value=json_number(size_mb, 4), limit=limit, unit="MiB",
            detail=f"the bundle is {size_mb:.2f} MiB, the budget {limit:g}",
        ),
        Check(
            name="golden", ok=difference <= parity, value=json_number(difference, 4), limit=parity, unit="of a score",
            detail=f"the packed files answer the golden rows within {difference:.3g} of what was judged",
        ),
    ]  # fmt: skip
    advice = "take fewer or smaller members (candidates), or raise requirements.bundle_size_mb; then export again"
    return from_checks("package", step.name, checks, advice)
