"""Replies and forecasts drafted from a file: what is concluded and written, what is asked, what is refused."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from drafting import draft, make_project
from reply_world import rows

from pipelines.config import load_params
from pipelines.errors import ConfigError, DataError
from pipelines.layout import Layout
from pipelines.onboarding.commands import wish_of
from pipelines.onboarding.door import again
from pipelines.problems.forecast.core.spec import Spec
from pipelines.validation.suite import load_suite


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return make_project(tmp_path / "project")


def csv(tmp_path: Path, frame: pd.DataFrame, name: str = "t.csv") -> Path:
    frame.to_csv(tmp_path / name, index=False)
    return tmp_path / name


@cache
def turns() -> pd.DataFrame:
    return pd.DataFrame(rows(440)).assign(channel="web")


def sales(days: int = 120) -> pd.DataFrame:
    """Three shops by day, with a price that moves, a shop's size, and a promotion."""
    rng = np.random.default_rng(0)
    when = pd.date_range("2025-01-01", periods=days, freq="D").strftime("%Y-%m-%d")
    frame = pd.DataFrame([(shop, day) for day in when for shop in ("a", "b", "c")], columns=["shop", "day"])
    frame["size"] = frame["shop"].map({"a": 10, "b": 20, "c": 30})
    frame["promotion"] = rng.integers(0, 2, len(frame))
    frame["price"] = rng.uniform(1, 2, len(frame)).round(2)
    frame["sold"] = (frame["size"] * (1 + frame["promotion"]) + rng.poisson(5, len(frame))).astype(int)
    return frame


def draft_replies(layout: Layout, path: Path, **options: Any) -> tuple[Any, str]:
    return draft(layout, path, "reply", "answers", problem="reply", group="dialogue_id", **options)


def test_agent_turns_are_drafted_with_their_dialogues_on_one_side(layout: Layout, tmp_path: Path) -> None:
    drafted, said = draft_replies(layout, csv(tmp_path, turns()))
    params = load_params(layout.params)
    block = params.product("answers")
    assert (block.problem, block.columns.id, block.columns.group, block.columns.target) == (
        "reply", "turn_id", "dialogue_id", "reply",
    )  # fmt: skip
    assert (block.prepare.split.by, block.evaluate.metric) == ("group", "bleu")
    families = {one.family: one.use for one in params.candidates_of("answers").values()}
    assert families == {"retrieval": "always", "seq2seq": "never"}
    suite = load_suite(layout.suite("answers"))
    assert all(rule.why for rule in suite.rules)
    assert len(suite.rules) >= 10
    assert drafted.conclusion.parts["channel"].role == "left out"
    for words in ("a dialogue stays on one side", "kinds of next actions", "use: auto trains it"):
        assert words in said
    assert not again(layout, "answers", lambda _: None).changed


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        (lambda f: f.drop(columns=["action"]), ConfigError, "column 'action' is missing"),
        (lambda f: f.assign(history="boss: do it"), DataError, "without a speaker"),
        (lambda f: f.head(50), DataError, "too few"),
        (lambda f: f.assign(action="talk"), DataError, "one thing only"),
        (lambda f: f.drop(columns=["turn_id"]), ConfigError, "--id COLUMN"),
    ],
)
def test_turns_that_teach_nothing_are_refused_in_one_line(
    layout: Layout, tmp_path: Path, change: Any, error: type[Exception], words: str
) -> None:
    before = layout.params.read_bytes()
    with pytest.raises(error, match=words) as caught:
        draft_replies(layout, csv(tmp_path, change(turns())))
    assert "\n" not in str(caught.value)
    assert layout.params.read_bytes() == before


def test_a_forecast_is_drafted_with_its_rhythm_and_what_is_known_ahead(layout: Layout, tmp_path: Path) -> None:
    path = csv(tmp_path, sales())
    drafted, said = draft(layout, path, "sold", "shop", time="day", series="shop", known=("promotion",))
    params = load_params(layout.params)
    block = params.product("shop")
    spec = Spec.of(block)
    assert (block.problem, spec.series, spec.time, spec.frequency, spec.horizon) == (
        "forecast",
        "shop",
        "day",
        "day",
        20,
    )
    assert (spec.known, spec.static_numeric, spec.scale) == (("promotion",), ("size",), "log")
    assert "changes within a series" in drafted.conclusion.parts["price"].why
    assert "--known price" in layout.params.read_text(encoding="utf-8")
    assert block.requirements.ceilings == {"wape": 1.0}
    assert {one.family for one in params.candidates_of("shop").values()} == {"statistical", "lightgbm"}
    assert re.search("3 series over 120 days", said)
    assert {rule.type for rule in load_suite(layout.suite("shop")).rules} >= {"expect_compound_columns_to_be_unique"}
    assert not again(layout, "shop", lambda _: None).changed


