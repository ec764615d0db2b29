"""The facts of a model card: what is asked, what was found, on which data, and where the model is weak."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from pipelines.files import json_number, read_json
from pipelines.metrics.intervals import Estimate
from pipelines.metrics.judges import LOWER_IS_BETTER, Task
from pipelines.problems.common.quality import WITHIN_NOISE
from pipelines.step import Step
from pipelines.verdicts import Check, Verdict


class Prepared(Protocol):
    """What a card tells of the prepared rows."""

    @property
    def task(self) -> Task: ...

    @property
    def classes(self) -> list[Any]: ...

    def rows(self, *splits: str) -> NDArray[np.int64]: ...


WEAKEST = 3  # slices named among the limits
IMPORTANT = 10  # features named


def facts(
    step: Step,
    prepared: Prepared,
    choice: Mapping[str, Any],
    selection: Mapping[str, Any],
    left_out: Mapping[str, str],
    metrics: Mapping[str, Estimate],
    verdict: Verdict,
    slices: Sequence[Mapping[str, Any]],
    explanations: Mapping[str, Any],
    features: int,
) -> dict[str, Any]:
    """The content of ``card.json``; rendered by :func:`pipelines.problems.model_card.render_card`."""
    product = step.product
    requirements = product.requirements
    return {
        "product": step.name,
        "problem": product.problem,
        "title": product.title,
        "task": prepared.task,
        "classes": prepared.classes,
        "target": product.columns.target,
        "use": {"users": requirements.users, "decision": requirements.decision},
        "requirements": _requirements(verdict, metrics, slices),
        "budgets": {
            "latency_p99_ms": requirements.latency_p99_ms,
            "bundle_size_mb": requirements.bundle_size_mb,
            "service_memory_mb": requirements.service_memory_mb,
            "retention_days": requirements.retention_days,
        },
        "costs": requirements.costs.model_dump() if requirements.costs else None,
        "verdict": {"status": verdict.status, "reason": verdict.reason},
        "metrics": {name: _number(one) for name, one in metrics.items()},
        "confidence": product.evaluate.confidence,
        "key_metric": product.evaluate.metric,
        "model": {
            "members": [_member(step, entry) for entry in choice["members"]],
            "blend": choice["blend"],
            "calibration": choice["calibration"]["method"],
            "threshold": choice["threshold"],
            "left_out": dict(left_out),
        },
        "selection": dict(selection),
        "data": _data(step, prepared, features),
        "slices": list(slices),
        "limits": _limits(step, prepared, verdict, slices),
        "explanations": {
            "unit": explanations["unit"],
            "rows": explanations["rows"],
            "methods": {model["model"]: model["method"] for model in explanations["models"]},
            "importance": explanations["importance"][:IMPORTANT],
        },
    }


def _requirements(
    verdict: Verdict, metrics: Mapping[str, Estimate], slices: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    gaps = {
        f"fairness:{part['column']}:{rate}": (f"gap in {rate} over {part['column']}", gap)
        for part in slices
        for rate, gap in part.get("gaps", {}).items()
    }
    entries = []
    for check in verdict.checks:
        name, found = gaps[check.name] if check.name in gaps else (check.name, _number(metrics[check.name]))
        entries.append(
            {
                "name": name,
                "kind": _kind(check),
                "limit": check.limit,
                "value": found["value"],
                "low": found["low"],
                "high": found["high"],
                "met": check.ok,
                "detail": check.detail,
            }
        )
    return entries


def _number(found: Estimate) -> dict[str, Any]:
    return {"value": json_number(found.value), "low": json_number(found.low), "high": json_number(found.high)}


def _kind(check: Check) -> str:
    if check.name.startswith("fairness:"):
        return "fairness limit"
    return "floor" if check.unit.startswith("lower") else "ceiling"


def _member(step: Step, entry: Mapping[str, Any]) -> dict[str, Any]:
    record = read_json(step.input("train", entry["model"]) / "model.json")
    return {
        "model": entry["model"],
        "weight": entry["weight"],
        "family": record["family"],
        "seeds": record["seeds"],
        "fitting": record.get("fitting", ""),
        "params": record["params"],
        "best_iterations": [member["best_iteration"] for member in record["members"]],
        "search": {"method": record["search"]["method"], "trials": len(record["search"]["trials"])},
    }


def _data(step: Step, prepared: Prepared, features: int) -> dict[str, Any]:
    source = step.product.source.model_dump()
    split = step.product.prepare.split
    return {
        "source": source["kind"],
        "name": source.get("name") or source.get("path"),
        "url": source.get("url"),
        "homepage": source.get("homepage"),
        "sha256": source.get("sha256"),
        "licence": source.get("licence"),
        "attribution": source.get("attribution"),
        "rows": {name: len(prepared.rows(name)) for name in ("train", "valid", "test")},
        "split": split.by,
        "features": features,
        "labels": _labels(step),
        "protected": list(step.product.requirements.protected),
        "protected_as_features": dict(step.product.requirements.protected_as_features),
    }


def _labels(step: Step) -> dict[str, Any] | None:
    """Who labelled the rows, as the prepare stage reports it; None where it does not."""
    path = step.input("prepare") / "report.json"
    found: dict[str, Any] | None = read_json(path).get("labels") if path.is_file() else None
    return found


def _limits(step: Step, prepared: Prepared, verdict: Verdict, slices: Sequence[Mapping[str, Any]]) -> list[str]:
    limits = [f"{check.name} is not met: {check.detail}" for check in verdict.checks if not check.ok]
    limits += [check.detail for check in verdict.checks if check.ok and WITHIN_NOISE in check.detail]
    source = step.product.source
    if source.kind == "simulator":
        limits.append("the rows are simulated: nothing here speaks about real people")
    metric = {"binary": "roc_auc", "multiclass": "accuracy", "multilabel": "micro_f1", "regression": "mae"}[
        prepared.task
    ]
    measured = [
        (group["metrics"][metric]["value"], part["column"], group)
        for part in slices
        for group in part["groups"]
        if group["judged"] and group["metrics"].get(metric, {}).get("value") is not None
    ]
    measured.sort(key=lambda entry: entry[0], reverse=metric in LOWER_IS_BETTER)
    for value, column, group in measured[:WEAKEST]:
        limits.append(f"weakest on {column} {group['name']}: {metric} {value:.4f} on {group['rows']} rows")
    small = [
        f"{part['column']} {group['name']} ({group['rows']})"
        for part in slices
        for group in part["groups"]
        if not group["judged"]
    ]
    if small:
        limits.append(f"too few rows to be judged: {', '.join(small)}")
    if step.product.prepare.split.by in ("hash", "official"):
        limits.append("valid and test rows are of the same time as the train rows: later drift is not measured here")
    return limits
