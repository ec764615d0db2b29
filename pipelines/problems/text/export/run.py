"""The export stage of texts: the chosen models in the form in which they are served, past the parity gate."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.features.tabular import Derive
from pipelines.features.text import clean
from pipelines.files import json_number, read_json, read_parquet, write_bytes, write_json
from pipelines.problems.common.onnx_graph import int8_weights
from pipelines.problems.common.trained import Answers, read_model
from pipelines.problems.text.answer.predictor import FloatArray, Predictor
from pipelines.problems.text.answer.scorers import Scorer, load_scorer
from pipelines.problems.text.core.originals import Original
from pipelines.problems.text.core.prepared import Prepared, load_prepared
from pipelines.problems.text.export.onnx_encoder import build
from pipelines.step import Step
from pipelines.verdicts import Check, Verdict, from_checks

NEXT_STEP = "raise export.max_difference on purpose, or leave that candidate out (use: never) and evaluate again"
LONE_TEXTS = 25  # asked one at a time
ODD_TEXTS = (
    "", "?", "...", "a", "\U0001f600\U0001f600 \U0001f680", "<b>&amp;</b>", "\x00\x07 control", "zzqx vvkj",
    "日本語のテキスト と العربية", "word " * 2000, "x" * 5000, "12345 67890",
)  # fmt: skip


def run(step: Step, derive: Derive | None) -> Verdict:  # noqa: ARG001 - every problem's signature
    """Write the model files and ``export.json``; blocked when a served form answers otherwise than the original."""
    result = step.input("evaluate") / "result"
    choice = read_json(result / "choice.json")
    prepared = load_prepared(step.input("prepare"), step.product.columns)
    rows = prepared.rows("test")
    test = rows[np.unique(np.linspace(0, len(rows) - 1, min(step.product.export.rows, len(rows))).astype(int))]
    members, checks = [], []
    for entry in choice["members"]:
        member = read_model(entry["model"], step.input("train", entry["model"]))
        exported = _export(step, prepared, member, test)
        members.append(exported)
        checks.append(_check(step, f"{member.model}:{exported['format']}", exported["parity"]))
    write_json(step.out / "export.json", {"members": members})
    checks.append(_check(step, "together", _together(step, prepared, result, test)))
    return from_checks("parity", step.name, checks, NEXT_STEP)


def _export(step: Step, prepared: Prepared, member: Answers, test: NDArray[np.int64]) -> dict[str, Any]:
    record = read_json(member.folder / "model.json")
    entry: dict[str, Any] = {"model": member.model, "family": member.family, "variants": []}
    (step.out / member.model).mkdir(exist_ok=True)
    if member.family == "linear_text":
        files = [name for one in record["members"] for name in one["files"]]
        for name in files:
            shutil.copyfile(member.folder / name, step.out / member.model / name)
        entry |= {"format": "linear_text", "files": [f"{member.model}/{name}" for name in files]}
        return entry | {"parity": _parity(step, prepared, member, entry, test)}
    files = []
    for one in record["members"]:
        stem = Path(one["files"][0]).stem
        write_bytes(step.out / member.model / f"{stem}.onnx", build(member.folder, one["files"]))
        shutil.copyfile(member.folder / one["files"][1], step.out / member.model / f"{stem}.tokenizer.json")
        files += [f"{member.model}/{stem}.onnx", f"{member.model}/{stem}.tokenizer.json"]
    tokens = int(read_json(member.folder / record["members"][0]["files"][0])["tokens"])
    entry |= {"format": "onnx", "files": files, "tokens": tokens}
    entry |= {"parity": _parity(step, prepared, member, entry, test)}
    if step.product.export.int8:
        entry["variants"].append(_int8(step, prepared, member, entry, test))
    return entry


def _int8(step: Step, prepared: Prepared, member: Answers, entry: Mapping[str, Any], test: Any) -> dict[str, Any]:
    """Weights as int8, not served: its files stay only where it passes the gate."""
    variant = {**entry, "weights": "int8", "files": [], "variants": []}
    for name in entry["files"]:
        if name.endswith(".onnx"):
            small = name.replace(".onnx", ".int8.onnx")
            write_bytes(step.out / small, int8_weights((step.out / name).read_bytes()))
            variant["files"].append(small)
        else:
            variant["files"].append(name)
    variant["parity"] = _parity(step, prepared, member, variant, test)
    if variant["parity"]["largest"] <= step.product.export.max_difference:
        return variant | {"kept": True}
    for name in variant["files"]:
        if name.endswith(".onnx"):
            (step.out / name).unlink()
    return variant | {"files": [], "kept": False, "reason": "differs from the original by more than the limit"}


def _parity(
    step: Step, prepared: Prepared, member: Answers, entry: Mapping[str, Any], test: NDArray[np.int64]
) -> dict[str, Any]:
    scorer: Scorer = load_scorer(step.out, entry)
    texts, recorded = prepared.at(test), member.at(test)
    differences = {"test": _largest(recorded, scorer.score(texts))}
    lone = np.unique(np.linspace(0, len(test) - 1, min(LONE_TEXTS, len(test))).astype(int))
    alone = np.concatenate([scorer.score([texts[place]]) for place in lone])
    differences["alone"] = _largest(recorded[lone], alone)
    odd = [clean(text) for text in ODD_TEXTS]
    differences["odd"] = _largest(Original(member.family, member.folder).score(odd), scorer.score(odd))
    return _numbers(differences, len(test) + len(lone) + len(odd))


def _together(step: Step, prepared: Prepared, result: Path, test: NDArray[np.int64]) -> dict[str, Any]:
    """Raw texts through the served path, against what evaluate judged."""
    predictor = Predictor.assemble(
        result / "choice.json", step.input("prepare") / "schema.json", step.out / "export.json"
    )
    judged = read_parquet(result / "predictions.parquet").set_index("_row").loc[test]
    names = [f"score_{place}" for place in range(len(prepared.classes))]
    expected: FloatArray = judged[names].to_numpy(dtype=np.float64)
    served = predictor.predict(prepared.frame[predictor.field].iloc[test].tolist())
    return _numbers({"raw texts": _largest(expected, served)}, len(test))


def _largest(left: FloatArray, right: FloatArray) -> float:
    if left.shape != right.shape:
        return float("inf")
    difference = np.abs(left - right)
    return float("inf") if np.isnan(difference).any() else float(difference.max(initial=0.0))


def _numbers(differences: Mapping[str, float], rows: int) -> dict[str, Any]:
    largest = max(differences.values())
    return {
        "rows": rows,
        "largest": json_number(largest, 3) if np.isfinite(largest) else 1e300,
        "differences": {name: json_number(value, 3) for name, value in differences.items()},
    }


def _check(step: Step, name: str, parity: Mapping[str, Any]) -> Check:
    limit, value = step.product.export.max_difference, float(parity["largest"])
    worst = max(parity["differences"], key=lambda kind: parity["differences"][kind] or 0.0)
    return Check(
        name=f"parity:{name}",
        ok=value <= limit,
        value=value,
        limit=limit,
        unit="of a probability",
        detail=f"{name} answers within {value:.2g} of the original on {parity['rows']} texts (worst: {worst})",
    )
