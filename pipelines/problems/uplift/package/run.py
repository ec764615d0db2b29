"""The package stage of uplift: everything that the service and the watch need of one model, in one folder."""

from __future__ import annotations

import numpy as np

from pipelines.features.tabular import Derive
from pipelines.features.values import rows_to_columns
from pipelines.files import read_json, write_json
from pipelines.problems.common.packing import golden_rows, open_bundle, reference_rows, seal_bundle, test_rows
from pipelines.problems.uplift.answer.answers import as_answers
from pipelines.problems.uplift.answer.predictor import Predictor
from pipelines.problems.uplift.package.card_text import render
from pipelines.step import Step
from pipelines.verdicts import Verdict


def run(step: Step, derive: Derive | None) -> Verdict:
    """Write ``bundle/``; blocked by its size, or where the packed files answer the golden rows otherwise than judged.

    Raises:
        DataError: no test row fits the schema, so nothing could prove the bundle.
    """
    bundle = open_bundle(step, "schema.json", "features.json")
    prepare, result = step.input("prepare"), step.input("evaluate") / "result"
    schema = read_json(bundle / "schema.json")
    predictor = Predictor.load(bundle, lambda _: derive)
    test = test_rows(prepare, result)
    rows, positions = golden_rows(test, schema)
    told = predictor.told(rows_to_columns(rows, predictor.fields))
    names = [f"score_{at + 1}" for at in range(len(predictor.arms) - 1)]
    judged = test.iloc[positions][names].to_numpy(dtype=np.float64)
    difference = float(np.max(np.abs(predictor.uplift(told) - judged)))
    write_json(bundle / "golden.json", {"rows": rows, "answers": as_answers(predictor, told)})
    return seal_bundle(step, reference_rows(test, step), render, difference)
