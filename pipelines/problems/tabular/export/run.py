"""The export stage of tables: the chosen models in the form in which they are served, past the parity gate."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from pipelines.errors import BundleError
from pipelines.features.tabular import Derive
from pipelines.files import json_number, read_json, read_parquet, write_bytes, write_json
from pipelines.models import load_model
from pipelines.problems.common.explaining import spread
from pipelines.problems.common.onnx_graph import int8_weights
from pipelines.problems.common.scorers import load_scorer
from pipelines.problems.common.trained import Answers, read_model
from pipelines.problems.tabular.answer.predictor import FloatArray, Predictor
from pipelines.problems.tabular.core.prepared import Prepared, load_prepared
from pipelines.problems.tabular.export import onnx_trees
from pipelines.problems.tabular.export.parity import Parity, compare
from pipelines.step import Step
from pipelines.verdicts import Check, Verdict, from_checks

NEXT_STEP = "raise export.max_difference on purpose, or leave that candidate out (use: never) and evaluate again"


def run(step: Step, derive: Derive | None) -> Verdict:
    """Write the model files and ``export.json``; blocked when a served form answers otherwise than the original."""
    result = step.input("evaluate") / "result"
    choice = read_json(result / "choice.json")
    prepared = load_prepared(step.input("prepare"), step.product.columns, derive)
    test = spread(prepared.rows("test"), step.product.export.rows)
    members, checks = [], []
    for entry in choice["members"]:
        member = read_model(entry["model"], step.input("train", entry["model"]))
        exported = _export(step, prepared, member, test)
        members.append(exported)
        checks.append(_check(step, f"{member.model}:{exported['format']}", exported["parity"]))
    write_json(step.out / "export.json", {"members": members})
    checks.append(_check(step, "together", _together(step, prepared, result, test, derive)))
    return from_checks("parity", step.name, checks, NEXT_STEP)


def _export(step: Step, prepared: Prepared, member: Answers, test: Any) -> dict[str, Any]:
    record = read_json(member.folder / "model.json")
    names = [name for one in record["members"] for name in one["files"]]
    entry: dict[str, Any] = {"model": member.model, "family": member.family}
    if member.family == "lightgbm":
        files = []
        for name in names:
            (step.out / member.model).mkdir(exist_ok=True)
            shutil.copyfile(member.folder / name, step.out / member.model / name)
            files.append(f"{member.model}/{name}")
        entry |= {"format": "lightgbm", "files": files}
        entry["parity"] = _parity(step, prepared, member, entry, test)
        return entry | {"variants": [_onnx_of_trees(step, prepared, member, files, test)]}
    from pipelines.problems.tabular.export import onnx_nets

    graphs = {
        f"{member.model}/{Path(one['files'][0]).stem}.onnx": onnx_nets.build(member.folder, one["files"], prepared.task)
        for one in record["members"]
    }
    for name, content in graphs.items():
        write_bytes(step.out / name, content)
    entry |= {"format": "onnx", "files": list(graphs)}
    entry |= {"parity": _parity(step, prepared, member, entry, test), "variants": []}
    if step.product.export.int8:
        small = {name.replace(".onnx", ".int8.onnx"): int8_weights(content) for name, content in graphs.items()}
        variant = {"model": member.model, "format": "onnx", "weights": "int8"}
        entry["variants"].append(_variant(step, prepared, member, variant, small, test))
    return entry


def _onnx_of_trees(step: Step, prepared: Prepared, member: Answers, files: list[str], test: Any) -> dict[str, Any]:
    """The same trees for other runtimes."""
    variant: dict[str, Any] = {"model": member.model, "format": "onnx"}
    numeric, categorical = prepared.design.numeric.shape[1], prepared.design.categorical.shape[1]
    try:
        graphs = {
            f"{name.removesuffix('.txt')}.onnx": onnx_trees.build(
                (step.out / name).read_text(encoding="utf-8"), numeric, categorical
            )
            for name in files
        }
    except BundleError as error:
        return variant | {"files": [], "kept": False, "reason": error.what}
    return _variant(step, prepared, member, variant, graphs, test)


def _variant(
    step: Step, prepared: Prepared, member: Answers, variant: dict[str, Any], graphs: Mapping[str, bytes], test: Any
) -> dict[str, Any]:
    """Another form of the same model, not served: its files stay only where it passes the gate."""
    for name, content in graphs.items():
        write_bytes(step.out / name, content)
    variant = variant | {"files": list(graphs)}
    variant["parity"] = _parity(step, prepared, member, variant, test)
    if variant["parity"]["largest"] <= step.product.export.max_difference:
        return variant | {"kept": True}
    for name in graphs:
        (step.out / name).unlink()
    return variant | {
        "files": [],
        "kept": False,
        "reason": "differs from the original by more than export.max_difference",
    }


def _parity(step: Step, prepared: Prepared, member: Answers, entry: Mapping[str, Any], test: Any) -> dict[str, Any]:
    original, scorer = load_model(member.folder), load_scorer(step.out, entry)
    found = compare(prepared.task, original.predict, scorer.score, prepared.design.take(test), recorded=member.at(test))
    return _numbers(found)


def _together(step: Step, prepared: Prepared, result: Path, test: Any, derive: Derive | None) -> dict[str, Any]:
    """Raw rows through the served path, against what evaluate judged."""
    from pipelines.problems.common.frames import frame_columns

    predictor = Predictor.assemble(
        result / "choice.json", step.input("prepare") / "features.json", step.out / "export.json", lambda _: derive
    )
    judged = read_parquet(result / "predictions.parquet").set_index("_row").loc[test]
    names = [name for name in judged.columns if name.startswith("score")]
    expected: FloatArray = judged[names].to_numpy(dtype=np.float64)
    served = predictor.predict(frame_columns(prepared.frame.iloc[test], predictor.fields))
    difference = float(np.max(np.abs(served.reshape(len(test), -1) - expected)))
    scale = float(np.std(expected)) or 1.0 if prepared.task == "regression" else 1.0
    return _numbers(Parity({"raw rows": difference / scale}, len(test)))


def _numbers(found: Parity) -> dict[str, Any]:
    return {
        "rows": found.rows,
        "largest": json_number(found.largest, 3) if np.isfinite(found.largest) else 1e300,
        "differences": {name: json_number(value, 3) for name, value in found.differences.items()},
    }


def _check(step: Step, name: str, parity: Mapping[str, Any]) -> Check:
    limit, value = step.product.export.max_difference, float(parity["largest"])
    worst = max(parity["differences"], key=lambda kind: parity["differences"][kind] or 0.0)
    return Check(
        name=f"parity:{name}",
        ok=value <= limit,
        value=value,
        limit=limit,
        unit="standard deviations" if step.product.columns.task == "regression" else "of a probability",
        detail=f"{name} answers within {value:.2g} of the original on {parity['rows']} rows (worst: {worst})",
    )
