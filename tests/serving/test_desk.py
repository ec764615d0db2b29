from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from bundles import TASKS, bundle_of

from pipelines.blocks.operations import Service
from pipelines.errors import RecordsError
from pipelines.files import read_json
from pipelines.layout import Layout
from pipelines.records.predictions import window
from pipelines.records.store import open_records
from pipelines.serving.answers import Reply, new_request_id
from pipelines.serving.desk import Desk
from pipelines.serving.journal import Journal
from pipelines.serving.loaded import Loaded, load
from pipelines.serving.openapi import document, outcome_schema, row_schema

KIND = "application/json"


@pytest.fixture(scope="module")
def served(small: Layout) -> dict[str, Loaded]:
    return {product: load(product, None, bundle_of(small, product)) for product in TASKS}


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    opened = Journal(open_records(f"sqlite:///{tmp_path / 'predictions.db'}", synchronous="NORMAL"))
    opened.start()
    yield opened
    opened.stop()


def golden(served: dict[str, Loaded], product: str) -> list[dict[str, Any]]:
    return list(read_json(served[product].folder / "golden.json")["rows"])


def ask(desk: Desk, product: str, *bodies: Any) -> list[Reply]:
    async def together() -> list[Reply]:
        return await asyncio.gather(
            *(desk.predict(product, KIND, json.dumps(body).encode(), "till") for body in bodies)
        )

    return asyncio.run(together())


@pytest.mark.parametrize("product", TASKS)
def test_requests_of_one_moment_get_the_answers_that_each_would_get_alone(
    served: dict[str, Loaded], journal: Journal, product: str
) -> None:
    desk = Desk(lambda: served, Service())
    desk.journal = journal
    rows = golden(served, product)
    replies = ask(
        desk, product, *({"rows": [row]} for row in rows), {"rows": rows}, {"rows": rows[:1], "explain": True}
    )
    assert [reply.status for reply in replies] == [200] * (len(rows) + 2)
    alone = [served[product].answer([row])[0] for row in rows]
    for reply, wanted in zip(replies, alone, strict=False):
        assert strip(reply.body["answers"]) == [wanted]
    assert strip(replies[-2].body["answers"]) == alone
    assert replies[-1].body["answers"][0]["reasons"]
    found = {(one.request_id, one.row): one for one in window(journal.log, product, "", "9999")}
    assert len(found) == 2 * len(rows) + 1
    for reply in replies:
        for place, answer in enumerate(reply.body["answers"]):
            assert found[reply.body["request_id"], place].answer == json.loads(json.dumps(answer))


def strip(answers: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{key: value for key, value in answer.items() if key != "warnings"} for answer in answers]


def test_an_answer_that_cannot_be_logged_is_not_given(served: dict[str, Loaded]) -> None:
    class Broken:
        async def keep(self, _: Any) -> None:
            raise RecordsError("the disk is full", where={"records": "s3cret place"}, next_step="free some")

    desk = Desk(lambda: served, Service())
    desk.journal = Broken()  # type: ignore[assignment]
    (reply,) = ask(desk, "wine", {"rows": golden(served, "wine")[:1]})
    assert reply.status == 503
    assert "the disk is full" in reply.body["error"]
    assert "s3cret" not in reply.body["error"]
    assert (b"retry-after", b"1") in reply.headers
    assert "answers" not in reply.body


def test_a_model_that_answers_rows_together_is_not_mixed_with_other_requests(
    served: dict[str, Loaded], monkeypatch: pytest.MonkeyPatch
) -> None:
    model: Any = served["wine"].model
    monkeypatch.setattr(model, "rowwise", False, raising=False)
    asked: list[int] = []
    answer = type(model).answer

    def counted(self: Any, rows: Any, explain: bool = False) -> Any:
        asked.append(len(rows))
        return answer(self, rows, explain)

    monkeypatch.setattr(type(model), "answer", counted)
    row = golden(served, "wine")[0]
    replies = ask(Desk(lambda: served, Service()), "wine", {"rows": [row] * 2}, {"rows": [row] * 3})
    assert [len(reply.body["answers"]) for reply in replies] == [2, 3]
    assert sorted(asked) == [2, 3]


def test_request_ids_are_unique_and_in_order_of_time() -> None:
    made = [new_request_id() for _ in range(2000)]
    assert len(set(made)) == 2000
    assert {len(one) for one in made} == {32}
    assert [one[:12] for one in made] == sorted(one[:12] for one in made)


def test_the_schema_of_a_row_takes_what_the_service_takes(served: dict[str, Loaded]) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    for product, loaded in served.items():
        check = jsonschema.Draft202012Validator(row_schema(loaded.schema))
        for row in golden(served, product):
            assert not loaded.validator.check([row])[0]
            check.validate(row)
            for wrong in ({**row, "unknown": 1}, {**row, "size": "huge"}, {**row, "visits": "many"}):
                assert loaded.validator.check([wrong])[0]
                assert not check.is_valid(wrong)


def test_the_document_has_paths_of_what_is_served_now_and_stays_whole_without_any(served: dict[str, Loaded]) -> None:
    operation = {
        "operationId": "nightshift__x",
        "description": "d",
        "tags": [],
        "responses": {200: {"description": "r"}},
    }
    bento = {
        "info": {"version": "1"},
        "paths": {f"/v1/{{product}}/{name}": {"post": operation} for name in ("predict", "feedback")},
    }
    found = document(bento, {"wine": served["wine"]}, Service())["paths"]
    assert {"/v1/wine/predict", "/v1/wine/feedback", "/v1/{product}/predict", "/v1/products"} <= set(found)
    assert "/v1/breast/predict" not in found
    empty = document(bento, {}, Service())["paths"]
    assert empty["/v1/{product}/predict"]["parameters"][0]["schema"] == {"type": "string"}


def test_the_schema_of_an_outcome_follows_the_task() -> None:
    assert outcome_schema("binary", [0, 1]) == {"enum": [0, 1]}
    assert outcome_schema("regression", []) == {"type": "number"}
    assert outcome_schema("generation", [])["type"] == "string"
