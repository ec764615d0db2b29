"""The package stage of tables: everything that the service and the watch need of one model, in one folder."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pipelines.bundle import MANIFEST, describe_files, write_manifest
from pipelines.errors import DataError
from pipelines.features.tabular import Derive
from pipelines.features.values import rows_to_columns
from pipelines.files import json_number, read_json, read_parquet, write_json, write_parquet, write_text
from pipelines.problems.model_card import render_card
from pipelines.problems.tabular.answer.answers import as_answers
from pipelines.problems.tabular.answer.predictor import Predictor
from pipelines.step import Step
from pipelines.verdicts import Check, Verdict, from_checks

if TYPE_CHECKING:
    import pandas as pd

FloatArray = NDArray[np.float64]

GOLDEN_ROWS = 50
MIB = 1 << 20


def run(step: Step, derive: Derive | None) -> Verdict:
    """Write ``bundle/``: model files, schema, feature state, choice, golden rows, card, reference rows, manifest.

    Blocked when the bundle is larger than the product's size budget, or when the packed files answer the golden rows
    otherwise than what was judged, beyond the limit of the parity gate.

    Raises:
        DataError: no test row fits the schema, so nothing could prove the bundle.
    """
    bundle = step.out / "bundle"
    prepare, result = step.input("prepare"), step.input("evaluate") / "result"
    _copy_models(step.input("export"), bundle)
    for source in (prepare / "schema.json", prepare / "features.json", result / "choice.json"):
        shutil.copyfile(source, bundle / source.name)
    schema = read_json(bundle / "schema.json")
    predictor = Predictor.load(bundle, lambda _: derive)

    test = _test_rows(prepare, result)
    rows, positions = golden_rows(test, schema)
    if not rows:
        raise DataError(
            "no test row fits the schema",
            where={"rows": len(test)},
            next_step="look at the prepare stage's schema.json",
        )
    scores = predictor.predict(predictor.design(rows_to_columns(rows, predictor.fields)))
    judged = _judged(test.iloc[positions], predictor)
    difference = float(np.max(np.abs(scores - judged) / np.maximum(1.0, np.abs(judged))))
    write_json(bundle / "golden.json", {"rows": rows, "answers": as_answers(predictor, _shown(scores))})
    write_parquet(bundle / "reference.parquet", _reference(test, step))
    write_text(bundle / "card.md", render_card(read_json(result / "card.json"), {"files": describe_files(bundle)}))
    manifest = write_manifest(bundle, step.name, step.product.problem)
    size = manifest.size_bytes + (bundle / MANIFEST).stat().st_size
    return _verdict(step, size / MIB, difference)


def _copy_models(export: Path, bundle: Path) -> None:
    bundle.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(export / "export.json", bundle / "export.json")
    for member in read_json(export / "export.json")["members"]:
        for name in member["files"]:
            (bundle / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(export / name, bundle / name)


def _test_rows(prepare: Path, result: Path) -> pd.DataFrame:
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
    """
    fits = np.ones(len(test), dtype=bool)
    columns: dict[str, list[Any]] = {}
    for field in schema["fields"]:
        values = [_json_value(value, field["type"]) for value in test[field["name"]].tolist()]
        columns[field["name"]] = values
        fits &= np.array([_fits(value, field) for value in values], dtype=bool)
    able = np.flatnonzero(fits)
    picked = able[np.unique(np.linspace(0, len(able) - 1, min(count, len(able))).astype(int))] if len(able) else able
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


def _judged(rows: pd.DataFrame, predictor: Predictor) -> FloatArray:
    """What evaluate judged, shaped like :meth:`Predictor.predict`."""
    names = [f"score_{place}" for place in range(len(predictor.classes))]
    return np.asarray(rows[names if predictor.task == "multiclass" else "score"].to_numpy(), dtype=np.float64)


def _shown(scores: FloatArray) -> FloatArray:
    """Ten significant digits, as every number that a stage writes."""
    return np.array([json_number(value) for value in scores.ravel().tolist()], dtype=np.float64).reshape(scores.shape)


def _reference(test: pd.DataFrame, step: Step) -> pd.DataFrame:
    """Raw test rows with their scores; without the id and the pipeline's own columns."""
    dropped = {step.product.columns.id, step.product.columns.group}
    kept = [name for name in test.columns if not name.startswith("_") and name not in dropped]
    return test[kept]


def _verdict(step: Step, size_mb: float, difference: float) -> Verdict:
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
