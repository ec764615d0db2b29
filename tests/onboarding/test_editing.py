"""params.yaml as text: insertion, cuts and new names leave the rest alone; suites keep a person's edits."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from drafting import customers, draft, make_project
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.config import load_params
from pipelines.errors import ConfigError
from pipelines.layout import Layout
from pipelines.onboarding.asking import Refuse
from pipelines.onboarding.block import scalar
from pipelines.onboarding.commands import draft_again
from pipelines.onboarding.drafts import merge
from pipelines.onboarding.insert import Text, edit_params
from pipelines.onboarding.listing import list_text
from pipelines.onboarding.removing import remove_product
from pipelines.onboarding.renaming import rename_product
from pipelines.records.registry import Version, add_version, champion, history, move_champion
from pipelines.records.store import open_records

SMALL = """# head
products:
  a:
    x: 1  # one

  # about b
  b: {x: 2}

# about candidates
candidates:
  a-m: 1
"""


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return make_project(tmp_path / "project")


@pytest.fixture
def drafted(layout: Layout, tmp_path: Path) -> Layout:
    customers().to_csv(tmp_path / "t.csv", index=False)
    draft(layout, tmp_path / "t.csv")
    return layout


def test_what_is_added_stands_at_the_end_of_its_block() -> None:
    text = Text(SMALL)
    text.append("products", "  c:\n    x: 3\n", blank=True)
    text.append("candidates", "  c-m: 1\n", blank=False)
    wanted = SMALL.replace("  b: {x: 2}\n", "  b: {x: 2}\n\n  c:\n    x: 3\n").replace(
        "  a-m: 1\n", "  a-m: 1\n  c-m: 1\n"
    )
    assert text.content() == wanted


def test_what_is_cut_takes_its_comment_along_and_nothing_else() -> None:
    text = Text(SMALL)
    text.cut("products", "b")
    assert text.content() == SMALL.replace("\n  # about b\n  b: {x: 2}\n", "")
    text.append("products", "  # about b\n  b: {x: 2}\n", blank=True)
    assert text.content() == SMALL


def test_line_ends_of_windows_and_a_missing_last_one_are_kept() -> None:
    text = Text(SMALL.replace("\n", "\r\n").rstrip())
    text.append("candidates", "  c-m: 1\n", blank=False)
    assert text.content().endswith("  a-m: 1\n  c-m: 1\r\n") or text.content().endswith("  a-m: 1\r\n  c-m: 1\r\n")
    assert yaml.safe_load(text.content())["candidates"] == {"a-m": 1, "c-m": 1}


def test_keys_and_values_are_swapped_in_place() -> None:
    text = Text(SMALL)
    text.replace(("products", "a", "x"), "7")
    text.rename(("products", "a"), "z")
    assert text.content() == SMALL.replace("  a:\n    x: 1  # one", "  z:\n    x: 7  # one")


@pytest.mark.parametrize("broken", ["products: {a: {x: 1}}\ncandidates:\n  a-m: 1\n", "[]", "other:\n  a: 1\n"])
def test_a_file_of_another_shape_is_refused(broken: str) -> None:
    with pytest.raises(ConfigError):
        Text(broken).entries("products")


def test_what_would_not_load_is_not_written(layout: Layout) -> None:
    before = layout.params.read_bytes()
    with pytest.raises(ConfigError, match="would not load"):
        edit_params(layout, lambda text: text.append("products", "  bad:\n    title: x\n", blank=True))
    assert layout.params.read_bytes() == before


@settings(max_examples=120, deadline=None)
@given(st.one_of(st.text(max_size=20), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.booleans()))
def test_any_value_is_read_back_from_its_yaml(value: object) -> None:
    if isinstance(value, float) and abs(value) > 1e300:
        return
    if isinstance(value, str) and any(0xD800 <= ord(char) < 0xE000 for char in value):
        return
    read = yaml.safe_load(f"key: {scalar(value)}\n{scalar(str(value))}: 1\n")
    if isinstance(value, float):
        assert read["key"] == pytest.approx(value, rel=1e-9, abs=1e-300)
    else:
        assert read["key"] == value
        assert type(read["key"]) is type(value)
        assert str(value) in read


def rules(layout: Layout) -> list[dict]:
    return json.loads(layout.suite("churn").read_text(encoding="utf-8"))["expectations"]


def test_drafting_again_keeps_what_a_person_wrote_edited_and_took_out(drafted: Layout, tmp_path: Path) -> None:
    path = drafted.suite("churn")
    suite = json.loads(path.read_text(encoding="utf-8"))
    found = suite["expectations"]
    edited = next(rule for rule in found if rule["kwargs"].get("column") == "visits" and "max_value" in rule["kwargs"])
    edited["kwargs"]["max_value"] = 41
    taken = next(rule for rule in found if rule["kwargs"].get("column") == "city")
    found.remove(taken)
    own = {"type": "expect_column_mean_to_be_between", "kwargs": {"column": "spent", "max_value": 500}}
    found.append(own)
    path.write_text(json.dumps(suite, ensure_ascii=False), encoding="utf-8")
    frame = customers()
    frame["spent"] = frame["spent"] * 9
    frame.to_csv(tmp_path / "t.csv", index=False)
    said: list[str] = []
    draft_again(drafted, "churn", None, False, said.append, Refuse())
    assert json.loads(path.read_text(encoding="utf-8")) == suite  # shown, not written
    assert any(line.startswith("--- a/expectations/churn.json") for line in said)
    draft_again(drafted, "churn", None, True, said.append, Refuse())
    after = rules(drafted)
    assert edited in after
    assert own in after
    assert taken not in after
    spent = next(rule for rule in after if rule["kwargs"].get("column") == "spent" and "min_value" in rule["kwargs"])
    assert spent not in found
    again: list[str] = []
    draft_again(drafted, "churn", None, True, again.append, Refuse())
    assert "nothing to change" in again[0]


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_merging_never_loses_a_persons_rule(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    layout = Layout(tmp_path_factory.mktemp("m"))

    def rule(column: str, top: int) -> dict:
        return {"type": "expect_x", "kwargs": {"column": column, "max_value": top}}

    numbers = st.lists(
        st.tuples(st.sampled_from("abcd"), st.integers(0, 3)), max_size=4, unique_by=lambda item: item[0]
    )
    first = [rule(*item) for item in data.draw(numbers)]
    layout.suite("p").parent.mkdir()
    layout.suite("p").write_text(merge(layout, "p", first, "n").after, encoding="utf-8")
    mine = [rule(*item) for item in data.draw(numbers)]
    content = json.loads(layout.suite("p").read_text(encoding="utf-8"))
    content["expectations"] = mine
    layout.suite("p").write_text(json.dumps(content), encoding="utf-8")
    fresh = [rule(*item) for item in data.draw(numbers)]
    after = json.loads(merge(layout, "p", fresh, "n").after)["expectations"]
    assert all(item in after for item in mine if item not in first)
    gone = {item["kwargs"]["column"] for item in first} - {item["kwargs"]["column"] for item in mine}
    assert not [item for item in after if item["kwargs"]["column"] in gone]


def promote(layout: Layout, product: str) -> None:
    records = open_records(layout.records_url)
    add_version(records, Version(product, "v1", "n", digests={}, metrics={}))
    move_champion(records, product, "v1", expected=None, kind="promote", who="t", why="t")
    records.close()


def test_list_names_every_product_and_what_is_served_without_being_one(drafted: Layout) -> None:
    promote(drafted, "gone_by")
    text = list_text(drafted)
    assert all(name in text for name in load_params(drafted.params).products)
    assert "gone_by is served but no product any more" in text


def test_remove_says_what_goes_asks_and_keeps_the_records(drafted: Layout, tmp_path: Path) -> None:
    promote(drafted, "churn")
    drafted.lane("churn").mkdir(parents=True)
    said: list[str] = []
    with pytest.raises(ConfigError, match="--yes"):
        remove_product(drafted, "churn", said.append, ask=Refuse())
    assert "churn" in load_params(drafted.params).products
    remove_product(drafted, "churn", said.append, sure=True)
    assert drafted.params.read_text(encoding="utf-8") == make_project(tmp_path / "other").params.read_text(
        encoding="utf-8"
    )
    assert not drafted.suite("churn").exists()
    assert not drafted.lane("churn").exists()
    records = open_records(drafted.records_url)
    assert champion(records, "churn") is None
    assert len(history(records, "churn")) == 1
    records.close()
    assert any("stays: history" in line for line in said)
    with pytest.raises(ConfigError, match="choose one of"):
        remove_product(drafted, "churn", said.append, sure=True)


def test_rename_moves_block_candidates_suite_and_lane(drafted: Layout) -> None:
    promote(drafted, "churn")
    (drafted.lane("churn") / "fetch").mkdir(parents=True)
    before = load_params(drafted.params).product("churn")
    said: list[str] = []
    rename_product(drafted, "churn", "leavers", said.append)
    params = load_params(drafted.params)
    assert "churn" not in params.products
    after = params.product("leavers")
    assert after.validation.suite == "leavers"
    assert after.prepare.split.salt == before.prepare.split.salt
    assert set(params.candidates_of("leavers")) == {"lightgbm", "tabm"}
    assert json.loads(drafted.suite("leavers").read_text(encoding="utf-8"))["name"] == "leavers"
    assert not drafted.suite("churn").exists()
    assert (drafted.lane("leavers") / "fetch").is_dir()
    assert any("stay in the records under churn" in line for line in said)
    for old, new in (("leavers", "credit_risk"), ("leavers", "churn"), ("nobody", "x"), ("leavers", "No")):
        with pytest.raises(ConfigError):
            rename_product(drafted, old, new, said.append)
