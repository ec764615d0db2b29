"""The quality gate: what the requirements ask, judged by the intervals on the test rows.

A floor holds when the lower end of the interval reaches it, a ceiling when the upper end does not pass it: the burden
of proof lies with the model. A fairness limit is broken when the gap passes it beyond noise, by the lower end of its
interval: the gap is that of the two groups furthest apart, so chance alone makes it large. A measured gap above the
limit that is within the noise is said so, and is listed among the limits of the model's card. Groups of too few rows
are shown, not judged.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from pipelines.config import Product
from pipelines.errors import ConfigError
from pipelines.files import json_number
from pipelines.metrics.intervals import Estimate
from pipelines.metrics.judges import names_of
from pipelines.step import Step
from pipelines.verdicts import Check, Verdict

WITHIN_NOISE = "not beyond noise"
DECISION_MEASURES = ("recall", "precision", "selection_rate", "cost")


def require_known_metrics(product: Product) -> None:
    """Every metric that the product's block names must exist for its task.

    Raises:
        ConfigError: names the key, the metric, and what is allowed.
    """
    task = product.columns.task
    measured = names_of(task)
    judged = (*measured, *DECISION_MEASURES) if task == "binary" else measured
    named = [("evaluate.metric", product.evaluate.metric, measured)]
    named += [("requirements.floors", name, judged) for name in product.requirements.floors]
    named += [("requirements.ceilings", name, judged) for name in product.requirements.ceilings]
    for key, name, allowed in named:
        if name not in allowed and not (task == "binary" and _is_lift(name)):
            raise ConfigError(
                f"no metric {name!r} for a {task} problem",
                where={"key": key},
                next_step=f"choose one of: {', '.join(allowed)}" + (", lift_<percent>" if task == "binary" else ""),
            )


def _is_lift(name: str) -> bool:
    percent = name.removeprefix("lift_")
    return name != percent and percent.isdigit() and 1 <= int(percent) <= 100


def requirement_checks(product: Product, metrics: Mapping[str, Estimate]) -> list[Check]:
    """One check per floor and per ceiling."""
    requirements = product.requirements
    checks = [_floor(name, limit, metrics[name]) for name, limit in requirements.floors.items()]
    return checks + [_ceiling(name, limit, metrics[name]) for name, limit in requirements.ceilings.items()]


def _floor(name: str, limit: float, found: Estimate) -> Check:
    ok = found.low >= limit
    return _check(name, ok, found, found.low, limit, "floor", "lower end", "reaches")


def _ceiling(name: str, limit: float, found: Estimate) -> Check:
    ok = found.high <= limit
    return _check(name, ok, found, found.high, limit, "ceiling", "upper end", "stays within")


def _check(name: str, ok: bool, found: Estimate, judged: float, limit: float, kind: str, end: str, verb: str) -> Check:
    shown = f"{name} {found.value:.4f} [{found.low:.4f}, {found.high:.4f}]"
    if np.isnan(judged):
        detail = f"{name} is not defined on the test rows, {kind} {limit:g}"
    elif ok:
        detail = f"{shown} {verb} the {kind} {limit:g}"
    elif found.reaches(limit):
        detail = f"{shown} straddles the {kind} {limit:g}: so few rows do not prove it"
    else:
        detail = f"{shown} misses the {kind} {limit:g}"
    return Check(name=name, ok=ok, value=json_number(judged), limit=limit, unit=f"{end} of the interval", detail=detail)


def fairness_checks(product: Product, slices: Iterable[Mapping[str, Any]]) -> list[Check]:
    """One check per protected column and limited rate, where at least two groups are large enough to be judged."""
    limits = {
        "recall": product.requirements.fairness.max_recall_gap,
        "selection_rate": product.requirements.fairness.max_selection_gap,
    }
    checks = []
    for part in slices:
        for rate, limit in limits.items():
            gap = part.get("gaps", {}).get(rate)
            if limit is None or not part["protected"] or gap is None:
                continue
            value, low, high = float(gap["value"]), float(gap["low"]), float(gap["high"])
            detail = (
                f"{rate} of {part['column']} differs by {value:.3f} [{low:.3f}, {high:.3f}]"
                f" between {gap['highest']} and {gap['lowest']}, {_place(value, low, limit)}"
            )
            checks.append(
                Check(
                    name=f"fairness:{part['column']}:{rate}",
                    ok=low <= limit,
                    value=json_number(low),
                    limit=limit,
                    unit="difference of shares, lower end of the interval",
                    detail=detail,
                )
            )
    return checks


def _place(value: float, low: float, limit: float) -> str:
    if value <= limit:
        return f"within the limit {limit:g}"
    return f"above the limit {limit:g}" + ("" if low > limit else f" but {WITHIN_NOISE}")


def nothing_trained(step: Step, left_out: Mapping[str, str]) -> Verdict:
    """The blocked verdict of a night in which every candidate was left out; says why each was."""
    why = "; ".join(f"{model}: {reason}" for model, reason in left_out.items())
    return Verdict(
        gate="quality",
        product=step.name,
        status="blocked",
        reason=f"no candidate was trained ({why})",
        next_step=f"set use: always for one of candidates.{step.name}-*",
    )
