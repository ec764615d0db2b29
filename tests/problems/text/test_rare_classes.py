"""Classes with one text, or with none to learn from: one clear error, before anything is trained."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from text_lanes import Lane, params_for, rows

from pipelines.errors import DataError

BY_COLUMN = {"split": {"by": "official", "column": "part", "valid_share": 0.2, "test_share": 0.0}}


def parted(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(part=["test" if place % 4 == 0 else "train" for place in range(len(frame))])


def test_one_example_per_class_is_too_little_and_is_said(tmp_path: Path) -> None:
    frame = rows(300).drop_duplicates("area").reset_index(drop=True)
    assert frame["area"].is_unique
    lane = Lane(tmp_path, params_for({"linear_text": {}}, label={"max_noise": 1.0}), frame)
    with pytest.raises(DataError, match=r"too few") as caught:
        lane.run("label")
        lane.run("prepare")
    assert "bring" in caught.value.next_step


def test_one_example_of_one_class_is_named(tmp_path: Path) -> None:
    frame = parted(rows(300))
    rare = frame[(frame["area"] == "urinary") & (frame["part"] == "train")].index
    lane = Lane(tmp_path, params_for({"linear_text": {}}, prepare=BY_COLUMN), frame.drop(rare[1:]))
    assert lane.run("label").passed
    with pytest.raises(DataError, match=r"class urinary of area has [01] train texts"):
        lane.run("prepare")


def test_a_class_that_only_the_test_side_has_is_named_with_its_rows(tmp_path: Path) -> None:
    frame = parted(rows(300))
    frame = frame[(frame["area"] != "cardiac") | (frame["part"] == "test")]
    lane = Lane(tmp_path, params_for({"linear_text": {}}, prepare=BY_COLUMN), frame.reset_index(drop=True))
    assert lane.run("label").passed
    with pytest.raises(
        DataError, match=r"class cardiac of area has 0 train texts \(\d+ on the other sides\)"
    ) as caught:
        lane.run("prepare")
    assert "bring at least 2 train texts of each class" in caught.value.next_step
