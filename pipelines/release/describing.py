"""Verdicts, plans and histories as lines for a terminal."""

from __future__ import annotations

from pipelines.records.registry import Promotion
from pipelines.verdicts import Check, Verdict


def describe_verdict(verdict: Verdict) -> list[str]:
    """The gate, then each check with its numbers."""
    head = f"{verdict.gate}: {verdict.status}" + (f": {verdict.reason}" if verdict.reason else "")
    return [head, *(f"  {_check(check)}" for check in verdict.checks)]


def _check(check: Check) -> str:
    numbers = ""
    if check.value is not None:
        limit = f" (limit {check.limit:g})" if check.limit is not None else ""
        numbers = f" {check.value:g} {check.unit}".rstrip() + limit
    detail = f": {check.detail}" if check.detail else ""
    return f"{'ok' if check.ok else 'NO'}  {check.name}{numbers}{detail}"


def describe_promotion(step: Promotion) -> str:
    """When, what, by whom and why, in one line."""
    night = f", night {step.night}" if step.night else ""
    return (
        f"{step.at}  {step.kind:8}  {step.from_version or '-':16} -> {step.to_version}  {step.who}{night}: {step.why}"
    )
