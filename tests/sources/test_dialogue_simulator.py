"""Simulated dialogues: repeatable, growing only at the end, every value of a reply known before it is said."""

from __future__ import annotations

import json
from datetime import date
from itertools import pairwise

import pandas as pd
import pytest

from pipelines.problems.reply.core.dialogue import read_row, split_history
from pipelines.problems.reply.core.slots import foreign_parts
from pipelines.sources.simulators import dialogues, simulator

START = date(2026, 1, 1)


def test_a_later_day_only_adds_turns_at_the_end() -> None:
    make = simulator("dialogues")
    early = make.history(3, START, date(2026, 1, 4), 200, 10)
    late = make.history(3, START, date(2026, 1, 15), 200, 10)
    pd.testing.assert_frame_equal(late.head(len(early)), early)
    assert len(late) == 200 + 14 * 10
    assert late["turn_id"].is_unique


def test_another_seed_makes_other_dialogues() -> None:
    one, other = (dialogues.history(seed, START, START, 100, 0) for seed in (1, 2))
    assert set(one["history"]) != set(other["history"])


def test_every_number_and_name_of_a_reply_is_known_before_it_is_said() -> None:
    for row in dialogues.history(5, START, START, 400, 0).to_dict("records"):
        if row["history"]:
            assert foreign_parts(row["reply"], read_row(row)) == [], row


def test_histories_grow_by_what_was_said_and_end_with_the_customer() -> None:
    frame = dialogues.history(5, START, START, 200, 0)
    frame = frame[frame["history"] != ""]
    for _, turns in frame.groupby("dialogue_id"):
        rows = turns.sort_values("turn").to_dict("records")
        for before, after in pairwise(rows):
            if after["turn"] == before["turn"] + 1:
                assert after["history"].startswith(f"{before['history']}\nagent: {before['reply']}\n")
        assert all(split_history(row["history"])[-1][0] == "customer" for row in rows)
        assert all(row["knowledge"] is None or isinstance(json.loads(row["knowledge"]), dict) for row in rows)


def test_some_rows_are_wrong_on_purpose() -> None:
    frame = dialogues.history(5, START, START, 2000, 0)
    share = float((frame["history"] == "").mean())
    assert 0.0 < share < 4 * dialogues.BAD_SHARE


@pytest.mark.parametrize("shift", dialogues.SHIFTS)
def test_production_comes_without_its_outcome_and_the_outcome_fits_it(shift: str) -> None:
    asked = dialogues.production_day(3, START, 120, shift)
    told = dialogues.outcomes(3, START, 120, shift)
    assert list(asked.columns) == list(dialogues.INPUTS)
    assert asked["turn_id"].tolist() == told["turn_id"].tolist()
    assert not set(asked["turn_id"]) & set(dialogues.history(3, START, START, 500, 0)["turn_id"])


def test_shifts_change_what_they_say() -> None:
    plain, subject, language, length = (dialogues.production_day(3, START, 400, shift) for shift in dialogues.SHIFTS)
    assert plain["history"].str.contains("parking").sum() == 0
    assert subject["history"].str.contains("parking").mean() > 0.1
    assert language["history"].str.contains("necesito|idioma").mean() > 0.4
    assert length["history"].str.len().mean() > 2 * plain["history"].str.len().mean()
    with pytest.raises(ValueError, match="no shift 'rain'"):
        dialogues.production_day(3, START, 10, "rain")
