"""Texts from the grammar: repeatable, growing only at the end, and with the best accuracy that is stated."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest

from pipelines.sources.simulators import simulator, text_grammar, text_intents, text_notes, text_topics

START = date(2026, 1, 1)
WORLDS = {"text_intents": text_intents, "text_notes": text_notes}


@pytest.mark.parametrize("name", [*sorted(WORLDS), "text_topics"])
def test_a_later_day_only_adds_rows_at_the_end(name: str) -> None:
    make = simulator(name)
    early = make.history(3, START, date(2026, 1, 5), 60, 4)
    late = make.history(3, START, date(2026, 1, 20), 60, 4)
    pd.testing.assert_frame_equal(late.head(len(early)), early)
    assert len(late) == 60 + 19 * 4


@pytest.mark.parametrize("name", [*sorted(WORLDS), "text_topics"])
def test_a_production_row_does_not_depend_on_how_many_come(name: str) -> None:
    make = simulator(name)
    for shift in make.SHIFTS:
        few, many = (make.production_day(3, START, rows, shift) for rows in (20, 50))
        pd.testing.assert_frame_equal(many.head(20), few)
        assert make.outcomes(3, START, 20, shift)["id"].tolist() == few["id"].tolist()
        assert few["text"].str.len().min() > 5


@pytest.mark.parametrize("name", sorted(WORLDS))
def test_one_in_ten_texts_is_about_the_new_topic(name: str) -> None:
    make, world = simulator(name), WORLDS[name].WORLD
    rows = make.outcomes(3, START, 3000, "new_topic")
    share = (rows[world.target] == text_grammar.OTHER).mean()
    assert share == pytest.approx(text_grammar.NEW_TOPIC_SHARE, abs=0.02)
    calm = make.outcomes(3, START, 3000, "none")
    assert set(calm[world.target]) == set(world.classes)


@pytest.mark.parametrize("name", sorted(WORLDS))
def test_one_who_knows_the_grammar_reaches_the_stated_accuracy_and_no_more(name: str) -> None:
    world = WORLDS[name].WORLD
    rows = text_grammar.history(world, 5, START, START, 6000, 0)
    rows = rows[rows["text"].fillna("").str.len() > 5]
    owners = {core.lower()[:14]: place for place, one in enumerate(world.classes) for core in world.cores[one]}
    owners |= {core.lower()[:14]: 2 * pair for pair, cores in enumerate(world.vague) for core in cores}
    # A misspelt core is not found: it is left out, which spoils no class more than another.
    said = [next((k for core, k in owners.items() if core in text.lower()), None) for text in rows["text"]]
    known = np.array([one is not None for one in said])
    assert known.mean() > 0.6
    labels = np.array([world.classes.index(label) if label in world.classes else -1 for label in rows[world.target]])
    right = np.array([k == label for k, label in zip(said, labels, strict=True)])[known & (labels >= 0)]
    assert right.mean() == pytest.approx(WORLDS[name].BEST_ACCURACY, abs=0.015)


def test_faulty_rows_are_few_and_of_each_kind() -> None:
    world = text_intents.WORLD
    rows = text_grammar.history(world, 5, START, START, 6000, 0)
    text = rows["text"]
    kinds = [text.isna(), text == "", text == "...!", rows[world.target] == "unknown_label", rows["id"].duplicated()]
    assert all(kind.any() for kind in kinds)
    assert sum(kind.sum() for kind in kinds) < 0.01 * len(rows)


def test_two_messages_in_five_are_about_two_things() -> None:
    rows = text_topics.history(5, START, START, 3000, 0)
    told = rows[text_topics.TARGET].str.split(text_topics.SEPARATOR)
    known = told[told.map(set) <= set(text_topics.LABELS)]
    assert len(known) > 2950
    # Two things of one class are one label: one pair in eight or so.
    assert (known.map(len) == 2).mean() == pytest.approx(text_topics.TWO_SHARE * 0.87, abs=0.03)
