"""Great Expectations as the judge: a suite and a data frame in, one judgement per expectation out."""

from __future__ import annotations

import contextlib
import gc
import logging
import os
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipelines.errors import ConfigError, StageError
from pipelines.validation.suite import Rule

if TYPE_CHECKING:
    import pandas as pd


NARROW_FROM = 50_000  # rows; below, one pass over the whole frame is quicker


@dataclass(frozen=True)
class Judgement:
    """What Great Expectations says about one rule.

    Attributes:
        success: its answer.
        unexpected: rows that fail, for rules about rows; None otherwise.
        observed: what it measured (a number, a text, or a list or mapping of them); None for rules about rows.
    """

    success: bool
    unexpected: int | None
    observed: Any


def version() -> str:
    """The version of Great Expectations, without importing it."""
    from importlib.metadata import version as of

    return of("great_expectations")


def judge(frame: pd.DataFrame, rules: Sequence[Rule], suite: str) -> dict[int, Judgement]:
    """Judge ``frame`` by each rule, in one pass.

    Returns:
        By the rules' positions; every rule has one.

    Raises:
        ConfigError: an expectation type or argument that Great Expectations does not know.
        StageError: Great Expectations failed inside: that is no statement about the data.
    """
    if not rules:
        return {}
    gx = _great_expectations()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expectations = {rule.position: _expectation(rule, suite, _kwargs(rule, frame)) for rule in rules}
        context = gx.get_context(mode="ephemeral")
        context.variables.progress_bars = {"globally": False}
        asset = context.data_sources.add_pandas("rows").add_dataframe_asset("rows")
        batches = asset.add_batch_definition_whole_dataframe("rows")
        out = {}
        for columns, together in _groups(rules, frame).items():
            part = frame[list(columns)] if columns else frame
            made = gx.ExpectationSuite(name=suite, expectations=[expectations[rule.position] for rule in together])
            found = batches.get_batch({"dataframe": part}).validate(made, result_format="BASIC")
            for result in found.results:
                position = result.expectation_config.meta["position"]
                _no_exception(result, position, suite)
                out[position] = Judgement(bool(result.success), _count(result.result), _observed(result.result))
    lacking = sorted({rule.position for rule in rules} - set(out))
    if lacking:
        raise StageError(
            "Great Expectations did not answer for some expectations",
            where={"suite": suite, "expectation": lacking[0]},
            next_step="report this: it is an error of Nightshift, not of the data",
        )
    return out


def _groups(rules: Sequence[Rule], frame: pd.DataFrame) -> dict[tuple[str, ...], list[Rule]]:
    """Rules by the columns they need; ``()``: all. For each rule Great Expectations copies the rows of the whole frame
    that it is given, so a narrow frame is judged several times faster once the table is large."""
    narrow = len(frame) >= NARROW_FROM
    groups: dict[tuple[str, ...], list[Rule]] = {}
    for rule in rules:
        alone = (
            narrow and rule.columns and not rule.kwargs.get("row_condition") and set(rule.columns) <= set(frame.columns)
        )
        groups.setdefault(rule.columns if alone else (), []).append(rule)
    return groups


def _great_expectations() -> Any:
    """The library, silent. Its import makes many lasting objects: with the collector off it takes a fifth less time."""
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
    collecting = gc.isenabled()
    gc.disable()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import great_expectations as gx
    finally:
        if collecting:
            gc.enable()
    logging.getLogger("great_expectations").setLevel(logging.CRITICAL)
    return gx


def _kwargs(rule: Rule, frame: pd.DataFrame) -> dict[str, Any]:
    """The rule's arguments. A day as the bound of a column of timestamps becomes its midnight: Great Expectations
    makes a ``date`` of ``2026-01-31``, which pandas does not compare with timestamps."""
    import pandas as pd

    column = rule.kwargs.get("column")
    if column not in frame.columns or frame[column].dtype.kind != "M":
        return rule.kwargs
    kwargs = dict(rule.kwargs)
    for key in ("min_value", "max_value"):
        if isinstance(kwargs.get(key), str):
            with contextlib.suppress(ValueError):
                kwargs[key] = pd.Timestamp(kwargs[key]).to_pydatetime()
    return kwargs


def _expectation(rule: Rule, suite: str, kwargs: dict[str, Any]) -> Any:
    """Built one by one: a suite made from plain configurations silently drops a type that it does not know."""
    import pydantic.v1
    from great_expectations.exceptions import ExpectationNotFoundError
    from great_expectations.expectations.registry import get_expectation_impl

    place = {"file": f"expectations/{suite}.json", "expectation": rule.position, "type": rule.type}
    try:
        made = get_expectation_impl(rule.type)
        return made(**kwargs, meta={"position": rule.position}, severity=rule.severity)
    except ExpectationNotFoundError as error:
        raise ConfigError(
            f"Great Expectations has no expectation {rule.type!r}",
            where=place,
            next_step="mend the type; the names are in its documentation",
        ) from error
    except (pydantic.v1.ValidationError, TypeError, ValueError) as error:
        problems = (
            error.errors() if isinstance(error, pydantic.v1.ValidationError) else [{"loc": (), "msg": str(error)}]
        )
        shown = "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in problems[:3])
        raise ConfigError(
            f"wrong arguments: {shown.replace('__root__: ', '')}", where=place, next_step="mend its kwargs"
        ) from error


def _no_exception(result: Any, position: int, suite: str) -> None:
    info = result.exception_info or {}
    nested = [info, *(value for value in info.values() if isinstance(value, Mapping))]
    raised = [item for item in nested if item.get("raised_exception")]
    if raised:
        message = str(raised[0].get("exception_message") or "no message").splitlines()[0][:300]
        raise StageError(
            f"Great Expectations failed inside: {message}",
            where={
                "suite": suite,
                "expectation": f"{position} ({result.expectation_config.type})",
                "column": result.expectation_config.kwargs.get("column"),
            },
            next_step="the data was not judged: mend this expectation so that it fits the column's type",
        )


def _count(result: Mapping[str, Any]) -> int | None:
    return int(result["unexpected_count"]) if "unexpected_count" in result else None


def _observed(result: Mapping[str, Any]) -> Any:
    return plain(result["observed_value"]) if "observed_value" in result else None


def plain(value: Any) -> Any:
    """As JSON can hold it: numbers rounded to 10 significant digits, None for NaN and infinity, texts for the rest."""
    from pipelines.files import json_number

    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in (sorted(value, key=str) if isinstance(value, set | frozenset) else value)]
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    if isinstance(value, float):
        return json_number(value)
    return value if value is None or isinstance(value, bool | int | str) else str(value)
