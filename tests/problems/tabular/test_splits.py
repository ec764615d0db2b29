"""Sides of the split: they belong to the row, its group, its time or an official column, never to the row's place."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.blocks.columns import Columns
from pipelines.blocks.stages import Split
from pipelines.errors import ConfigError, DataError
from pipelines.problems.common.identity import content_codes, content_keys, row_keys, same_value, unit_hash
from pipelines.problems.common.splits import assign

COLUMNS = Columns(id="id", target="y", task="binary", time="when", group="house", numeric=("a",))


def rows(ids: list[int]) -> pd.DataFrame:
    return pd.DataFrame({"id": ids, "a": 0.0, "y": 0, "house": [i // 3 for i in ids]})


@settings(deadline=None, max_examples=40)
@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=60, unique=True), st.integers(0, 2**32), st.data())
def test_growing_and_shuffled_data_never_changes_a_side(ids: list[int], seed: int, data: st.DataObject) -> None:
    by = data.draw(st.sampled_from(["hash", "group"]))
    known = data.draw(st.integers(1, len(ids)))
    split = Split(by=by)
    before = dict(zip(ids[:known], assign(rows(ids[:known]), COLUMNS, split).tolist(), strict=True))
    later = np.random.default_rng(seed).permutation(ids).tolist()
    after = dict(zip(later, assign(rows(later), COLUMNS, split).tolist(), strict=True))
    assert {i: after[i] for i in before} == before


def test_a_side_outlives_the_release() -> None:
    """Written down once: another side for these ids would put rows of the champion's train side into the test side."""
    side = assign(rows(list(range(12))), COLUMNS, Split())
    place = unit_hash([str(i) for i in range(12)], "nightshift")
    assert place[:2].tolist() == pytest.approx([0.5097801313472206, 0.6361596584965635], abs=1e-15)
    assert side.tolist() == ["test" if p < 0.2 else "valid" if p < 0.36 else "train" for p in place]


@pytest.mark.parametrize(("test_share", "valid_share"), [(0.2, 0.16), (0.3, 0.3), (0.05, 0.0), (0.0, 0.5)])
def test_shares_are_near_those_asked(test_share: float, valid_share: float) -> None:
    side = assign(rows(list(range(20_000))), COLUMNS, Split(test_share=test_share, valid_share=valid_share))
    for name, share in (("test", test_share), ("valid", valid_share)):
        assert abs((side == name).mean() - share) <= 4 * (share * (1 - share) / 20_000) ** 0.5


def test_another_salt_gives_independent_sides() -> None:
    frame = rows(list(range(20_000)))
    one, other = (assign(frame, COLUMNS, Split(salt=salt)) == "test" for salt in ("a", "b"))
    assert abs(other[one].mean() - 0.2) < 0.03


@settings(deadline=None, max_examples=40)
@given(st.lists(st.text(max_size=5), max_size=20), st.text(max_size=4))
def test_hashes_lie_in_the_unit_interval_and_depend_on_their_key_alone(keys: list[str], salt: str) -> None:
    together = unit_hash(keys, salt)
    assert ((together >= 0) & (together < 1)).all()
    assert together.tolist() == [unit_hash([key], salt)[0] for key in keys]


def test_a_group_never_parts() -> None:
    frame = rows(list(range(3000)))
    side = assign(frame, COLUMNS, Split(by="group"))
    assert pd.Series(side).groupby(frame["house"]).nunique().max() == 1
    assert set(side) == {"train", "valid", "test"}


def test_rows_without_a_group_are_groups_of_their_own() -> None:
    frame = rows(list(range(300))).assign(house=None)
    assert set(assign(frame, COLUMNS, Split(by="group"))) == {"train", "valid", "test"}


@pytest.mark.parametrize("kind", ["text", "datetime", "number"])
def test_time_puts_the_latest_rows_last(kind: str) -> None:
    day = np.random.default_rng(0).permutation(1000)
    stamp = pd.Timestamp("2024-01-01") + pd.to_timedelta(day, unit="D")
    when = {"text": stamp.strftime("%Y-%m-%d"), "datetime": stamp, "number": day}[kind]
    side = assign(rows(list(range(1000))).assign(when=when), COLUMNS, Split(by="time"))
    assert day[side == "train"].max() < day[side == "valid"].min()
    assert day[side == "valid"].max() < day[side == "test"].min()
    assert abs((side == "test").sum() - 200) <= 1
    assert abs((side == "valid").sum() - 160) <= 1


