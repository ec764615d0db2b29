from __future__ import annotations

import json
import math
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.records.feedback import FeedbackResult
from pipelines.serving.answers import Reply
from pipelines.serving.outcomes import UnfitError, feedback_reply, outcome_check, read_outcomes

SERVED: Any = {
    "binary": SimpleNamespace(model=None, schema={"task": "binary", "classes": [0, 1]}),
    "wine": SimpleNamespace(model=None, schema={"task": "multiclass", "classes": ["red", "white"]}),
    "value": SimpleNamespace(model=None, schema={"task": "regression", "classes": []}),
    "texts": SimpleNamespace(model=None, schema={"task": "generation"}),
}


def read(body: Any, product: str = "binary", kind: str = "application/json", limit: int = 100) -> Any:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return read_outcomes(SERVED, product, kind, raw, limit, "2026-06-01T00:00:00.000Z", "till")


def item(outcome: Any = 1, **changes: Any) -> dict[str, Any]:
    return {"request_id": "abc", "outcome": outcome, **changes}


def test_one_outcome_or_a_list_is_taken_with_time_and_client() -> None:
    (found,), alone = read(item())
    assert (found.request_id, found.row, found.product, found.outcome, found.client) == ("abc", 0, "binary", 1, "till")
    assert alone
    many, alone = read([item(row=3), item(0)])
    assert [(one.row, one.outcome) for one in many] == [(3, 1), (0, 0)]
    assert not alone


@pytest.mark.parametrize(
    ("product", "outcome", "kept"),
    [
        ("binary", 1.0, 1),
        ("wine", "red", "red"),
        ("value", 3, 3.0),
        ("value", -1.5e300, -1.5e300),
        ("texts", "any words", "any words"),
    ],
)
def test_an_outcome_is_kept_as_the_product_knows_it(product: str, outcome: Any, kept: Any) -> None:
    (found,), _ = read(item(outcome), product)
    assert found.outcome == kept
    assert type(found.outcome) is type(kept)


@pytest.mark.parametrize(
    ("product", "outcome", "words"),
    [
        ("binary", 2, "must be one of 0, 1"),
        ("binary", True, "must be one of 0, 1"),
        ("binary", "1", "must be one of 0, 1"),
        ("binary", None, "must be one of 0, 1"),
        ("wine", "blue", "'red', 'white'"),
        ("wine", 0, "'red', 'white'"),
        ("value", "3", "must be a number"),
        ("value", True, "must be a number"),
        ("value", math.nan, "finite"),
        ("value", math.inf, "finite"),
        ("value", 10**400, "finite"),
        ("texts", "", "text of 1 to"),
        ("texts", 5, "text of 1 to"),
        ("texts", "x" * 5000, "text of 1 to"),
    ],
)
def test_an_outcome_that_the_product_cannot_have_is_named(product: str, outcome: Any, words: str) -> None:
    refused = read([item({"binary": 0, "wine": "red", "value": 1, "texts": "a"}[product]), item(outcome)], product)
    assert isinstance(refused, Reply)
    assert refused.status == 422
    assert refused.body["problems"][0]["row"] == 1
    assert refused.body["problems"][0]["field"] == "outcome"
    assert words in refused.body["error"]


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        (b"", 400, "empty"),
        (b"{", 400, "not JSON"),
        ([], 400, "at least one"),
        (7, 400, "at least one"),
        ([7], 422, "an item is an object"),
        ([item()] * 101, 413, "at most 100"),
        (item(reason="x"), 422, "field 'reason'"),
        ({"outcome": 1}, 422, "field 'request_id': is missing"),
        ({"request_id": "a"}, 422, "field 'outcome': is missing"),
        (item(request_id=7), 422, "request_id"),
        (item(request_id="x" * 65), 422, "request_id"),
        (item(request_id="ü"), 422, "request_id"),
        (item(row=-1), 422, "row"),
        (item(row=1.5), 422, "row"),
        (item(row=True), 422, "row"),
        (item(row=2**31), 422, "row"),
    ],
)
def test_a_wrong_request_is_refused_in_words(body: Any, status: int, words: str) -> None:
    refused = read(body)
    assert isinstance(refused, Reply)
    assert refused.status == status
    assert words in refused.body["error"]


def test_another_content_type_and_an_unknown_product_are_refused() -> None:
    assert read(item(), kind="text/csv").status == 415
    assert read(item(), "none").status == 404


@settings(max_examples=200, deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
        max_leaves=6,
    )
)
def test_any_json_is_either_read_or_refused_and_never_fails(value: Any) -> None:
    for body in (value, item(value), [item(value)]):
        found = read(json.dumps(body).encode(), "value")
        assert isinstance(found, tuple) or 400 <= found.status < 500


def test_every_class_is_taken_and_only_the_classes() -> None:
    fits = outcome_check("multiclass", ["a", 1, False])
    assert [fits("a"), fits(1), fits(False)] == ["a", 1, False]
    for wrong in (True, 0, "b"):
        with pytest.raises(UnfitError):
            fits(wrong)


def test_a_lone_unknown_request_is_a_404_and_in_a_list_each_item_says_so() -> None:
    unknown, joined = FeedbackResult("a", 0, "unknown request"), FeedbackResult("b", 0, "joined")
    assert feedback_reply("p", [unknown], alone=True).status == 404
    assert feedback_reply("p", [joined], alone=True).status == 200
    reply = feedback_reply("p", [unknown, joined], alone=False)
    assert (reply.status, reply.body["joined"]) == (200, 1)
    assert [result["status"] for result in reply.body["results"]] == ["unknown request", "joined"]
