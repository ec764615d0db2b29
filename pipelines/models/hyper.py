"""Hyper-parameters from params.yaml over a family's defaults: a wrong name or kind of value is one clear error."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from pipelines.errors import ConfigError


def resolve(
    family: str, defaults: Mapping[str, Any], params: Mapping[str, Any], *, shares: Collection[str] = ()
) -> dict[str, Any]:
    """``defaults`` with ``params`` over them.

    A value must be of its default's kind: true or false, a whole number from 1 on (a default below 1: any), or a
    number from 0 on. ``shares`` are numbers below 1.

    Raises:
        ConfigError: a name that the family does not have, or a value out of range.
    """
    unknown = sorted(set(params) - set(defaults))
    if unknown:
        raise ConfigError(
            f"{family} has no hyper-parameter {unknown[0]!r}",
            where={"key": "candidates.*.params"},
            next_step=f"choose from: {', '.join(sorted(defaults))}",
        )
    for name, value in params.items():
        wanted = _wanted(defaults[name], value, name in shares)
        if wanted:
            raise ConfigError(
                f"{name} must be {wanted}, not {value!r}",
                where={"key": "candidates.*.params", "family": family},
                next_step="mend that value",
            )
    return {**defaults, **params}


def _wanted(default: Any, value: Any, share: bool) -> str:
    """What the value should have been, or nothing."""
    if isinstance(default, bool):
        return "" if isinstance(value, bool) else "true or false"
    if isinstance(default, Mapping):
        return "" if isinstance(value, Mapping) else "names with values"
    if isinstance(default, str):
        return "" if isinstance(value, str) and value else "text"
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if isinstance(default, int):
        whole = number and isinstance(value, int)
        return "" if whole and (default < 1 or value >= 1) else "a whole number from 1 on"
    if share:
        return "" if number and 0 <= value < 1 else "a number from 0 to below 1"
    return "" if number and 0 <= value < float("inf") else "a number from 0 on"
