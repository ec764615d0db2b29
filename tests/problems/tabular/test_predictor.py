from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import lanes
import numpy as np
import pytest

from pipelines.config import Params
from pipelines.errors import BundleError, DataError
from pipelines.files import read_json, read_parquet, write_json
from pipelines.layout import Layout
from pipelines.metrics.calibration import logit
from pipelines.problems.common.frames import frame_columns
from pipelines.problems.common.reasons import reference_design
from pipelines.problems.tabular.answer.predictor import Predictor


def no_features(_name: str | None) -> None:
    return None


def assembled(layout: Layout, product: str) -> Predictor:
    return Predictor.assemble(*lanes.bundle_parts(layout, product), no_features)


def test_rows_are_answered_as_they_were_judged(lane: tuple[Layout, Params, str]) -> None:
    layout, _, product = lane
    predictor = assembled(layout, product)
    judged = read_parquet(layout.stage("evaluate", product) / "result" / "predictions.parquet")
    rows = read_parquet(layout.stage("prepare", product) / "rows.parquet").iloc[judged["_row"]]
    scores = predictor.predict(frame_columns(rows, predictor.fields))
    names = [name for name in judged.columns if name.startswith("score")]
    assert scores.reshape(len(rows), -1) == pytest.approx(judged[names].to_numpy(), abs=1e-9)
    decisions = predictor.decide(scores)
    assert (decisions is None) is ("decision" not in judged)
    if decisions is not None:
        assert decisions.tolist() == judged["decision"].tolist()


def test_a_row_is_answered_the_same_alone_as_json_and_among_others(lane: tuple[Layout, Params, str]) -> None:
    layout, _, product = lane
    predictor = assembled(layout, product)
    rows = read_parquet(layout.stage("prepare", product) / "rows.parquet").iloc[:40]
    together = predictor.predict(frame_columns(rows, predictor.fields))
    for place, row in enumerate(json.loads(rows[list(predictor.fields)].to_json(orient="records"))):
        alone = predictor.predict(predictor.design_of_rows([row]))
        assert alone == pytest.approx(together[place : place + 1], abs=1e-12)


def test_missing_unknown_and_absent_values_are_answered(lane: tuple[Layout, Params, str]) -> None:
    layout, _, product = lane
    predictor = assembled(layout, product)
    odd: list[dict[str, Any]] = [
        {},
        {"größe": "riesig"},
        dict.fromkeys(predictor.fields),
        {"x0": float("nan"), "x1": "?"},
    ]
    assert np.isfinite(predictor.predict(predictor.design_of_rows(odd))).all()
    with pytest.raises(DataError, match="is missing"):
        predictor.predict({"x0": np.zeros(3)})


def test_reasons_are_complete_and_name_what_the_row_has(lane: tuple[Layout, Params, str]) -> None:
    layout, _, product = lane
    predictor = assembled(layout, product)
    rows = read_parquet(layout.stage("prepare", product) / "rows.parquet").iloc[:30]
    design = predictor.design(frame_columns(rows, predictor.fields))
    assert predictor.explained_by == "shap"
    trees: Any = predictor._trees
    values = trees.contributions(design)
    assert values.sum(axis=-1) == pytest.approx(trees.raw(design), abs=1e-9)
    parts = predictor.contributions(design)
    for place, reasons in enumerate(predictor.explain(design, top=3)):
        assert 1 <= len(reasons) <= 3
        sizes = [abs(reason.contribution) for reason in reasons]
        assert sizes == sorted(sizes, reverse=True)
        assert sizes[0] == pytest.approx(np.abs(parts[place]).max())
        for reason in reasons:
            value = rows.iloc[place][reason.feature]
            if isinstance(reason.value, float):
                assert reason.value == pytest.approx(value, rel=1e-5)
            elif reason.value is None:
                assert value is None or value != value
            else:
                assert reason.value == value
            json.dumps(reason.to_json(), allow_nan=False)


def test_an_onnx_only_bundle_is_explained_by_occlusion(lane: tuple[Layout, Params, str], tmp_path: Path) -> None:
    layout, _, product = lane
    choice, features, export = lanes.bundle_parts(layout, product)
    members = []
    for member in read_json(export)["members"]:
        (variant,) = member["variants"]
        members.append({**variant, "files": [str(export.parent / name) for name in variant["files"]]})
    write_json(tmp_path / "export.json", {"members": members})
    graphs = Predictor.assemble(choice, features, tmp_path / "export.json", no_features)
    native = assembled(layout, product)
    rows = read_parquet(layout.stage("prepare", product) / "rows.parquet").iloc[:25]
    design = native.design(frame_columns(rows, native.fields))
    assert graphs.predict(design) == pytest.approx(native.predict(design), rel=1e-6, abs=1e-6)
    assert graphs.explained_by == "occlusion"
    parts = graphs.contributions(design)
    assert parts.shape == (25, 7)
    reference = reference_design(read_json(choice)["reference"], design)
    assert np.abs(graphs.contributions(reference)).max() < 1e-9
    if product == "cancer":
        changed = design.take(np.array([0]))
        changed.numeric[0, 2] = reference.numeric[0, 2]
        expected = logit(graphs.predict(design)[:1]) - logit(graphs.predict(changed))
        assert parts[0, 2] == pytest.approx(expected[0], abs=1e-6)


def test_a_bundle_that_does_not_fit_together_is_refused(lane: tuple[Layout, Params, str], tmp_path: Path) -> None:
    layout, _, product = lane
    choice, features, export = lanes.bundle_parts(layout, product)
    (tmp_path / "export.json").write_text("{", encoding="utf-8")
    with pytest.raises(BundleError, match=r"export\.json cannot be read"):
        Predictor.assemble(choice, features, tmp_path / "export.json", no_features)
    write_json(tmp_path / "export.json", {"members": []})
    with pytest.raises(BundleError, match="was not exported"):
        Predictor.assemble(choice, features, tmp_path / "export.json", no_features)
    write_json(tmp_path / "export.json", read_json(export))
    with pytest.raises(BundleError, match="is missing"):
        Predictor.assemble(choice, features, tmp_path / "export.json", no_features)
    for member in read_json(export)["members"]:
        for name in member["files"]:
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).write_text("not a model", encoding="utf-8")
    with pytest.raises(BundleError, match="not a LightGBM model"):
        Predictor.assemble(choice, features, tmp_path / "export.json", no_features)


def test_the_service_s_path_needs_no_heavy_package(lane: tuple[Layout, Params, str]) -> None:
    layout, _, product = lane
    files = ", ".join(f"Path({str(path)!r})" for path in lanes.bundle_parts(layout, product))
    code = f"""
import sys
from pathlib import Path
for name in ("pandas", "sklearn", "torch", "pyarrow", "matplotlib"):
    sys.modules[name] = None
from pipelines.problems.tabular.answer.predictor import Predictor
predictor = Predictor.assemble({files}, lambda name: None)
design = predictor.design_of_rows([{{"x0": 1.0}}])
predictor.predict(design), predictor.explain(design)
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)
