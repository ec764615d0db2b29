"""The package stage of tables: everything that the service and the watch need of one model, in one folder."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pipelines.bundle import MANIFEST, describe_files, write_manifest
from pipelines.errors import DataError
from pipelines.features.tabular import Derive
from pipelines.features.values import rows_to_columns
from pipelines.files import json_number, read_json, write_json, write_parquet, write_text
from pipelines.problems.common.packing import bundle_verdict, copy_models, golden_rows, reference_rows, test_rows
from pipelines.problems.model_card import render_card
from pipelines.problems.tabular.answer.answers import as_answers
from pipelines.problems.tabular.answer.predictor import Predictor
from pipelines.step import Step
from pipelines.verdicts import Verdict

if TYPE_CHECKING:
    import pandas as pd

FloatArray = NDArray[np.float64]

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
    copy_models(step.input("export"), bundle)
    for source in (prepare / "schema.json", prepare / "features.json", result / "choice.json"):
        shutil.copyfile(source, bundle / source.name)
    schema = read_json(bundle / "schema.json")
    predictor = Predictor.load(bundle, lambda _: derive)

    test = test_rows(prepare, result)
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
    write_parquet(bundle / "reference.parquet", reference_rows(test, step))
    write_text(bundle / "card.md", render_card(read_json(result / "card.json"), {"files": describe_files(bundle)}))
    manifest = write_manifest(bundle, step.name, step.product.problem)
    size = manifest.size_bytes + (bundle / MANIFEST).stat().st_size
    return bundle_verdict(step, size / MIB, difference)


def _judged(rows: pd.DataFrame, predictor: Predictor) -> FloatArray:
    """What evaluate judged, shaped like :meth:`Predictor.predict`."""
    names = [f"score_{place}" for place in range(len(predictor.classes))]
    return np.asarray(rows[names if predictor.task == "multiclass" else "score"].to_numpy(), dtype=np.float64)


def _shown(scores: FloatArray) -> FloatArray:
    """Ten significant digits, as every number that a stage writes."""
    return np.array([json_number(value) for value in scores.ravel().tolist()], dtype=np.float64).reshape(scores.shape)
