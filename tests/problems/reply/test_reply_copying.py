"""Names, numbers and times come out as they stand in the case at hand, also those that no training ever showed."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reply_world import model, rows

from pipelines.blocks.models import Profile
from pipelines.models.seq2seq import training
from pipelines.models.seq2seq.decoding import Decoding
from pipelines.models.seq2seq.pieces import learn
from pipelines.problems.reply.core.candidates import bags_of
from pipelines.problems.reply.core.dialogue import Situation, read_row
from pipelines.problems.reply.core.slots import delexicalise, foreign_parts, realise, values_of
from pipelines.problems.reply.core.writing import KNOWN, SPEAKERS, Writer, mark_of, source_text, target_text

SYLLABLES = ("zor", "vex", "quil", "wub", "jyn", "xal", "fip", "gnu")
NAMES = st.builds(lambda a, b: (a + b).capitalize(), *[st.sampled_from(SYLLABLES)] * 2)
TIMES = st.builds(lambda h, m: f"{h}:{m:02d} pm", st.integers(1, 4), st.integers(1, 59))  # the simulator's: from 5 on
FORMS = (
    "The parcel {0} was delivered by {1} on {2} at {3}.",
    "The parcel {0} is with {1} and will arrive on {2} before {3}.",
)
CODES = st.integers(1_000_000, 9_999_999).map(str)  # longer than any of the simulator's


def _parcel(number: str, carrier: str, day: str, time: str) -> dict[str, Any]:
    known = {"Parcel": number, "Carrier": carrier, "Day": day, "Time": time, "State": "delivered"}
    said = (
        f"customer: my package has not arrived\nagent: Could you tell me the number of the parcel?\ncustomer: {number}"
    )
    return {"history": said, "knowledge": json.dumps(known), "looked_up": 1, "draft": None}


@cache
def _seen() -> str:
    return json.dumps(rows())


@settings(max_examples=25, deadline=None)
@given(number=CODES, first=NAMES, second=NAMES, day=NAMES, time=TIMES)
def test_what_training_never_showed_is_copied_letter_by_letter(
    number: str, first: str, second: str, day: str, time: str
) -> None:
    carrier = f"{first} {second}"
    assert not [value for value in (number, first, day, time) if value in _seen()]
    answer = model().answer([_parcel(number, carrier, day, time)])[0]
    assert answer["reply"] in {form.format(number, carrier, day, time) for form in FORMS}


@settings(max_examples=60, deadline=None)
@given(
    fields=st.dictionaries(st.sampled_from(["Name", "Code", "Time", "Town"]), st.one_of(NAMES, CODES, TIMES)),
    said=st.lists(st.one_of(NAMES, CODES, TIMES), max_size=3),
    words=st.lists(st.sampled_from(["we", "have", "booked", "for", "you"]), min_size=1, max_size=4),
    data=st.data(),
)
def test_slots_lose_nothing_and_hold_nothing_foreign(
    fields: dict[str, str], said: list[str], words: list[str], data: st.DataObject
) -> None:
    history = "\n".join(f"customer: it is {value}" for value in ["x", *said])
    situation = read_row({"history": history, "knowledge": json.dumps(fields)})
    values = values_of(situation)
    used = data.draw(st.lists(st.sampled_from([value for _, value in values]), max_size=3)) if values else []
    text = " ".join([*words, *used])
    back = realise(delexicalise(text, values), values)
    assert back is not None
    assert back.casefold() == text.casefold()
    assert foreign_parts(back, situation) == []


@cache
def _writer() -> Writer:
    """A small encoder-decoder, trained on 500 simulated turns."""
    held = rows(500)
    situations = [read_row(row) for row in held]
    values = bags_of(situations)[1]
    texts = [
        (source_text(one, own), target_text(row["action"], delexicalise(row["reply"], own)))
        for one, own, row in zip(situations, values, held, strict=True)
    ]
    slots = {f"{{{slot}}}" for own in values for slot, _ in own}
    whole = sorted([KNOWN, *SPEAKERS.values(), *slots, *(mark_of(row["action"]) for row in held)])
    pieces = learn([text for pair in texts for text in pair], whole, 300 + len(whole))
    small = {
        "dimensions": 48,
        "inner": 64,
        "layers": 1,
        "epochs": 12,
        "batch": 16,
        "learning_rate": 0.006,
        "longest": 64,
    }
    options = training.settings({**small, "dropout": 0.0})
    pairs = [(pieces.encode(source), pieces.encode(target)) for source, target in texts]
    network, _ = training.train(pairs, pieces, options, 0, Profile(threads=1))
    return Writer(network, Decoding("beam", 3, longest=40))


@pytest.mark.slow
def test_written_replies_copy_unseen_values_and_stream_as_written() -> None:
    rng = np.random.Generator(np.random.PCG64(3))
    right = 0
    asked = 20
    for _ in range(asked):
        name = "".join(rng.choice(SYLLABLES, 2)).capitalize()
        number, time = str(rng.integers(1_000_000, 9_999_999)), f"{rng.integers(1, 5)}:{rng.integers(10, 60)} pm"
        situation = read_row(_parcel(number, f"{name} Mail", f"{name}day", time))
        values = values_of(situation)
        written = _writer()([situation], [values])[0]
        best = realise(max(written, key=written.__getitem__), values)
        said = {realise(text, values) for text in written}
        right += f"The parcel {number} was delivered by {name} Mail on {name}day at {time}." in said
        assert "".join(_writer().stream(situation, values)) == best
    assert right >= 0.9 * asked


@pytest.mark.slow
def test_writer_fills_no_slot_that_the_situation_lacks() -> None:
    bare: Situation = read_row({"history": "customer: where is my parcel"})
    written = _writer()([bare], [[]])[0]
    assert written
    assert all(realise(template, []) is not None for template in written)
