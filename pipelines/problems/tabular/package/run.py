"""The package stage of tables: everything that the service and the watch need of one model, in one folder."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pipelines.features.tabular import Derive
from pipelines.features.values import rows_to_columns
from pipelines.files import json_number, read_json, write_json
from pipelines.problems.common.packing import golden_rows, open_bundle, reference_rows, seal_bundle, test_rows
from pipelines.problems.model_card import render_card
from pipelines.problems.tabular.answer.answers import as_answers
from pipelines.problems.tabular.answer.predictor import Predictor
from pipelines.step import Step
from pipelines.verdicts import Verdict

if TYPE_CHECKING:
    import pandas as pd

FloatArray = NDArray[np.float64]


def run(step: Step, derive: Derive | None) -> Verdict:
    """Write ``bundle/``: model files, schema, feature state, choice, golden rows, card, reference rows, manifest.

    Blocked when the bundle is larger than the product's size budget, or when the packed files answer the golden rows
    otherwise than what was judged, beyond the limit of the parity gate.

    Raises:
        DataError: no test row fits the schema, so nothing could prove the bundle.
    """
    bundle = open_bundle(step, "schema.json", "features.json")
    prepare, result = step.input("prepare"), step.input("evaluate") / "result"
    schema = read_json(bundle / "schema.json")
    predictor = Predictor.load(bundle, lambda _: derive)

    test = test_rows(prepare, result)
    rows, positions = golden_rows(test, schema)
    scores = predictor.predict(predictor.design(rows_to_columns(rows, predictor.fields)))
    judged = _judged(test.iloc[positions], predictor)
    difference = float(np.max(np.abs(scores - judged) / np.maximum(1.0, np.abs(judged))))
    write_json(bundle / "golden.json", {"rows": rows, "answers": as_answers(predictor, _shown(scores))})
    return seal_bundle(
        step, reference_rows(test, step), lambda facts, files: render_card(facts, {"files": files}), difference
    )


def _judged(rows: pd.DataFrame, predictor: Predictor) -> FloatArray:
    """What evaluate judged, shaped like :meth:`Predictor.predict`."""
    names = [f"score_{place}" for place in range(len(predictor.classes))]
    return np.asarray(rows[names if predictor.task == "multiclass" else "score"].to_numpy(), dtype=np.float64)


def _shown(scores: FloatArray) -> FloatArray:
    """Ten significant digits, as every number that a stage writes."""
    return np.array([json_number(value) for value in scores.ravel().tolist()], dtype=np.float64).reshape(scores.shape)


def _card(facts: dict[str, Any], files: dict[str, Any]) -> str:
    return render_card(facts, {"files": files})