@pytest.mark.slow
def test_months_hours_and_zeros_are_seen(layout: Layout, tmp_path: Path) -> None:
    frame = sales(60)
    frame["day"] = np.repeat(pd.date_range("2020-01-01", periods=60, freq="MS").strftime("%Y-%m-%d"), 3)
    frame.loc[::10, "sold"] = 0
    draft(layout, csv(tmp_path, frame, "m.csv"), "sold", "monthly", time="day", series="shop")
    spec = Spec.of(load_params(layout.params).product("monthly"))
    assert (spec.frequency, spec.horizon, spec.scale) == ("month", 10, "ratio")
    hours = pd.date_range("2025-01-01", periods=60, freq="h").strftime("%Y-%m-%d %H:%M:%S")
    draft(
        layout,
        csv(tmp_path, frame.assign(day=np.repeat(hours, 3)), "h.csv"),
        "sold",
        "hourly",
        time="day",
        series="shop",
    )
    assert Spec.of(load_params(layout.params).product("hourly")).frequency == "hour"


@pytest.mark.parametrize(
    ("change", "options", "words"),
    [
        (lambda f: f, {"time": None}, "--series without --time"),
        (lambda f: f.assign(shop="a").drop_duplicates(["shop", "day"]), {}, "one series only"),
        (lambda f: f.head(30), {}, "too few"),
        (lambda f: f.assign(sold="many"), {}, "numbers"),
        (lambda f: f, {"horizon": 90}, "--horizon 90"),
        (lambda f: f, {"known": ("prise",)}, "no such column"),
        (lambda f: f, {"problem": "tabular"}, "leave --series COLUMN out"),
        (lambda f: f, {"text": "shop", "series": "size"}, "are 2 problems"),
    ],
)
def test_series_that_cannot_be_forecast_are_refused_by_option(
    layout: Layout, tmp_path: Path, change: Any, options: dict[str, Any], words: str
) -> None:
    before = layout.params.read_bytes()
    with pytest.raises((ConfigError, DataError), match=words):
        draft(layout, csv(tmp_path, change(sales())), "sold", "shop", **{"time": "day", "series": "shop", **options})
    assert layout.params.read_bytes() == before


def test_the_command_line_names_dialogue_and_reply() -> None:
    def wish(target: str | None = None, **single: str | None) -> Any:
        return wish_of("p", "f.csv", target, single, {}, {})

    made = wish(dialogue="talk", reply="said")
    assert (made.problem, made.group, made.target) == ("reply", "talk", "said")
    for single, words in (
        ({"dialogue": "talk"}, "--reply is missing"),
        ({"reply": "said"}, "--dialogue is missing"),
        ({"dialogue": "talk", "reply": "said", "group": "talk"}, "--group and"),
        ({"problem": "poem"}, "no such choice"),
    ):
        with pytest.raises(ConfigError, match=words):
            wish("x" if "problem" in single else None, **single)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["reply", "forecast"])
def test_a_drafted_product_runs_its_lane_up_to_a_bundle(layout: Layout, tmp_path: Path, kind: str) -> None:
    from own_data import DAY

    from pipelines.night.snapshot import take_snapshot
    from pipelines.runtime import run_stage

    name = "drafted"
    if kind == "reply":
        path = csv(tmp_path, pd.DataFrame(rows(1200)))
        draft(layout, path, "reply", name, problem="reply", group="dialogue_id")
    else:
        path = csv(tmp_path, sales(200))
        draft(layout, path, "sold", name, time="day", series="shop", known=("promotion",), horizon=14)
    params = load_params(layout.params)
    take_snapshot(layout, params, name, DAY)
    trained = [f"{name}-{model}" for model, one in params.candidates_of(name).items() if one.use != "never"]
    for stage, key in (
        *((stage, name) for stage in ("fetch", "validate", "label", "prepare")),
        *(("train", key) for key in params.candidates if key.startswith(f"{name}-")),
        *((stage, name) for stage in ("evaluate", "export", "package")),
    ):
        verdict = run_stage(layout, stage, key)
        assert verdict.passed or key not in (name, *trained), (stage, verdict.line())
    assert (layout.stage("package", name) / "bundle" / "manifest.json").is_file()
