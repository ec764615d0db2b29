"""The prepare stage of texts: duplicates, near-duplicates, split, class balance, schema."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pipelines.config import Product
from pipelines.errors import ConfigError, DataError
from pipelines.features.tabular import Derive
from pipelines.features.text import clean
from pipelines.files import json_number, read_parquet, write_json, write_parquet
from pipelines.problems.common import splits
from pipelines.problems.common.balance import training_weights
from pipelines.problems.common.provenance import label_facts, label_weights, may_be_used
from pipelines.problems.common.targets import Targets
from pipelines.problems.text.core.duplicates import near_pairs, text_codes
from pipelines.problems.text.core.prepared import SPLITS, require_texts, text_column
from pipelines.step import Step
from pipelines.verdicts import Check, Verdict, from_checks

if TYPE_CHECKING:
    import pandas as pd

MIN_ROWS = 20  # rows on each side
MIN_CLASS_ROWS = 2  # train rows of each class
SHOWN_PAIRS = 10


def run(step: Step, derive: Derive | None) -> Verdict:  # noqa: ARG001 - every problem's signature
    """Write ``rows.parquet``, ``schema.json`` and ``report.json``.

    Raises:
        DataError: too few rows on a side, or of a class on the train side.
    """
    product, columns = step.product, step.product.columns
    column = text_column(columns)
    frame = read_parquet(step.input("label") / "rows.parquet")
    _require_text(frame, column)
    targets = Targets.learn(columns, frame[columns.target].to_numpy())
    side = splits.assign(frame, columns, product.prepare.split)
    judging = may_be_used(frame, side)
    frame, side = frame[judging].reset_index(drop=True), side[judging]
    frame, side, same = _part_same(frame, column, side)
    frame, side, near = _part_near(frame, column, side, product.prepare.near_duplicate)
    y = targets.encode(frame[columns.target].to_numpy())
    if y.ndim == 2 and product.prepare.balance != "none":
        raise ConfigError(
            f"balance {product.prepare.balance} is not for several labels per text",
            where={"key": "prepare.balance"},
            next_step="set it to none",
        )
    counts = _counts(y, side, targets)
    _require_rows(counts, columns.target)
    balance = training_weights(frame, y, side, product) * label_weights(frame)
    overlap = _overlap(frame, column, side)
    frame["_split"], frame["_weight"] = side, balance
    write_parquet(step.out / "rows.parquet", frame)
    write_json(
        step.out / "schema.json", schema(product, [str(text) for text in frame[column][side == "train"]], targets)
    )
    write_json(
        step.out / "report.json",
        {
            "rows": len(frame),
            "same_text": same,
            "near_duplicates": near,
            "overlap": json_number(overlap),
            "splits": counts,
            "split_by": product.prepare.split.by,
            "balance": product.prepare.balance,
            "labels": label_facts(step.input("label"), frame, side),
        },
    )
    limit = product.prepare.max_overlap
    check = Check(
        name="overlap",
        ok=overlap <= limit,
        value=json_number(overlap),
        limit=limit,
        unit="share of test rows",
        detail=f"{overlap:.2%} of the test texts equal a train text; {near['removed']} near-duplicates were left out",
    )
    return from_checks("prepare", step.name, [check], "look at prepare/report.json, and mend the source")


def _require_text(frame: pd.DataFrame, column: str) -> None:
    require_texts(frame, column)
    empty = sum(not clean(text) for text in frame[column])
    if empty:
        raise DataError(
            f"{empty} of {len(frame)} texts hold nothing that can be read",
            where={"column": column},
            next_step="refuse them in the suite: expect_column_values_to_match_regex, a letter or digit",
        )


def _part_same(
    frame: pd.DataFrame, column: str, side: NDArray[np.str_]
) -> tuple[pd.DataFrame, NDArray[np.str_], dict[str, int]]:
    """The same text stays on one side: test before valid before train, so that the test side stays the same."""
    codes = text_codes(frame[column].tolist())
    order = {name: place for place, name in enumerate(reversed(SPLITS))}
    rank = np.array([order[name] for name in side], dtype=np.int64)
    best = np.full(int(codes.max()) + 1, len(order))
    np.minimum.at(best, codes, rank)
    keep = rank == best[codes]
    removed = {f"removed_from_{name}": int((~keep & (side == name)).sum()) for name in SPLITS}
    report = {"texts_like_an_earlier_one": int(len(codes) - len(np.unique(codes))), **removed}
    return frame[keep].reset_index(drop=True), side[keep], report


def _part_near(
    frame: pd.DataFrame, column: str, side: NDArray[np.str_], least: float
) -> tuple[pd.DataFrame, NDArray[np.str_], dict[str, Any]]:
    """Train and valid texts that nearly are a test text are left out, then train texts that nearly are a valid one."""
    texts = frame[column].tolist()
    keep = np.ones(len(texts), dtype=bool)
    shown: list[dict[str, Any]] = []
    for held, others in (("test", ("train", "valid")), ("valid", ("train",))):
        first = np.flatnonzero((side == held) & keep)
        second = np.flatnonzero(np.isin(side, others) & keep)
        pairs = near_pairs([texts[row] for row in first], [texts[row] for row in second], least)
        for one, other, alike in pairs:
            keep[second[other]] = False
            if len(shown) < SHOWN_PAIRS:
                shown.append(
                    {
                        "kept": texts[first[one]][:200],
                        "left_out": texts[second[other]][:200],
                        "likeness": json_number(alike, 4),
                    }
                )
    report = {"removed": int((~keep).sum()), "from_likeness": least, "examples": shown}
    return frame[keep].reset_index(drop=True), side[keep], report


def _overlap(frame: pd.DataFrame, column: str, side: NDArray[np.str_]) -> float:
    codes = text_codes(frame[column].tolist())
    test = codes[side == "test"]
    return float(np.isin(test, codes[side == "train"]).mean()) if test.size else 0.0


def _counts(y: NDArray[Any], side: NDArray[np.str_], targets: Targets) -> dict[str, dict[str, Any]]:
    counts: dict[str, dict[str, Any]] = {}
    for name in SPLITS:
        own = y[side == name]
        per_class = (np.bincount(own, minlength=len(targets.classes)) if y.ndim == 1 else own.sum(axis=0)).tolist()
        classes = {str(value): n for value, n in zip(targets.classes, per_class, strict=True)}
        counts[name] = {"rows": int((side == name).sum()), "classes": classes}
    return counts


def _require_rows(counts: dict[str, dict[str, Any]], target: str) -> None:
    rows = ", ".join(f"{name} {counts[name]['rows']}" for name in SPLITS)
    for name in SPLITS:
        if counts[name]["rows"] < MIN_ROWS:
            raise DataError(
                f"too few texts to learn from and to judge by: {rows}",
                where={"side": name, "rows": counts[name]["rows"]},
                next_step=f"bring at least {MIN_ROWS} texts for each side, or change prepare.split's shares",
            )
    for value, n in counts["train"]["classes"].items():
        if n < MIN_CLASS_ROWS:
            elsewhere = sum(counts[name]["classes"][value] for name in ("valid", "test"))
            raise DataError(
                f"class {value} of {target} has {n} train texts ({elsewhere} on the other sides)",
                where={"side": "train"},
                next_step=f"bring at least {MIN_CLASS_ROWS} train texts of each class, or merge rare classes",
            )


def schema(product: Product, train: list[str], targets: Targets) -> dict[str, Any]:
    """The content of ``schema.json``: one field, the text, from one readable sign to ``prepare.max_characters``."""
    lengths = np.array([len(text) for text in train])
    middle = sorted(train, key=lambda text: (abs(len(text) - float(np.median(lengths))), text))[0]
    field = {
        "name": text_column(product.columns),
        "type": "string",
        "nullable": False,
        "min_length": 1,
        "max_length": product.prepare.max_characters,
        "example": middle[:500],
        "description": f"text; the train rows held {lengths.min()} to {lengths.max()} characters",
    }
    return {
        "fields": [field],
        "target": product.columns.target,
        "task": targets.task,
        "classes": list(targets.classes),
        "id": product.columns.id,
        "title": product.title,
        **({"separator": targets.separator} if targets.task == "multilabel" else {}),
    }
