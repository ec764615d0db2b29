"""The export stage of replies: the members as served, past a gate that answers test rows through the served path."""

from __future__ import annotations

import shutil
from typing import Any

from pipelines.features.tabular import Derive
from pipelines.files import json_number, read_json, read_parquet, write_json
from pipelines.problems.common.explaining import spread
from pipelines.problems.reply.answer.model import assemble
from pipelines.problems.reply.core.prepared import load_prepared
from pipelines.step import Step
from pipelines.verdicts import Check, Verdict, from_checks


def run(step: Step, derive: Derive | None) -> Verdict:  # noqa: ARG001 - every problem's signature
    """Write the members' files and ``export.json``; blocked when the served path says otherwise than was judged."""
    result = step.input("evaluate") / "result"
    members: list[dict[str, Any]] = []
    for entry in read_json(result / "choice.json")["members"]:
        source = step.input("train", entry["model"])
        files = read_json(source / "model.json")["files"]
        (step.out / entry["model"]).mkdir()
        for name in files:
            shutil.copyfile(source / name, step.out / entry["model"] / name)
        kept = [f"{entry['model']}/{name}" for name in files]
        members.append({"model": entry["model"], "family": entry["family"], "format": _format(files), "files": kept})
    write_json(step.out / "export.json", {"members": members})
    different, worst, rows = _compare(step)
    limit = step.product.export.max_difference
    write_json(
        step.out / "export.json",
        {
            "members": members,
            "parity": {"rows": rows, "different_replies": different, "largest": json_number(worst, 3)},
        },
    )
    checks = [
        Check(
            name="same_replies", ok=different == 0, value=different, limit=0, unit="replies",
            detail=f"{different} of {rows} replies differ from what was judged",
        ),
        Check(
            name="parity", ok=worst <= limit, value=json_number(worst, 3), limit=limit, unit="of a confidence",
            detail=f"confidences are within {worst:.2g} of what was judged",
        ),
    ]  # fmt: skip
    return from_checks("parity", step.name, checks, "train and evaluate again on this machine; then export again")


def _format(files: list[str]) -> str:
    return "onnx" if any(name.endswith(".onnx") for name in files) else "numpy"


def _compare(step: Step) -> tuple[int, float, int]:
    """Rows one by one through the packaged model: different replies, largest difference of a confidence, rows."""
    result = step.input("evaluate") / "result"
    judged = read_parquet(result / "predictions.parquet").set_index("_row")
    prepared = load_prepared(step.input("prepare"), step.product)
    rows = spread(prepared.rows("test"), step.product.export.rows)
    model = assemble(result / "choice.json", step.out / "export.json")
    different, worst = 0, 0.0
    for row, one in zip(rows.tolist(), model.picks(prepared.situations(rows)), strict=True):
        wanted = judged.loc[row]
        different += (one.text or None) != wanted["reply_given"] or one.hand_over != (wanted["hand_over"] == "yes")
        worst = max(worst, abs(one.confidence - float(wanted["confidence"])))
    return different, worst, len(rows)
