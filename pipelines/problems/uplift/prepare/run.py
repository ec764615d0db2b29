"""The prepare stage of uplift: split, features that know nothing of the arm, and proof that chance chose the arms."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pipelines.config import Product
from pipelines.features.tabular import Derive, fit, transform
from pipelines.files import json_number, read_parquet, write_json, write_parquet
from pipelines.problems.common import schema, splits
from pipelines.problems.common.frames import frame_columns
from pipelines.problems.common.identity import row_keys, unit_hash
from pipelines.problems.common.targets import Targets
from pipelines.problems.uplift.core.arms import TASK, Arms, require_rows
from pipelines.problems.uplift.core.prepared import outcome_of
from pipelines.problems.uplift.prepare import randomised
from pipelines.step import Step
from pipelines.verdicts import Check, Verdict, from_checks

if TYPE_CHECKING:
    import pandas as pd

SPLITS = ("train", "valid", "test")
ERRORS = 3.0  # standard errors beyond the limit that count
NEXT_STEP = "take features out that the treatment changed, or bring a test in which chance alone chose the arms"


def run(step: Step, derive: Derive | None) -> Verdict:
    """Write ``rows.parquet``, ``features.json``, ``schema.json`` and ``report.json``.

    Raises:
        DataError: an arm with too few rows on a side, or no usable feature.
        ConfigError: a cost for an arm that there is not.
    """
    product, columns = step.product, step.product.columns
    frame = read_parquet(step.input("label") / "rows.parquet")
    arms = Arms.learn(columns, frame[columns.treatment].to_numpy())
    arms.stakes(product.evaluate.campaign)
    arm, y = arms.encode(frame[columns.treatment].to_numpy()), outcome_of(frame, columns)
    side = _sides(frame, product)
    for name in SPLITS:
        share = {"test": product.prepare.split.test_share, "valid": product.prepare.split.valid_share}.get(name, 1.0)
        least = max(2, int(product.prepare.min_arm_rows * share * 0.5))
        require_rows(arm[side == name], arms, least, f" on the {name} side")
    known, train = side != "test", np.flatnonzero(side == "train")

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
    )
    design = transform(state, raw, derive)
    report, checks = _randomised(product, frame, raw, design, arm, arms)
    shares = np.bincount(arm[known], minlength=len(arms.names)) / known.sum()

    frame["_split"], frame["_weight"] = side, np.ones(len(frame))
    write_parquet(step.out / "rows.parquet", frame)
    write_json(step.out / "features.json", state.to_json())
    targets = Targets.learn(columns, frame[columns.target].to_numpy())
    built = schema.build(product, state, train_raw, targets)
    built |= {
        "task": TASK,
        "classes": list(arms.names),
        "outcomes": list(targets.classes),
        "also": [*built["also"], *(name for name in (columns.treatment, columns.treated_at) if name is not None)],
        "treatment": columns.treatment,
        "shares": [json_number(share) for share in shares.tolist()],
    }
    write_json(step.out / "schema.json", built)
    counts = {
        name: {
            str(label): {
                "rows": int(((side == name) & (arm == place)).sum()),
                "outcomes": int(y[(side == name) & (arm == place)].sum()),
            }
            for place, label in enumerate(arms.names)
        }
        for name in SPLITS
    }
    content = {
        "rows": len(frame),
        "splits": counts,
        "split_by": product.prepare.split.by,
        **report,
        "features": {
            "numeric": len(state.numeric),
            "derived": len(state.derived),
            "categorical": {name: len(values) for name, values in state.categorical.items()},
            "dropped": dict(state.dropped),
        },
    }
    write_json(step.out / "report.json", content)
    return from_checks("prepare", step.name, checks, NEXT_STEP)


def _sides(frame: pd.DataFrame, product: Product) -> NDArray[np.str_]:
    """As every problem's; but without an id, customers who look alike part: each counts as a customer of its own."""
    split, columns = product.prepare.split, product.columns
    if split.by != "hash" or (columns.id is not None and columns.id in frame):
        return splits.assign(frame, columns, split)
    place = unit_hash(numbered_keys(frame, product), split.salt)
    return splits.by_share(place, split.test_share, split.valid_share)


def numbered_keys(frame: pd.DataFrame, product: Product) -> list[str]:
    """What names each customer: its id; without one its content, and which of those with equal content it is."""
    seen: dict[str, int] = {}
    names = []
    for key in row_keys(frame, product.columns):
        seen[key] = seen.get(key, 0) + 1
        names.append(key if seen[key] == 1 else f"{key}\x1f#{seen[key]}")
    return names


def _randomised(
    product: Product, frame: pd.DataFrame, raw: dict[str, NDArray[Any]], design: Any, arm: NDArray[np.int64], arms: Arms
) -> tuple[dict[str, Any], list[Check]]:
    settings = product.prepare
    same = randomised.tells_the_arm(raw, arm)
    apart: dict[str, dict[str, float]] = {}
    told: dict[str, randomised.Told] = {}
    fold = unit_hash(numbered_keys(frame, product), f"{settings.split.salt}/arms")
    for place, name in enumerate(arms.offers, start=1):
        apart[str(name)] = randomised.differences(design, arm, place)
        told[str(name)] = randomised.told_apart(design, arm, place, fold, 1)
    counts = np.bincount(arm, minlength=len(arms.names))
    worst_arm, worst = max(
        ((name, feature) for name, found in apart.items() for feature in found),
        key=lambda pair: abs(apart[pair[0]][pair[1]]),
    )
    difference = abs(apart[worst_arm][worst])
    noise = float(ERRORS * np.sqrt(2.0 / counts.min()))
    easiest = max(told, key=lambda name: told[name].auc)
    found = told[easiest]
    checks = [
        Check(
            name="treatment_in_features",
            ok=not same,
            detail=f"{', '.join(same)}: tells the arm" if same else "no feature tells the arm",
        ),
        Check(
            name="balance",
            ok=difference <= max(settings.max_imbalance, noise),
            value=json_number(difference, 6),
            limit=json_number(max(settings.max_imbalance, noise), 6),
            unit="standardised mean difference",
            detail=f"{worst} differs by {difference:.3f} standard deviations between {worst_arm} and the control",
        ),
        Check(
            name="randomised",
            ok=found.auc - ERRORS * found.error <= settings.max_arm_auc,
            value=json_number(found.auc, 6),
            limit=settings.max_arm_auc,
            unit="ROC AUC, less three standard errors",
            detail=f"a classifier tells {easiest} from the control with AUC {found.auc:.3f} (error {found.error:.3f})",
        ),
    ]
    report = {
        "arms": dict(zip(map(str, arms.names), counts.tolist(), strict=True)),
        "standardised_differences": {
            name: {feature: json_number(value, 4) for feature, value in values.items()}
            for name, values in apart.items()
        },
        "told_apart": {
            name: {"auc": json_number(one.auc, 5), "error": json_number(one.error, 5)} for name, one in told.items()
        },
    }
    return report, checks
