from __future__ import annotations

import asyncio
from typing import Any

import pytest

from pipelines.serving.batching import Batcher


class Model:
    """Answers each row with its own number; counts its calls; a row named ``bad`` fails the whole call."""

    def __init__(self, product: str = "p") -> None:
        self.product = product
        self.calls: list[int] = []

    def answer(self, rows: list[Any]) -> list[dict[str, Any]]:
        self.calls.append(len(rows))
        if any(row == "bad" for row in rows):
            raise ValueError("a row that the model cannot bear")
        return [{"score": (self.product, row)} for row in rows]


def together(batcher: Batcher, *asked: tuple[Any, list[Any]]) -> list[Any]:
    async def scene() -> list[Any]:
        return await asyncio.gather(*(batcher.answers(model, rows) for model, rows in asked), return_exceptions=True)

    return asyncio.run(scene())


def scores(answers: list[dict[str, Any]]) -> list[Any]:
    return [answer["score"][1] for answer in answers]


def test_requests_of_one_moment_are_one_call_and_each_gets_its_own_rows_in_order() -> None:
    model: Any = Model()
    found = together(Batcher(), (model, [1, 2]), (model, [3]), (model, [4, 5, 6]))
    assert [scores(answers) for answers in found] == [[1, 2], [3], [4, 5, 6]]
    assert model.calls == [6]


def test_a_lone_request_does_not_wait_for_another() -> None:
    model: Any = Model()

    async def scene() -> int:
        turns = 0
        asked = asyncio.ensure_future(Batcher().answers(model, [1]))
        while not asked.done():
            turns += 1
            await asyncio.sleep(0)
        return turns

    assert asyncio.run(scene()) <= 4


def test_two_versions_are_never_mixed_in_one_call() -> None:
    old: Any = Model("old")
    new: Any = Model("new")
    found = together(Batcher(), (old, [1]), (new, [2]), (old, [3]))
    assert [answers[0]["score"][0] for answers in found] == ["old", "new", "old"]
    assert (old.calls, new.calls) == ([2], [1])


def test_a_batch_has_a_limit_and_what_is_beyond_it_comes_next() -> None:
    model: Any = Model()
    found = together(Batcher(max_rows=4), *((model, [number]) for number in range(10)))
    assert [scores(answers) for answers in found] == [[number] for number in range(10)]
    assert model.calls == [4, 4, 2]


def test_a_row_that_fails_harms_only_its_own_request(caplog: pytest.LogCaptureFixture) -> None:
    model: Any = Model()
    found = together(Batcher(), (model, [1]), (model, ["bad"]), (model, [2]))
    assert scores(found[0]) == [1]
    assert isinstance(found[1], ValueError)
    assert scores(found[2]) == [2]


def test_a_request_that_was_given_up_is_not_answered() -> None:
    model: Any = Model()

    async def scene() -> list[Any]:
        batcher = Batcher()
        given_up = asyncio.ensure_future(batcher.answers(model, [1]))
        kept = asyncio.ensure_future(batcher.answers(model, [2]))
        await asyncio.sleep(0)
        given_up.cancel()
        return await kept

    assert scores(asyncio.run(scene())) == [2]
    assert model.calls == [1]
