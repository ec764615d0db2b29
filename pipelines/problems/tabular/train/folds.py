"""Cross-fitting: which rows a model is trained on when each one leaves out a fold."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipelines.config import Product
from pipelines.problems.common.identity import column_keys, row_keys, unit_hash
from pipelines.problems.tabular.core.prepared import Prepared

Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Part:
    """One model's share of the rows, as positions in prepare's rows.

    Attributes:
        train: rows it is fitted on.
        held: rows that stop it early; it has not seen them.
        fold: number of the fold held out; None where the split's own valid rows are.
    """

    train: Rows
    held: Rows
    fold: int | None = None


def parts(prepared: Prepared, product: Product, folds: int) -> tuple[list[Part], str]:
    """The parts of one seed's models, and in a sentence how they were made.

    With ``folds`` each of the train and valid rows is held out once, so that the mean of the models has learnt from
    all of them and every one has an out-of-fold answer. That needs sides made by hash or group (a model may not stop
    on rows older than those it learns from) and no balance strategy (only train rows have weights).
    """
    split, balance = product.prepare.split.by, product.prepare.balance
    if folds < 2:
        return _plain(prepared), "stopped early on the valid rows"
    if split not in ("hash", "group") or balance != "none":
        return _plain(prepared), f"stopped early on the valid rows: no folds with split {split}, balance {balance}"
    rows = prepared.rows("train", "valid")
    fold = assign(prepared, product, rows, folds)
    found = [Part(rows[fold != number], rows[fold == number], number) for number in range(folds)]
    if any(_lacks_a_class(prepared, side) for part in found for side in (part.train, part.held)):
        return _plain(prepared), f"stopped early on the valid rows: {folds} folds leave one without a class"
    return found, f"cross-fitted on train and valid rows, {folds} folds"


def _plain(prepared: Prepared) -> list[Part]:
    return [Part(prepared.rows("train"), prepared.rows("valid"))]


def _lacks_a_class(prepared: Prepared, rows: Rows) -> bool:
    if prepared.task == "regression":
        return len(rows) < 2
    return len(np.unique(prepared.y[rows])) < len(prepared.classes)


def assign(prepared: Prepared, product: Product, rows: Rows, folds: int) -> Rows:
    """Fold of each of ``rows``, 0 to ``folds - 1``: by hashed id, every class spread evenly; groups stay whole."""
    columns, salt = product.columns, f"{product.prepare.split.salt}/folds"
    frame = prepared.frame.iloc[rows]
    keys = row_keys(frame, columns)
    if product.prepare.split.by == "group" and columns.group is not None:
        groups = column_keys(frame[columns.group].to_numpy())
        keys = [f"group={group}" if group is not None else key for group, key in zip(groups, keys, strict=True)]
        return np.floor(unit_hash(keys, salt) * folds).astype(np.int64)
    strata = prepared.y[rows] if prepared.task != "regression" else np.zeros(len(rows), dtype=np.int64)
    order = np.lexsort((unit_hash(keys, salt), strata))
    fold = np.empty(len(rows), dtype=np.int64)
    fold[order] = np.arange(len(rows)) % folds
    return fold
