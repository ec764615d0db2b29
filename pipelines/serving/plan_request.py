"""A request for a plan: read, checked, solved and put into words; for the service and for the command line."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pipelines.errors import DataError, NightshiftError
from pipelines.serving.answers import Reply, refusal
from pipelines.serving.plan import Limits, Plan, optimise, require_feasible

if TYPE_CHECKING:
    from pipelines.serving.loaded import Loaded

FloatArray = NDArray[np.float64]

KEYS = (
    "product", "customers", "budget", "costs", "value", "segment_limits", "offer_minimum", "offer_maximum",
    "confidence",
)  # fmt: skip
CUSTOMER_KEYS = ("id", "segment", "uplift", "error", "fields")
MAX_CUSTOMERS = 200_000
MAX_OFFERS = 12


@dataclass(frozen=True)
class Campaign:
    """What is planned.

    Attributes:
        ids: of the customers ``[n]``.
        segments: of the customers ``[n]``, None for none.
        offers: names of the offers ``[k]``.
        uplift: expected outcomes that an offer adds, ``[n, k]``.
        errors: standard errors of ``uplift`` as a mean effect, ``[n, k]``; None where not known.
        budget: sum of all contact costs at most.
        costs: offer -> cost of a contact.
        value: of one outcome.
        segment_limits: segment -> contacts at most.
        least: offer -> contacts at least.
        most: offer -> contacts at most.
        confidence: of the interval.
    """

    ids: Sequence[Any]
    segments: Sequence[Any]
    offers: Sequence[str]
    uplift: FloatArray
    errors: FloatArray | None
    budget: float
    costs: Mapping[str, float]
    value: float
    segment_limits: Mapping[str, int]
    least: Mapping[str, int]
    most: Mapping[str, int]
    confidence: float = 0.95


def solve(campaign: Campaign) -> tuple[Plan, dict[str, Any]]:
    """The plan, and its summary: contacts, cost, expected outcomes and return, prices, distance to the bound.

    Raises:
        DataError: no plan keeps a constraint; names it.
    """
    limits, names = _limits(campaign)
    require_feasible(limits, len(campaign.ids), list(campaign.offers), names)
    net = campaign.value * campaign.uplift - limits.costs
    plan = optimise(net, limits)
    contacted = np.flatnonzero(plan.offer > 0)
    picked = plan.offer[contacted] - 1
    outcomes = float(campaign.uplift[contacted, picked].sum())
    spent = float(limits.costs[picked].sum())
    gross = campaign.value * outcomes
    summary: dict[str, Any] = {
        "customers": len(campaign.ids),
        "contacts": len(contacted),
        "contacts_per_offer": {str(name): int((picked == at).sum()) for at, name in enumerate(campaign.offers)},
        "cost": _plain(spent),
        "expected_outcomes": _plain(outcomes),
        "expected_return": _plain(gross),
        "expected_net": _plain(gross - spent),
        "net_interval": None,
        "confidence": campaign.confidence,
        "bound": _plain(plan.bound),
        "below_bound": _plain(max(0.0, plan.bound - plan.net)),
        "marginal_value_of_budget": _plain(plan.prices[("budget", 0)]),
        "marginal_values": {
            "segment_limits": {names[at]: _plain(p) for (kind, at), p in plan.prices.items() if kind == "segment"},
            "offer_minimum": {
                str(campaign.offers[at]): _plain(-p) for (kind, at), p in plan.prices.items() if kind == "least"
            },
            "offer_maximum": {
                str(campaign.offers[at]): _plain(p) for (kind, at), p in plan.prices.items() if kind == "most"
            },
        },
    }
    if limits.segment_limits or any(segment is not None for segment in campaign.segments):
        counts = np.bincount(limits.segment[contacted] + 1, minlength=len(names) + 1)
        summary["contacts_per_segment"] = {name: int(counts[at + 1]) for at, name in enumerate(names)}
    if campaign.errors is not None:
        half = NormalDist().inv_cdf(0.5 + campaign.confidence / 2.0) * campaign.value
        half *= float(campaign.errors[contacted, picked].sum())
        summary["net_interval"] = [_plain(gross - spent - half), _plain(gross - spent + half)]
    return plan, summary


def _plain(value: float) -> float:
    return float(f"{float(value):.10g}")


def _limits(campaign: Campaign) -> tuple[Limits, list[str]]:
    names = sorted(
        {str(segment) for segment in campaign.segments if segment is not None} | set(campaign.segment_limits)
    )
    place = {name: at for at, name in enumerate(names)}
    segment = np.array([-1 if s is None else place[str(s)] for s in campaign.segments], dtype=np.int64)
    at = {str(name): number for number, name in enumerate(campaign.offers)}
    limits = Limits(
        budget=campaign.budget,
        costs=np.array([campaign.costs.get(str(name), 0.0) for name in campaign.offers], dtype=np.float64),
        segment=segment,
        segment_limits={place[name]: limit for name, limit in campaign.segment_limits.items()},
        least={at[name]: count for name, count in campaign.least.items() if count > 0},
        most={at[name]: count for name, count in campaign.most.items()},
    )
    return limits, names


def answer(current: Mapping[str, Loaded], content_type: str, raw: bytes) -> Reply:
    """The service's answer: 200 with the plan, or what is wrong: 400 not readable, 404 no such product, 415 not JSON,
    422 a value or a constraint."""
    media = content_type.partition(";")[0].strip().lower()
    if media not in ("application/json", ""):
        return refusal(415, f"the body must be application/json, not {media[:80]!r}")
    try:
        body = json.loads(raw)
    except RecursionError:
        return refusal(400, "the body is nested too deeply")
    except ValueError as error:
        return refusal(400, f"the body is not JSON: {str(error)[:200]}")
    if not isinstance(body, dict):
        return refusal(
            400, 'the body must be an object: {"customers": [{...}], "budget": 100, "value": 1, "costs": {}}'
        )
    product = body.get("product")
    if product is not None and product not in current:
        names = ", ".join(sorted(current)) or "none yet"
        return refusal(404, f"no model answers for {str(product)[:48]!r}; products: {names}")
    try:
        campaign = read(body, current[product] if product is not None else None)
        plan, summary = solve(campaign)
    except NightshiftError as error:
        return refusal(422, error.line())
    offers = [
        {"id": name, "offer": campaign.offers[chosen - 1]}
        for name, chosen in zip(campaign.ids, plan.offer.tolist(), strict=True)
        if chosen
    ]
    version = None if product is None else current[product].version
    return Reply(200, {"product": product, "version": version, "plan": summary, "offers": offers})


def read(body: Mapping[str, Any], loaded: Loaded | None) -> Campaign:
    """The campaign of a request's body.

    Raises:
        DataError: names the key, the customer and what is wrong.
    """
    unknown = sorted(set(body) - set(KEYS))
    if unknown:
        raise _wrong(unknown[0][:48], f"is not a key; allowed: {', '.join(KEYS)}")
    customers = body.get("customers")
    if not isinstance(customers, list) or not customers:
        raise _wrong("customers", "must be a list of at least one customer")
    if len(customers) > MAX_CUSTOMERS:
        raise _wrong("customers", f"holds {len(customers)}; at most {MAX_CUSTOMERS}, more from a file")
    for place, one in enumerate(customers):
        if not isinstance(one, dict) or set(one) - set(CUSTOMER_KEYS):
            raise _wrong(f"customers[{place}]", f"must be an object with {', '.join(CUSTOMER_KEYS)}")
    offers, uplift, errors = _uplift(customers, loaded)
    ids = [one.get("id", place) for place, one in enumerate(customers)]
    return campaign_of(body, ids, [one.get("segment") for one in customers], offers, uplift, errors)


def campaign_of(
    body: Mapping[str, Any], ids: Sequence[Any], segments: Sequence[Any], offers: Sequence[str], uplift: FloatArray,
    errors: FloatArray | None,
) -> Campaign:  # fmt: skip
    """Budget, value, costs and constraints checked against the offers and segments that there are."""
    known = {str(name) for name in offers}
    there = {str(segment) for segment in segments if segment is not None}
    budget = _number(body.get("budget"), "budget")
    if budget <= 0:
        raise _wrong("budget", f"must be above 0, not {budget:g}")
    value = _number(body.get("value"), "value")
    if value <= 0:
        raise _wrong("value", f"must be above 0, not {value:g}")
    costs = {name: _number(cost, f"costs.{name}") for name, cost in _mapping(body, "costs", known, "offer").items()}
    negative = [name for name, cost in costs.items() if cost < 0]
    if negative:
        raise _wrong(f"costs.{negative[0]}", "must not be below 0")
    confidence = _number(body.get("confidence", 0.95), "confidence")
    if not 0.5 < confidence < 1:
        raise _wrong("confidence", "must be between 0.5 and 1")
    return Campaign(
        ids=ids, segments=segments, offers=[str(name) for name in offers], uplift=uplift, errors=errors, budget=budget,
        costs=costs, value=value,
        segment_limits=_counts(body, "segment_limits", there, "segment"),
        least=_counts(body, "offer_minimum", known, "offer"),
        most=_counts(body, "offer_maximum", known, "offer"),
        confidence=confidence,
    )  # fmt: skip


def _uplift(
    customers: Sequence[Mapping[str, Any]], loaded: Loaded | None
) -> tuple[list[str], FloatArray, FloatArray | None]:
    if "fields" in customers[0]:
        return _asked(customers, loaded)
    first = customers[0].get("uplift")
    if not isinstance(first, dict) or not first or len(first) > MAX_OFFERS:
        raise _wrong("customers[0].uplift", f"must hold 1 to {MAX_OFFERS} offers with their expected uplift")
    offers = [str(name) for name in first]
    tables: dict[str, FloatArray | None] = {}
    for key in ("uplift", "error"):
        if key == "error" and "error" not in customers[0]:
            tables[key] = None
            continue
        table = np.empty((len(customers), len(offers)))
        for place, one in enumerate(customers):
            given = one.get(key)
            if not isinstance(given, dict) or set(given) != set(offers):
                raise _wrong(f"customers[{place}].{key}", f"must hold the offers {', '.join(offers)}")
            table[place] = [_number(given[name], f"customers[{place}].{key}.{name}") for name in offers]
        if key == "error" and (table < 0).any():
            raise _wrong("customers[].error", "must not be below 0")
        tables[key] = table
    uplift = tables["uplift"]
    assert uplift is not None
    return offers, uplift, tables["error"]


def _asked(customers: Sequence[Mapping[str, Any]], loaded: Loaded | None) -> tuple[list[str], FloatArray, FloatArray]:
    """Uplift and its errors by the product's model."""
    predictor: Any = getattr(getattr(loaded, "model", None), "predictor", None)
    if loaded is None or not hasattr(predictor, "errors"):
        raise _wrong("product", "must name an uplift product, since customers come with fields and no uplift")
    rows = [one.get("fields") for one in customers]
    problems, _ = loaded.validator.check(rows)
    if problems:
        one = problems[0]
        raise _wrong(f"customers[{one.row}].fields.{one.field}", one.problem)
    from pipelines.features.values import rows_to_columns

    told = predictor.told(rows_to_columns([row for row in rows if isinstance(row, dict)], predictor.fields))
    return [str(name) for name in predictor.arms[1:]], predictor.uplift(told), predictor.errors(told)


def _mapping(body: Mapping[str, Any], key: str, known: set[str], what: str) -> dict[str, Any]:
    given = body.get(key, {})
    if not isinstance(given, dict):
        raise _wrong(key, f"must be an object, {what} by {what}")
    unknown = sorted(set(given) - known)
    if unknown:
        raise _wrong(f"{key}.{unknown[0][:48]}", f"is no {what}; there are: {', '.join(sorted(known)) or 'none'}")
    return given


def _counts(body: Mapping[str, Any], key: str, known: set[str], what: str) -> dict[str, int]:
    found = {}
    for name, count in _mapping(body, key, known, what).items():
        if isinstance(count, bool) or not isinstance(count, int) or count < 0:
            raise _wrong(f"{key}.{name}", "must be a whole number from 0 on")
        found[name] = count
    return found


def _number(value: Any, key: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise _wrong(key, "must be a number" if value is not None else "is missing")
    return float(value)


def _wrong(key: str, what: str) -> DataError:
    return DataError(f"{key} {what}", next_step="mend the request; docs/marketing.md shows one")
