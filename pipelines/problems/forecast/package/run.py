"""The package stage of a forecast: the model, the last stretch of history, and what proves and watches them."""

from __future__ import annotations

from typing import Any

import numpy as np

from pipelines.features.tabular import Derive
from pipelines.features.values import rows_to_columns
from pipelines.files import json_number, read_json, write_json
from pipelines.problems.common.packing import golden_rows, open_bundle, reference_rows, seal_bundle, test_rows
from pipelines.problems.forecast.answer.answers import as_answers
from pipelines.problems.forecast.answer.forecaster import Forecaster, Forecasts
from pipelines.problems.forecast.core.history import load_history
from pipelines.problems.forecast.core.spec import Spec
from pipelines.problems.model_card import render_card
from pipelines.step import Step
from pipelines.verdicts import Verdict


def run(step: Step, derive: Derive | None) -> Verdict:
    """Write ``bundle/``: model files, history, schema, features, choice, golden rows, card, reference rows, manifest.

    The history is cut to what the features of the origins that may be asked for can reach: the last step, and up to a
    horizon before it. Blocked when the bundle is larger than the product's size budget, or when the packed files answer
    the golden rows otherwise than what was judged.

    Raises:
        DataError: no test row fits the schema, so nothing could prove the bundle.
    """
    bundle = open_bundle(step, "schema.json", "features.json")
    prepare, result = step.input("prepare"), step.input("evaluate") / "result"
    schema, spec = read_json(bundle / "schema.json"), Spec.from_json(read_json(bundle / "features.json")["spec"])
    history = load_history(prepare)
    history.cut(history.end - spec.horizon - spec.rhythm.reach, history.end).save(bundle)
    forecaster = Forecaster.load(bundle, lambda _: derive)

    test = test_rows(prepare, result)
    rows, positions = golden_rows(test, schema)
    found = forecaster.predict(rows_to_columns(rows, spec.fields))
    names = ["score", *(name for name in test.columns if name.startswith("quantile_"))]
    judged = test.iloc[positions][names].to_numpy(dtype=np.float64)
    given = np.column_stack([found.point, found.quantiles])
    difference = float(np.max(np.abs(given - judged) / np.maximum(1.0, np.abs(judged))))
    write_json(bundle / "golden.json", {"rows": rows, "answers": as_answers(_shown(found), forecaster.levels)})
    reference = reference_rows(test, step).drop(columns=names[1:])
    columns = {name: test[name].to_numpy() for name in spec.fields}
    reference["usual"] = forecaster.predict(columns).usual
    return seal_bundle(step, reference, _card, difference)


def _shown(found: Forecasts) -> Forecasts:
    """Ten significant digits, as every number that a stage writes."""

    def rounded(
        values: np.ndarray[tuple[int, ...], np.dtype[np.float64]],
    ) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
        numbers = [json_number(value) for value in values.ravel().tolist()]
        return np.array(numbers, dtype=np.float64).reshape(values.shape)

    return Forecasts(rounded(found.point), rounded(found.quantiles), found.ahead, found.usual)


def _card(facts: dict[str, Any], files: dict[str, Any]) -> str:
    return render_card(facts, {"files": files})
