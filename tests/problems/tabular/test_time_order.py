"""Rows in order of time: the newest judge, newer ones weigh more, and the newest known are learned from too."""

from __future__ import annotations

from pathlib import Path

import labelled
import lanes
import numpy as np
import pytest

from pipelines.blocks.stages import Split
from pipelines.errors import ConfigError
from pipelines.files import read_json, read_parquet
from pipelines.layout import Layout
from pipelines.models import load_model
from pipelines.problems.common.balance import recency_weights
from pipelines.problems.common.splits import assign
from pipelines.problems.tabular.core.prepared import load_prepared

POSITION = {"split": {"by": "position", "test_share": 0.2, "valid_share": 0.1}}


def test_by_position_the_last_rows_judge() -> None:
    frame = labelled.plain_rows(100)
    product = labelled.product_of(labelled.PLAIN)
    side = assign(frame, product.columns, Split(by="position", test_share=0.2, valid_share=0.1))
    assert side.tolist() == ["train"] * 70 + ["valid"] * 10 + ["test"] * 20


def test_a_row_counts_half_after_the_half_life() -> None:
    frame = labelled.plain_rows(100)
    side = np.array(["train"] * 70 + ["valid"] * 10 + ["test"] * 20)
    product = labelled.product_of(labelled.PLAIN, prepare={**POSITION, "half_life": 20})
    weight = recency_weights(frame, side, product)
    assert weight[79] == 1.0
    assert weight[59] == pytest.approx(0.5)
    assert weight[39] == pytest.approx(0.25)
    assert (weight[80:] == 1.0).all()
    timed = labelled.product_of({**labelled.PLAIN, "time": "day"}, prepare={**POSITION, "half_life": 20})
    backwards = recency_weights(frame.assign(day=np.arange(100)[::-1]), side, timed)
    assert backwards[0] == 1.0
    assert backwards[79] == min(backwards[:80])


@pytest.mark.slow
def test_with_refit_the_served_model_has_learned_from_the_newest_rows(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    models = {"plain": {"params": lanes.QUICK}, "again": {"params": lanes.QUICK, "refit": True}}
    params = lanes.params_for("cancer", models=models)
    lanes.train(layout, params, "cancer")
    prepared = load_prepared(layout.stage("prepare", "cancer"), params.product("cancer").columns, None)
    plain, again = (layout.stage("train", "cancer", name) for name in ("plain", "again"))
    assert "trained again" in read_json(again / "model.json")["fitting"]
    one = read_parquet(plain / "predictions.parquet").set_index("_row")["score"]
    two = read_parquet(again / "predictions.parquet").set_index("_row")["score"]
    valid, test = prepared.rows("valid"), prepared.rows("test")
    assert np.array_equal(one.loc[valid], two.loc[valid])  # judged by a model that has not seen them
    assert not np.array_equal(one.loc[test], two.loc[test])
    served = load_model(again).predict(prepared.design.take(test))
    assert np.allclose(served, two.loc[test], atol=1e-12)
    rounds = [read_json(folder / "model.json")["members"][0]["best_iteration"] for folder in (plain, again)]
    assert rounds[1] <= rounds[0]
    assert lanes.evaluate(layout, params, "cancer").passed
    assert lanes.export(layout, params, "cancer").passed


def test_a_net_cannot_be_trained_again() -> None:
    from pipelines.problems.tabular.train.run import refit_members

    candidate = lanes.params_for("cancer").candidates_of("cancer")["lightgbm"].model_copy(update={"family": "tabm"})
    with pytest.raises(ConfigError, match="number of rounds"):
        refit_members(None, candidate, None, [], None)  # type: ignore[arg-type]
