"""The prepare stage of tables: duplicates, split, leakage gate, class balance, features, schema."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pipelines.config import Product
from pipelines.errors import DataError
from pipelines.features.tabular import Derive, fit, transform
from pipelines.files import json_number, read_parquet, write_json, write_parquet
from pipelines.problems.common import schema, splits
from pipelines.problems.common.balance import training_weights
from pipelines.problems.common.frames import frame_columns
from pipelines.problems.common.identity import column_keys, content_codes, content_names
from pipelines.problems.common.provenance import by_people, label_facts, label_weights, may_be_used
from pipelines.problems.common.targets import Targets
from pipelines.problems.tabular.core.prepared import SPLITS
from pipelines.problems.tabular.prepare import dominance, leakage
from pipelines.step import Step
from pipelines.verdicts import Check, Verdict, from_checks

if TYPE_CHECKING:
    import pandas as pd

MIN_ROWS = 20  # rows on each side
MIN_CLASS_ROWS = 2  # rows of each class on each side
NEXT_STEP = (
    "take the named columns out of columns.numeric and columns.categorical, or say in prepare.known_before how one that"
    " outdoes all others is known before the outcome"
)
FUTURE_SHARE = 0.01  # share of rows in which a date lies after the row's own time


def run(step: Step, derive: Derive | None) -> Verdict:
    """Write ``rows.parquet``, ``features.json``, ``schema.json`` and ``report.json``.

    Raises:
        DataError: too few rows, or one class only, on a side; no usable feature.
    """
    product, columns = step.product, step.product.columns
    frame = read_parquet(step.input("label") / "rows.parquet")
    targets = Targets.learn(columns, frame[columns.target].to_numpy())
    side = splits.assign(frame, columns, product.prepare.split)
    judging = may_be_used(frame, side)
    frame, side = frame[judging].reset_index(drop=True), side[judging]
    keep, duplicates = _part_duplicates(frame, product, side)
    frame, side = frame[keep].reset_index(drop=True), side[keep]
    y = targets.encode(frame[columns.target].to_numpy())
    counts = _counts(y, side, targets)
    _require_rows(counts, columns.target)
    train = np.flatnonzero(side == "train")

    usable = set(product.feature_columns)
    raw = frame_columns(frame, product.feature_columns)
    train_raw = {name: values[train] for name, values in raw.items()}
    state = fit(
        train_raw,
        [name for name in columns.numeric if name in usable],
        [name for name in columns.categorical if name in usable],
        derive=derive,
        module=columns.features,
        max_categories=product.prepare.max_categories,
        only_derived=columns.sources,
    )
    told = np.flatnonzero((side == "train") & by_people(frame))  # a rule's own labels would make its column a leak
    told_raw = {name: values[told] for name, values in raw.items()}
    design = transform(state, told_raw, derive)
    alone = leakage.single_feature_auc(design, y[told], targets.task, len(targets.classes))
    same = leakage.equal_to_target(
        {name: column_keys(values) for name, values in told_raw.items()},
        column_keys(frame[columns.target].to_numpy()[told]),
    )
    outdoing = dominance.suspects(design, y[told], alone) if targets.task == "binary" else []
    future = _future_shares(frame, product)
    overlap = _overlap(frame, product, side)
    balance = training_weights(frame, y, side, product) * label_weights(frame)

    frame["_split"], frame["_weight"] = side, balance
    write_parquet(step.out / "rows.parquet", frame)
    write_json(step.out / "features.json", state.to_json())
    write_json(step.out / "schema.json", schema.build(product, state, train_raw, targets))
    report = {
        "rows": len(frame),
        "duplicates": duplicates,
        "overlap": json_number(overlap),
        "single_feature_auc": {name: json_number(value, 4) for name, value in alone.items()},
        "equal_to_target": same,
        "outdoes_all_others": {
            one.name: {"alone": json_number(one.alone, 4), "others": json_number(one.others, 4)} for one in outdoing
        },
        "future_dates": {name: json_number(value, 4) for name, value in future.items()},
        "splits": counts,
        "split_by": product.prepare.split.by,
        "balance": _balance_report(product, side, balance),
        "labels": label_facts(step.input("label"), frame, side),
        "features": {
            "numeric": len(state.numeric),
            "derived": len(state.derived),
            "categorical": {name: len(values) for name, values in state.categorical.items()},
            "dropped": dict(state.dropped),
            "rare_share": _rare_shares(design),
        },
    }
    write_json(step.out / "report.json", report)
    checks = [*_checks(product, alone, same, future, overlap), *_outdoing(product, outdoing)]
    return from_checks("prepare", step.name, checks, NEXT_STEP)


def _outdoing(product: Product, found: list[dominance.Suspect]) -> list[Check]:
    reasons = product.prepare.known_before
    open_ones = [one for one in found if one.name not in reasons]
    words = [one.sentence() for one in open_ones]
    words += [f"{one.name} outdoes all others, but {reasons[one.name]}" for one in found if one.name in reasons]
    return [
        Check(name="known_after", ok=not open_ones, detail="; ".join(words) or "no feature outdoes all others together")
    ]


def _part_duplicates(
    frame: pd.DataFrame, product: Product, side: NDArray[np.str_]
) -> tuple[NDArray[np.bool_], dict[str, int]]:
    """Rows equal in everything but id and target stay on one side: test before valid before train, so that the
    test rows stay the same while the data grows."""
    codes = content_codes(frame, content_names(frame, product.columns))
    order = {name: place for place, name in enumerate(reversed(SPLITS))}
    rank = np.array([order[name] for name in side], dtype=np.int64)
    best = np.full(int(codes.max()) + 1 if len(codes) else 1, len(order))
    np.minimum.at(best, codes, rank)
    keep = rank == best[codes]
    removed = {f"removed_from_{name}": int((~keep & (side == name)).sum()) for name in SPLITS}
    same = len(codes) - len(np.unique(codes))
    identifier = product.columns.id
    twice = int(frame[identifier].duplicated().sum()) if identifier in frame else 0
    return keep, {"rows_like_an_earlier_one": same, "ids_seen_before": twice, **removed}


def _overlap(frame: pd.DataFrame, product: Product, side: NDArray[np.str_]) -> float:
    codes = content_codes(frame, content_names(frame, product.columns))
    test = codes[side == "test"]
    return float(np.isin(test, codes[side == "train"]).mean()) if test.size else 0.0


def _counts(y: NDArray[Any], side: NDArray[np.str_], targets: Targets) -> dict[str, dict[str, Any]]:
    counts: dict[str, dict[str, Any]] = {}
    for name in SPLITS:
        chosen = y[side == name]
        counts[name] = {"rows": len(chosen)}
        if targets.task == "regression":
            counts[name]["mean"] = json_number(chosen.mean()) if len(chosen) else None
            continue
        per_class = np.bincount(chosen, minlength=len(targets.classes)).tolist()
        counts[name]["classes"] = {str(value): n for value, n in zip(targets.classes, per_class, strict=True)}
        if targets.task == "binary":
            counts[name]["positives"] = per_class[1]
    return counts


def _require_rows(counts: dict[str, dict[str, Any]], target: str) -> None:
    rows = ", ".join(f"{name} {counts[name]['rows']}" for name in SPLITS)
    for name in SPLITS:
        if counts[name]["rows"] < MIN_ROWS:
            raise DataError(
                f"too few rows to learn from and to judge by: {rows}",
                where={"side": name, "rows": counts[name]["rows"]},
                next_step=f"bring at least {MIN_ROWS} rows for each side, or change prepare.split's shares",
            )
        few = [value for value, n in counts[name].get("classes", {}).items() if n < MIN_CLASS_ROWS]
        if few:
            raise DataError(
                f"class {few[0]} of {target} has {counts[name]['classes'][few[0]]} rows on the {name} side",
                where={"side": name, "classes": counts[name]["classes"]},
                next_step=f"bring at least {MIN_CLASS_ROWS} rows of each class for each side, or merge rare classes",
            )


def _future_shares(frame: pd.DataFrame, product: Product) -> dict[str, float]:
    """Date columns among the features: share of rows whose date lies after the row's own time."""
    from pipelines.features.values import looks_like_dates

    columns = product.columns
    if columns.time is None or columns.time not in frame:
        return {}
    known = splits.moments(frame[columns.time])
    shares = {}
    for name in product.feature_columns:
        if name != columns.time and looks_like_dates(frame[name].to_numpy()):
            with np.errstate(invalid="ignore"):
                shares[name] = float((splits.moments(frame[name]) > known).mean())
    return shares


