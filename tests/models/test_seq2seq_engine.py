"""Requests that come at different times and are written together."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nets_writing import TEXTS, pair, pieces

from pipelines.models.seq2seq.decoding import Decoding, stream
from pipelines.models.seq2seq.engine import Engine
from pipelines.models.seq2seq.runtime import Network

WAYS = [
    Decoding(longest=12),
    Decoding("beam", 3, longest=9),
    Decoding("sample", 2, longest=10, temperature=1.2, seed=5),
    Decoding(longest=3),
]


class Alone(Network):
    """A network whose caches cannot be joined, which counts its steps and rows."""

    join = None  # type: ignore[assignment]

    def __init__(self, network: Network) -> None:
        super().__init__(network._w, network.pieces, network.shape)
        self.steps: list[int] = []

    def step(self, tokens: Any, cache: Any) -> Any:
        self.steps.append(len(tokens))
        return super().step(tokens, cache)


class Counting(Alone):
    """The same, with joined caches."""

    def join(self, left: Any, right: Any) -> Any:  # type: ignore[override]
        return Network.join(self, left, right)


def _wanted(place: int) -> list[int]:
    return list(stream(pair()[1], pieces().encode(TEXTS[place % len(TEXTS)]), WAYS[place % len(WAYS)]))


@pytest.mark.parametrize("kind", [Alone, Counting])
@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_requests_of_any_age_get_what_they_would_get_alone(kind: type[Alone], data: st.DataObject) -> None:
    engine = Engine(kind(pair()[1]), most=data.draw(st.integers(1, 12)))
    running: dict[int, Iterator[int]] = {}
    got: dict[int, list[int]] = {}
    waiting = list(range(data.draw(st.integers(1, 7))))
    while waiting or running:
        if waiting and (not running or data.draw(st.booleans())):
            place = waiting.pop(0)
            running[place] = engine.stream(pieces().encode(TEXTS[place % len(TEXTS)]), WAYS[place % len(WAYS)])
            got[place] = []
        place = data.draw(st.sampled_from(sorted(running)))
        token = next(running[place], None)
        if token is None:
            del running[place]
        else:
            got[place].append(token)
    assert got == {place: _wanted(place) for place in got}
    assert engine.rows == 0


def test_sixteen_callers_share_their_steps() -> None:
    network = Counting(pair()[1])
    engine = Engine(network)
    how = Decoding(longest=12)
    wanted = [list(stream(pair()[1], pieces().encode(text), how)) for text in TEXTS]
    got: list[list[int]] = [[] for _ in range(16)]
    gate = threading.Barrier(16)

    def ask(place: int) -> None:
        tokens = engine.stream(pieces().encode(TEXTS[place % 4]), how)
        gate.wait()
        got[place] += list(tokens)

    threads = [threading.Thread(target=ask, args=(place,)) for place in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert got == [wanted[place % 4] for place in range(16)]
    longest = max(len(text) for text in wanted) + 1
    assert sum(network.steps) >= sum(len(text) for text in wanted) * 4
    assert len(network.steps) < 16 * longest / 2


def test_closed_streams_leave_and_cost_no_further_rows() -> None:
    network = Counting(pair()[1])
    engine = Engine(network)
    how = Decoding(longest=14)
    kept, given_up = (engine.stream(pieces().encode(text), how) for text in TEXTS[:2])
    first = [next(kept), next(given_up)][:1]
    given_up.close()
    rest = first + list(kept)
    assert rest == list(stream(pair()[1], pieces().encode(TEXTS[0]), how))
    assert network.steps[-1] == 1
    assert engine.rows == 0


def test_a_request_wider_than_the_engine_is_written_by_itself() -> None:
    engine = Engine(pair()[1], most=2)
    how = Decoding("beam", 4, longest=6)
    source = pieces().encode(TEXTS[0])
    assert list(engine.stream(source, how)) == list(stream(pair()[1], source, how))


def test_forbidden_tokens_hold_for_their_own_request_only() -> None:
    engine, how = Engine(pair()[1]), Decoding(longest=8)
    source = pieces().encode(TEXTS[1])
    free = list(stream(pair()[1], source, how))
    never = np.zeros(len(pieces().tokens), dtype=bool)
    never[free[0]] = True
    bound, other = engine.stream(source, how, never), engine.stream(source, how)
    assert next(other) == free[0]
    assert free[0] not in [*bound]
    assert [free[0], *other] == free