@settings(deadline=None, max_examples=40)
@given(st.lists(st.integers(0, 6), min_size=1, max_size=40))
def test_rows_of_one_moment_stay_together(moments: list[int]) -> None:
    side = assign(rows(list(range(len(moments)))).assign(when=moments), COLUMNS, Split(by="time"))
    assert pd.Series(side).groupby(moments).nunique().max() == 1


def test_a_time_that_cannot_be_read_is_counted() -> None:
    frame = rows([1, 2, 3]).assign(when=["2024-01-01", "soon", None])
    with pytest.raises(DataError, match="2 rows have no time"):
        assign(frame, COLUMNS, Split(by="time"))


def test_the_official_split_is_kept() -> None:
    frame = rows(list(range(4))).assign(part=["Train", "validation", "TEST", "dev"])
    assert assign(frame, COLUMNS, Split(by="official", column="part")).tolist() == ["train", "valid", "test", "valid"]


def test_an_official_split_without_valid_takes_it_from_train_by_hash() -> None:
    part = ["test" if i % 5 == 0 else "train" for i in range(10_000)]
    side = assign(rows(list(range(10_000))).assign(part=part), COLUMNS, Split(by="official", column="part"))
    assert ((side == "test") == (np.array(part) == "test")).all()
    assert abs((side == "valid").mean() - 0.16) < 0.015


@pytest.mark.parametrize(
    ("split", "columns", "error", "says"),
    [
        (Split(test_share=0.5, valid_share=0.5), COLUMNS, ConfigError, "no row for training"),
        (Split(by="official"), COLUMNS, ConfigError, "needs a column"),
        (Split(by="official", column="part"), COLUMNS, DataError, "'part' is missing"),
        (Split(by="official", column="house"), COLUMNS, DataError, "official split holds"),
        (Split(by="time"), COLUMNS.model_copy(update={"time": None}), ConfigError, "needs a column"),
        (Split(by="time"), COLUMNS, DataError, "'when' is missing"),
    ],
)
def test_a_split_that_cannot_be_made_says_why(split: Split, columns: Columns, error: Any, says: str) -> None:
    with pytest.raises(error, match=says):
        assign(rows([1, 2, 3]), columns, split)


def test_ids_are_the_same_however_they_are_stored() -> None:
    columns = COLUMNS
    whole = assign(rows(list(range(50))), columns, Split())
    decimal = assign(rows(list(range(50))).astype({"id": float}), columns, Split())
    text = assign(rows(list(range(50))).astype({"id": str}), columns, Split())
    assert whole.tolist() == decimal.tolist() == text.tolist()
    assert same_value(1, "1")
    assert not same_value(1, None)


def test_without_an_id_the_content_names_a_row() -> None:
    frame = pd.DataFrame({"a": [1.0, np.nan, 1.0], "b": ["é", None, "é"], "y": [0, 1, 1], "_suspect": [0.1, 0.2, 0.3]})
    columns = Columns(id=None, target="y", task="binary", numeric=("a",), categorical=("b",))
    keys = row_keys(frame, columns)
    assert keys[0] == keys[2] != keys[1]
    grown = row_keys(frame.assign(new=None), columns)
    assert grown == keys


def test_a_row_without_id_falls_back_to_its_content() -> None:
    frame = pd.DataFrame({"id": [7, None, None], "a": [1.0, 2.0, 3.0], "y": 0})
    keys = row_keys(frame, COLUMNS)
    assert keys[0] == "7"
    assert len(set(keys)) == 3


CELL = st.one_of(st.none(), st.integers(0, 2), st.sampled_from(["", "x", "1"]), st.sampled_from([1.0, np.nan]))


@settings(deadline=None, max_examples=40)
@given(st.lists(st.tuples(CELL, CELL), max_size=15))
def test_equal_codes_mean_equal_content(cells: list[tuple[Any, Any]]) -> None:
    frame = pd.DataFrame(cells, columns=["p", "q"], dtype=object)
    codes, keys = content_codes(frame, ["p", "q"]), content_keys(frame, ["p", "q"])
    for i in range(len(frame)):
        for j in range(len(frame)):
            assert (codes[i] == codes[j]) == (keys[i] == keys[j])
