"""Behavioural tests and the scope: told in the card, judged by the gate, served with each answer."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from text_lanes import Lane

from pipelines.files import read_json, write_json
from pipelines.problems.text.evaluate.behaviour import checks, slips
from pipelines.serving.loaded import load

WORDS = st.lists(st.text("abcdefgh", min_size=1, max_size=9), min_size=1, max_size=30)


@given(WORDS, st.integers(0, 99))
def test_one_word_in_ten_is_misspelt_and_none_is_lost(words: list[str], seed: int) -> None:
    before = " ".join(words)
    after = slips(before, np.random.default_rng(seed)).split(" ")
    assert len(after) == len(words)
    changed = sum(one != other for one, other in zip(words, after, strict=True))
    assert changed <= max(1, len(words) // 10)


def test_only_tests_with_a_limit_are_judged() -> None:
    entry = {"name": "case", "rate": 0.9, "passed": 9, "cases": 10, "detail": "d", "ok": False, "limit": 0.95}
    found = checks([entry, {**entry, "name": "typos", "limit": None, "ok": True}])
    assert [(one.name, one.ok) for one in found] == [("behaviour:case", False)]


@pytest.mark.slow
def test_the_card_tells_pass_rates_and_the_verdict_judges_them(lane: Lane) -> None:
    card = read_json(lane.layout.stage("evaluate", "notes") / "result" / "card.json")
    found = {one["name"]: one for one in card["behaviour"]}
    assert set(found) == {"typos", "case", "names", "courtesy", "direction", "minimum"}
    assert found["minimum"]["cases"] == 2
    assert found["case"]["rate"] == 1.0
    assert found["typos"]["rate"] > 0.6
    judged = {check.name for check in lane.verdicts["evaluate"].checks if check.name.startswith("behaviour:")}
    assert judged == {"behaviour:case", "behaviour:minimum", "behaviour:direction"}
    shown = (lane.layout.stage("package", "notes") / "bundle" / "card.md").read_text(encoding="utf-8")
    assert "## Behaviour" in shown
    assert "## Texts out of scope" in shown


@pytest.mark.slow
def test_known_texts_are_in_scope_and_strange_ones_are_not(lane: Lane) -> None:
    bundle = lane.layout.stage("package", "notes") / "bundle"
    scope = read_json(bundle / "scope.json")
    assert 0.85 < scope["test_share_in_scope"] <= 1.0
    assert 0.0 <= scope["held_out"]["roc_auc"]["low"] <= scope["held_out"]["roc_auc"]["high"] <= 1.0
    known, strange = load("notes", None, bundle).answer(
        [{"text": "55-year-old patient with a throbbing headache with aura"}, {"text": "zzqx vvkj 991 %%"}]
    )
    assert known["in_scope"]
    assert known["scope"]["similarity"] >= scope["threshold"]
    assert known["scope"]["similarity"] > strange["scope"]["similarity"]


@pytest.mark.slow
def test_a_bundle_without_a_scope_says_nothing_of_it(lane: Lane, tmp_path_factory: pytest.TempPathFactory) -> None:
    import shutil

    from pipelines.errors import BundleError
    from pipelines.problems import load_answering

    copy = tmp_path_factory.mktemp("scope") / "bundle"
    shutil.copytree(lane.layout.stage("package", "notes") / "bundle", copy)
    write_json(copy / "scope.json", {"method": "unknown"})
    with pytest.raises(BundleError, match=r"scope.json cannot be read"):
        load_answering("text", copy, lambda _: None)
    (copy / "scope.json").unlink()
    assert "in_scope" not in load_answering("text", copy, lambda _: None).answer([{"text": "cough"}])[0]
