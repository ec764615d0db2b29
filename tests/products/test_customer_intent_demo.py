"""The labelling functions of the simulated customer intents, and the rows that they are for."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pytest

from pipelines.blocks.sources import SimulatorSource
from pipelines.config import load_params
from pipelines.errors import ConfigError
from pipelines.products import functions_for
from pipelines.products.customer_intent_demo import LABEL_FUNCTIONS
from pipelines.sources.base import Place
from pipelines.sources.simulator import read


def rows(share: float, last_day: str = "2026-01-01"):
    source = SimulatorSource(kind="simulator", name="text_intents", rows_at_start=1500, labelled_share=share)
    place = Place("p", Path(), Path(), target="intent", id="id")
    return read(source, place, {"kind": "simulator", "name": "text_intents", "last_day": last_day})


def test_each_function_is_right_on_nine_of_ten_texts_and_silent_on_the_others() -> None:
    frame = rows(1.0).frame.dropna(subset=["text", "intent"])
    for name, function in LABEL_FUNCTIONS.items():
        said = np.array([function(row) for row in frame.drop(columns="intent").to_dict("records")], dtype=object)
        answered = np.array([one is not None for one in said])
        assert 0.03 < answered.mean() < 0.3, name
        assert (said[answered] == frame["intent"].to_numpy()[answered]).mean() > 0.9, name


def test_the_product_s_own_functions_are_there(root: Path) -> None:
    weak = load_params(root / "params.yaml").product("customer_intent_demo").label.weak
    assert weak is not None
    assert weak.module is not None
    code = functions_for(weak.module)
    assert {one.name for one in weak.functions if one.kind == "code"} <= set(code)
    with pytest.raises(ConfigError, match="no labelling functions in a module 'nothing'"):
        functions_for("nothing")


def test_a_share_of_simulated_rows_waits_for_its_label_and_stays_the_same_as_days_pass() -> None:
    few, later, whole = rows(0.7), rows(0.7, "2026-01-09"), rows(1.0)
    missing = few.frame["intent"].isna()
    assert 0.25 < missing.mean() < 0.35
    assert missing.equals(later.frame["intent"].isna().head(len(missing)))
    assert len(later.frame) > len(few.frame)
    assert few.frame["text"].equals(whole.frame["text"])
    assert few.origin["labelled_share"] == 0.7
    assert "labelled_share" not in whole.origin
    assert date.fromisoformat(str(few.origin["last_day"])) == date(2026, 1, 1)