def _balance_report(product: Product, side: NDArray[np.str_], weight: NDArray[np.float64]) -> dict[str, Any]:
    train = weight[side == "train"]
    return {
        "strategy": product.prepare.balance,
        "rows_left_out": int((train == 0).sum()),
        "half_life": product.prepare.half_life,
        "weights": [json_number(value) for value in _few(np.unique(train)).tolist()],
    }


def _few(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """All values, or the ends of too many."""
    return values if len(values) <= 20 else values[[0, -1]]


def _rare_shares(design: Any) -> dict[str, float | None]:
    """Share of train rows per categorical feature that are missing or too rare for a code of their own."""
    return {
        name: json_number(float((design.categorical[:, place] == 0).mean()), 4)
        for place, name in enumerate(design.categorical_names)
    }


def _checks(
    product: Product, alone: dict[str, float], same: list[str], future: dict[str, float], overlap: float
) -> list[Check]:
    limit = product.prepare.leakage_auc
    suspects = sorted((name for name, value in alone.items() if value > limit), key=lambda name: -alone[name])
    worst = max(alone, key=lambda name: alone[name])
    checks = [
        Check(
            name="single_feature_auc",
            ok=not suspects,
            value=json_number(alone[worst]),
            limit=limit,
            unit="ROC AUC",
            detail="; ".join(f"{name} alone has AUC {alone[name]:.4f}, a leak suspect" for name in suspects)
            or f"the most telling feature alone is {worst}",
        ),
        Check(
            name="equal_to_target",
            ok=not same,
            detail=f"{', '.join(same)}: equal to the target but for the values' names" if same else "no such column",
        ),
        Check(
            name="overlap",
            ok=overlap <= product.prepare.max_overlap,
            value=json_number(overlap),
            limit=product.prepare.max_overlap,
            unit="share of test rows",
            detail=f"{overlap:.2%} of the test rows equal a train row",
        ),
    ]
    late = sorted(name for name, share in future.items() if share > FUTURE_SHARE)
    if future:
        checks.append(
            Check(
                name="future_dates",
                ok=not late,
                value=json_number(max(future.values())),
                limit=FUTURE_SHARE,
                unit="share of rows",
                detail=f"{', '.join(late)}: dates after the row was known" if late else "no date lies ahead of its row",
            )
        )
    return checks
