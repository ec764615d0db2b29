"""What a person sees of a row, and which answers there are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from pipelines.config import Params, Product
from pipelines.features.values import category_key
from pipelines.files import read_json, read_parquet
from pipelines.layout import Layout
from pipelines.problems.common.identity import column_keys
from pipelines.problems.common.targets import labels_of
from pipelines.serving.outcomes import UnfitError, outcome_check

if TYPE_CHECKING:
    import pandas as pd

REVIEWED_PROBLEMS = ("tabular", "text")
"""Kinds of problems whose rows a person can label; of the others only chats are asked about."""

MAX_CLASSES = 400


def shown_columns(params: Params, name: str) -> tuple[str, ...]:
    """Columns that a person sees: the text, or the features; neither protected nor masked ones."""
    product = params.product(name)
    wanted = (product.columns.text,) if product.columns.text is not None else product.feature_columns
    barred = {*params.service.mask_fields, *_protected(product)}
    return tuple(column for column in wanted if column is not None and column not in barred)


def _protected(product: Product) -> set[str]:
    return set(product.requirements.protected) - set(product.requirements.protected_as_features)


def displayed(params: Params, name: str, shown: Mapping[str, Any]) -> dict[str, Any]:
    """The part of an item's content that goes to the page, in the product's order; a chat goes as it is."""
    columns = [column for column in shown_columns(params, name) if column in shown]
    if columns:
        return {column: shown[column] for column in columns}
    return {key: value for key, value in shown.items() if not key.startswith("_") and key not in _hidden(params, name)}


def _hidden(params: Params, name: str) -> set[str]:
    return {*params.service.mask_fields, *_protected(params.product(name))}


def shown_of(frame: pd.DataFrame, rows: Sequence[int], columns: Sequence[str]) -> list[dict[str, Any]]:
    """JSON values of these rows: numbers, booleans and texts as they are, times as text, missing as None."""
    part = frame.iloc[list(rows)]
    found: list[dict[str, Any]] = [{} for _ in rows]
    for column in columns:
        if column not in part:
            continue
        values = part[column].to_numpy()
        texts = column_keys(values)
        for place, (value, text) in enumerate(zip(values.tolist(), texts, strict=True)):
            found[place][column] = _plain(value, text)
    return found


def _plain(value: Any, text: str | None) -> Any:
    if text is None:
        return None
    if isinstance(value, bool | int | str):
        return value
    return float(value) if isinstance(value, float) else text


def as_label(value: Any) -> Any:
    """A label as a JSON value; None where there is none."""
    if isinstance(value, np.generic):
        value = value.item()
    if category_key(value) is None:
        return None
    return value if isinstance(value, bool | int | float | str) else str(value)


def classes_of(layout: Layout, product: Product, name: str) -> list[Any]:
    """The classes that an answer may have, as the newest model or the rows know them; empty for a number or a text."""
    if product.columns.task == "regression" or product.problem not in REVIEWED_PROBLEMS:
        return []
    for schema in (
        layout.stage("package", name) / "bundle" / "schema.json",
        layout.stage("prepare", name) / "schema.json",
    ):
        if schema.is_file() and (known := read_json(schema).get("classes")):
            return list(known)
    rows = layout.stage("fetch", name) / "rows.parquet"
    if not rows.is_file():
        return []
    values = read_parquet(rows, [product.columns.target])[product.columns.target]
    if product.columns.task == "multilabel":
        return sorted({label for value in values.tolist() for label in labels_of(value, product.columns.separator)})
    labels = {category_key(value): as_label(value) for value in values.unique()}
    named = sorted((key, label) for key, label in labels.items() if key is not None)
    return [label for _, label in named[:MAX_CLASSES]]


def fit_answer(product: Product, classes: Sequence[Any], value: Any) -> Any:
    """An answer as it is kept: one of the classes, several of them as the target column holds them, a number, a text.

    Raises:
        UnfitError: it is none.
    """
    if product.problem in REVIEWED_PROBLEMS and product.columns.task != "regression" and not classes:
        raise UnfitError("no class is known yet: run the lane once")
    task = product.columns.task if product.problem in REVIEWED_PROBLEMS else None
    separator = product.columns.separator
    if task == "multilabel" and isinstance(value, str):
        value = labels_of(value, separator)
    return outcome_check(task, list(classes), separator)(value)
