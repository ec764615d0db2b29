from __future__ import annotations

import lanes
import numpy as np
import pytest

from pipelines.blocks.stages import Export
from pipelines.bundle import verify_bundle
from pipelines.features.values import rows_to_columns
from pipelines.files import read_json, read_parquet
from pipelines.layout import Layout
from pipelines.metrics.intervals import Difference
from pipelines.problems.common import choosing
from pipelines.problems.common.choosing import Members
from pipelines.problems.common.frames import frame_columns
from pipelines.problems.tabular.answer.predictor import Predictor

NET = {"members": 4, "width": 32, "epochs": 6, "patience": 3}


@pytest.mark.slow
@pytest.mark.parametrize("product", sorted(lanes.TASKS))
def test_trees_and_a_net_are_judged_exported_packed_and_answered_as_one(
    product: str, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    layout = Layout(tmp_path_factory.mktemp(product))
    models = {
        "lightgbm": {"params": lanes.QUICK},
        "tabm": {"params": NET, "family": "tabm", "use": "always", "seeds": [0, 1]},
    }
    params = lanes.params_for(product, models=models)
    block = params.product(product).model_copy(update={"export": Export(int8=True)})
    params = params.model_copy(update={"products": {product: block}})
    lanes.train(layout, params, product)
    real = choosing.choose_members

    def both(*given: object) -> Members:
        found = real(*given)  # type: ignore[arg-type]
        assert set(found.ranking) == {"lightgbm", "tabm"}
        assert isinstance(found.gain, Difference)
        return Members({"lightgbm": 0.6, "tabm": 0.4}, found.how, found.ranking, found.gain, "for this test")

    monkeypatch.setattr(choosing, "choose_members", both)
    assert lanes.evaluate(layout, params, product).passed
    verdict = lanes.export(layout, params, product)
    assert verdict.passed, verdict.reason
    assert [check.name for check in verdict.checks] == [
        "parity:lightgbm:lightgbm",
        "parity:tabm:onnx",
        "parity:together",
    ]

    explained = read_json(layout.stage("evaluate", product) / "result" / "explanations.json")["models"]
    assert [(one["model"], one["method"]) for one in explained] == [
        ("lightgbm", "shap"),
        ("tabm", "integrated_gradients"),
    ]
    assert sum(entry["share"] for entry in explained[1]["importance"]) == pytest.approx(1.0, abs=1e-4)

    verdict = lanes.package(layout, params, product)
    assert verdict.passed, verdict.reason
    bundle = layout.stage("package", product) / "bundle"
    assert {"trees_0.txt", "net_0.onnx", "net_1.onnx"} <= {
        name.rpartition("/")[2] for name in verify_bundle(bundle).files
    }
    predictor = Predictor.load(bundle, lambda _: None)
    judged = read_parquet(layout.stage("evaluate", product) / "result" / "predictions.parquet")
    rows = read_parquet(layout.stage("prepare", product) / "rows.parquet").iloc[judged["_row"]]
    names = [name for name in judged.columns if name.startswith("score")]
    expected = judged[names].to_numpy()
    scores = predictor.predict(frame_columns(rows, predictor.fields)).reshape(len(rows), -1)
    assert np.abs(scores - expected).max() < 1e-6 * max(1.0, float(np.std(expected)))
    assert predictor.explained_by == "shap"

    golden = read_json(bundle / "golden.json")
    told = [answer["score"] for answer in golden["answers"]]
    told = [list(score.values()) if isinstance(score, dict) else score for score in told]
    assert len(told) > 30
    answered = predictor.predict(rows_to_columns(golden["rows"], predictor.fields))
    assert answered == pytest.approx(np.array(told), rel=1e-6, abs=1e-9)

    members = read_json(layout.stage("export", product) / "export.json")["members"]
    (trees,), (small,) = members[0]["variants"], members[1]["variants"]
    assert trees["kept"]
    assert (small["weights"], small["kept"], small["files"]) == ("int8", False, [])
    assert small["parity"]["largest"] > params.product(product).export.max_difference
    assert not list(layout.stage("export", product).rglob("*.int8.onnx"))
