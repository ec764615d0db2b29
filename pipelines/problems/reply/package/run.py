"""The package stage of replies: everything that the service and the watch need of one model, in one folder."""

from __future__ import annotations

from pipelines.features.tabular import Derive
from pipelines.files import json_number, read_json, write_json
from pipelines.problems.common.packing import golden_rows, open_bundle, reference_rows, seal_bundle, test_rows
from pipelines.problems.reply.answer.answers import as_answer, largest_difference
from pipelines.problems.reply.answer.model import load
from pipelines.problems.reply.core.dialogue import read_row
from pipelines.problems.reply.package.card import render
from pipelines.step import Step
from pipelines.verdicts import Verdict


def run(step: Step, derive: Derive | None) -> Verdict:  # noqa: ARG001 - every problem's signature
    """Write ``bundle/``: model files, schema, choice, golden rows, card, errors, reference rows, manifest.

    Blocked when the bundle is larger than its budget, or answers the golden rows otherwise than what was judged.

    Raises:
        DataError: no test row fits the schema, so nothing could prove the bundle.
    """
    bundle = open_bundle(step, "schema.json")
    prepare, result = step.input("prepare"), step.input("evaluate") / "result"
    schema = read_json(bundle / "schema.json")
    test = test_rows(prepare, result)
    rows, positions = golden_rows(test, schema)
    model = load(bundle, lambda _: None)
    picked = model.picks([read_row(row) for row in rows])
    judged = test.iloc[positions]
    given = [{"reply": p.text or None, "hand_over": p.hand_over, "confidence": p.confidence} for p in picked]
    names = zip(
        judged["reply_given"].tolist(), judged["hand_over"].tolist(), judged["confidence"].tolist(), strict=True
    )
    wanted = [{"reply": text, "hand_over": over == "yes", "confidence": sure} for text, over, sure in names]
    difference = largest_difference(given, wanted)
    answers = [as_answer(one, model.actions) for one in picked]
    write_json(bundle / "golden.json", {"rows": rows, "answers": [_shown(answer) for answer in answers]})
    reference = reference_rows(test, step)
    return seal_bundle(step, reference, render, min(difference, 1e300))


def _shown(answer: dict[str, object]) -> dict[str, object]:
    confidence = answer["confidence"]
    return {**answer, "confidence": json_number(float(confidence))} if isinstance(confidence, float) else answer
