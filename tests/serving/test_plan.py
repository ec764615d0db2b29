"""Plans against HiGHS on every small case, constraints kept, refusals that name the constraint."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

import pipelines.serving.plan as solver
from pipelines.blocks.operations import Service
from pipelines.errors import DataError
from pipelines.serving.board import Board
from pipelines.serving.pages import make_pages
from pipelines.serving.plan import Limits, optimise, require_feasible
from pipelines.serving.plan_request import answer


def case(seed: int, n: int, ties: bool = False) -> tuple[np.ndarray, Limits]:
    rng = np.random.default_rng(seed)
    uplift = rng.normal(0.05, 0.05, (n, 2))
    costs = np.array([0.02, 0.035])
    segment = rng.integers(-1, 3, n)
    limits = Limits(
        budget=float(n * 0.008),
        costs=costs,
        segment=segment,
        segment_limits={0: n // 20, 2: n // 10},
        least={1: n // 12},
        most={0: n // 4},
    )
    return (np.round(uplift, 2) if ties else uplift) - costs, limits


def kept(offer: np.ndarray, limits: Limits) -> bool:
    contacted = np.flatnonzero(offer)
    cost = limits.costs[offer[contacted] - 1].sum()
    fits = cost <= limits.budget + 1e-6
    fits &= all((limits.segment[contacted] == s).sum() <= most for s, most in limits.segment_limits.items())
    fits &= all((offer == a + 1).sum() >= least for a, least in limits.least.items())
    return bool(fits and all((offer == a + 1).sum() <= most for a, most in limits.most.items()))


@settings(max_examples=6, deadline=None)
@given(st.integers(0, 10_000), st.booleans())
def test_the_fast_way_is_as_good_as_one_integer_programme(seed: int, ties: bool) -> None:
    net, limits = case(seed, 160, ties)
    everyone = np.arange(160)
    exact = solver._integer(net, limits.use(everyone), limits.bounds())
    assert exact is not None
    best = float(np.where(exact > 0, net[everyone, np.maximum(exact, 1) - 1], 0.0).sum())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(solver, "EXACT", 10)
        patch.setattr(solver, "SAMPLE", 100)
        patch.setattr(solver, "CONTESTED", 30)
        plan = optimise(net, limits)
    assert kept(plan.offer, limits)
    largest = float(net.max())
    assert best - plan.net <= largest  # within one customer of the best
    assert plan.bound >= best - 1e-9


def test_a_small_plan_is_exact() -> None:
    net, limits = case(1, 120)
    plan = optimise(net, limits)
    assert kept(plan.offer, limits)
    assert plan.net <= plan.bound + 1e-9


def test_with_budget_alone_the_plan_is_greedy_by_gain_per_cost() -> None:
    rng = np.random.default_rng(5)
    n = 5_000
    net = rng.random((n, 1))
    plan = optimise(net, Limits(50.0, np.array([1.0]), np.full(n, -1)))
    assert set(np.flatnonzero(plan.offer)) == set(np.argsort(-net[:, 0])[:50])
    assert net[:, 0][np.argsort(-net[:, 0])[50]] <= plan.prices[("budget", 0)] + 1e-9


def test_the_price_of_budget_is_what_more_budget_brings() -> None:
    net, limits = case(3, 6_000)
    free = {"segment": limits.segment, "segment_limits": limits.segment_limits}
    one = Limits(limits.budget, limits.costs, **free)
    more = Limits(limits.budget + 0.5, limits.costs, **free)
    first, second = optimise(net, one), optimise(net, more)
    assert second.bound - first.bound == pytest.approx(0.5 * first.prices[("budget", 0)], rel=0.05)


@pytest.mark.slow
def test_a_hundred_thousand_customers_take_seconds() -> None:
    import time

    net, limits = case(4, 100_000)
    start = time.process_time()
    plan = optimise(net, limits)
    assert time.process_time() - start < 30.0  # 1 to 4 s on a machine that does nothing else
    assert kept(plan.offer, limits)
    assert plan.bound - plan.net <= float(net.max())


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        ({"least": {0: 11}}, "minimum"),
        ({"least": {0: 5}, "most": {0: 4}}, "minimum of a: at least 5 contacts, at most 4"),
        ({"least": {0: 8}, "segment_limits": {0: 1, 1: 1}}, "segment limits"),
        ({"least": {1: 6}, "budget": 5.0}, "budget: the minimum contacts alone cost 6"),
    ],
)
def test_a_plan_that_cannot_be_says_which_constraint(limits: dict[str, Any], said: str) -> None:
    given = {"budget": 100.0, "costs": np.array([1.0, 1.0]), "segment": np.arange(10) % 2, **limits}
    with pytest.raises(DataError, match=said):
        require_feasible(Limits(**given), 10, ["a", "b"], ["north", "south"])


CUSTOMERS = [
    {"id": f"c{i}", "segment": "north" if i % 2 else "south", "uplift": {"mail": 0.01 * i, "call": 0.02 * i}}
    for i in range(10)
]
BODY: dict[str, Any] = {"customers": CUSTOMERS, "budget": 3.0, "costs": {"mail": 1.0, "call": 1.5}, "value": 100.0}


def post(body: Any, kind: str = "application/json") -> tuple[int, dict[str, Any]]:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    reply = answer({}, kind, raw)
    return reply.status, json.loads(reply.encode())


def test_a_request_is_answered_with_offers_return_and_the_value_of_more_budget() -> None:
    status, found = post(BODY)
    assert status == 200
    plan = found["plan"]
    assert [one["id"] for one in found["offers"]] == ["c8", "c9"]
    assert {one["offer"] for one in found["offers"]} == {"call"}
    assert plan["cost"] == 3.0
    assert plan["expected_outcomes"] == pytest.approx(0.34)
    assert plan["expected_net"] == pytest.approx(31.0)
    assert plan["marginal_value_of_budget"] > 0
    assert plan["contacts_per_segment"] == {"north": 1, "south": 1}


def test_errors_of_the_uplift_make_an_interval() -> None:
    customers = [{**one, "error": {"mail": 0.01, "call": 0.02}} for one in CUSTOMERS]
    plan = post({**BODY, "customers": customers, "confidence": 0.95})[1]["plan"]
    low, high = plan["net_interval"]
    assert (high - low) / 2 == pytest.approx(1.959964 * 100 * 0.04, rel=1e-5)
    assert low < plan["expected_net"] < high


@pytest.mark.parametrize(
    ("change", "status", "said"),
    [
        ({"budget": 0}, 422, "budget must be above 0"),
        ({"budget": -5}, 422, "budget must be above 0"),
        ({"budget": "much"}, 422, "budget must be a number"),
        ({"budget": None}, 422, "budget is missing"),
        ({"value": 0}, 422, "value must be above 0"),
        ({"costs": {"fax": 1}}, 422, "costs.fax is no offer"),
        ({"costs": {"mail": -1}}, 422, "costs.mail must not be below 0"),
        ({"segment_limits": {"east": 1}}, 422, "segment_limits.east is no segment"),
        ({"offer_minimum": {"mail": 2.5}}, 422, "whole number"),
        ({"offer_minimum": {"call": 3}}, 422, "budget: the minimum contacts alone cost 4.5"),
        ({"offer_minimum": {"mail": 99}}, 422, "minimum"),
        ({"customers": []}, 422, "at least one customer"),
        ({"customers": [{"uplift": {"mail": float("nan")}}]}, 422, "must be a number"),
        ({"customers": [*CUSTOMERS, {"uplift": {"mail": 1.0}}]}, 422, r"customers[10].uplift"),
        ({"customers": [{"fields": {}}]}, 422, "uplift product"),
        ({"colour": 1}, 422, "colour is not a key"),
        ({"product": "nobody"}, 404, "nobody"),
    ],
)
def test_bad_requests_are_refused_in_words(change: dict[str, Any], status: int, said: str) -> None:
    found, body = post({**BODY, **change})
    assert found == status
    assert said in body["error"]


def test_what_is_not_json_is_refused() -> None:
    assert post(b"{", "application/json")[0] == 400
    assert post(b"[]", "application/json")[0] == 400
    assert post(b"x=1", "text/csv")[0] == 415


def test_the_service_has_the_route() -> None:
    client = TestClient(make_pages(Board(), Service(), lambda: {}))
    heard = client.post("/v1/campaign/plan", json=BODY)
    assert heard.status_code == 200
    assert heard.json()["plan"]["contacts"] == 2
    assert client.get("/v1/campaign/plan").status_code == 405
