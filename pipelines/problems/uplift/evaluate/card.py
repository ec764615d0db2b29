"""The facts of an uplift model's card: what the offers change, what targeting gains, and what cannot be told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pipelines.files import json_number, read_json
from pipelines.metrics.intervals import Estimate
from pipelines.problems.common.slicing import number, numbers
from pipelines.problems.uplift.core.prepared import Prepared
from pipelines.problems.uplift.evaluate.policies import Compared
from pipelines.step import Step
from pipelines.verdicts import Verdict


def facts(
    step: Step,
    prepared: Prepared,
    model: str,
    selection: Mapping[str, Any],
    left_out: Mapping[str, str],
    metrics: Mapping[str, Estimate],
    compared: Sequence[Compared],
    effects: Sequence[Mapping[str, Any]],
    groups: Sequence[Mapping[str, Any]],
    explanations: Mapping[str, Any],
    verdict: Verdict,
) -> dict[str, Any]:
    """The content of ``card.json``; rendered by :func:`pipelines.problems.uplift.package.card_text.render`."""
    product = step.product
    requirements, campaign = product.requirements, product.evaluate.campaign
    record = read_json(step.input("train", model) / "model.json")
    prepared_report = read_json(step.input("prepare") / "report.json")
    source = product.source.model_dump()
    return {
        "product": step.name,
        "title": product.title,
        "task": "uplift",
        "classes": list(prepared.arms.names),
        "target": product.columns.target,
        "use": {"users": requirements.users, "decision": requirements.decision},
        "requirements": [
            {"name": check.name, "limit": check.limit, "value": check.value, "met": check.ok, "detail": check.detail}
            for check in verdict.checks
        ],
        "budgets": {
            "latency_p99_ms": requirements.latency_p99_ms,
            "bundle_size_mb": requirements.bundle_size_mb,
            "service_memory_mb": requirements.service_memory_mb,
            "retention_days": requirements.retention_days,
        },
        "campaign": {"value": campaign.value, "costs": dict(campaign.costs)},
        "verdict": {"status": verdict.status, "reason": verdict.reason},
        "metrics": numbers(metrics),
        "confidence": product.evaluate.confidence,
        "key_metric": product.evaluate.metric,
        "model": {
            "members": [{"model": model, "weight": 1.0, "family": record["family"], "learner": record["learner"],
                         "params": record["params"], "folds": len(record["members"])}],
            "left_out": dict(left_out),
        },
        "selection": dict(selection),
        "policies": [
            {
                "name": one.name,
                "contacted": json_number(one.contacted, 6),
                "value": number(one.value),
                "recommended_is_ahead_by": None if one.ahead is None else {
                    "value": json_number(one.ahead.value), "low": json_number(one.ahead.low),
                    "high": json_number(one.ahead.high),
                },
            }
            for one in compared
        ],
        "effects": [dict(effect) for effect in effects],
        "randomisation": {
            "told_apart": prepared_report["told_apart"],
            "largest_difference": {
                arm: max(found.values(), key=abs) for arm, found in prepared_report["standardised_differences"].items()
            },
        },
        "data": {
            "source": source["kind"],
            "name": source.get("name") or source.get("path"),
            "url": source.get("url"),
            "homepage": source.get("homepage"),
            "sha256": source.get("sha256"),
            "licence": source.get("licence"),
            "attribution": source.get("attribution"),
            "rows": {name: len(prepared.rows(name)) for name in ("train", "valid", "test")},
            "split": product.prepare.split.by,
            "features": len(prepared.design.numeric_names) + len(prepared.design.categorical_names),
            "protected": list(requirements.protected),
        },
        "slices": [dict(group) for group in groups],
        "limits": _limits(step, verdict, compared, effects),
        "explanations": dict(explanations),
    }  # fmt: skip


def _limits(
    step: Step, verdict: Verdict, compared: Sequence[Compared], effects: Sequence[Mapping[str, Any]]
) -> list[str]:
    limits = [f"{check.name} is not met: {check.detail}" for check in verdict.checks if not check.ok]
    for effect in effects:
        if not effect["average_told_from_zero"]:
            limits.append(f"{effect['arm']}: its average effect cannot be told from zero on the test rows")
        if not effect["differences_told_from_zero"]:
            limits.append(f"{effect['arm']}: differences between customers cannot be told from zero on the test rows")
    for one in compared:
        if one.ahead is not None and one.ahead.low <= 0.0 <= one.ahead.high:
            limits.append(f"the recommended offers cannot be told from {one.name} on the test rows")
    limits.append("an interval is of the mean effect among customers like one; what one customer does is not known")
    limits.append("the effects are those of the test: another season, mail or price may have others")
    if step.product.source.kind == "simulator":
        limits.append("the rows are simulated: nothing here speaks about real people")
    return limits
