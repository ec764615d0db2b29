"""A column that alone tells more of the target than all the others together: most likely it is known too late.

Length of a call, a reason for leaving, a last payment: such a column need not give the target away altogether, so no
limit on its own AUC finds it. But it stands out: what is known beforehand is weaker even taken together.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.features.design import Design
from pipelines.metrics.intervals import difference
from pipelines.metrics.judges import BinaryJudge
from pipelines.problems.tabular.prepare.leakage import average_ranks, out_of_fold_means, quantile_codes

STRONG = 0.75  # single-feature AUC from which a column is looked at
KNOWING = 0.55  # AUC that the others must have together: where they know nothing, nothing is said
OTHERS = 4  # other columns there must be
ALIKE = 0.95  # rank correlation from which two columns count as one
MAX_ROWS = 20_000
FOLDS, ROUNDS, RESAMPLES = 4, 80, 200
SURE = 0.9  # one-sided: a suspicion is cheap to answer
LEARNER = {
    "objective": "binary", "learning_rate": 0.1, "num_leaves": 15, "min_data_in_leaf": 40, "feature_fraction": 0.7,
    "lambda_l2": 10.0, "max_bin": 63, "seed": 0, "deterministic": True, "force_row_wise": True, "verbosity": -1,
    "num_threads": 1,
}  # fmt: skip


@dataclass(frozen=True)
class Suspect:
    """A column that outdoes all others.

    Attributes:
        name: its name.
        alone: its ROC AUC.
        others: that of all other columns together, out of fold; those that are nearly equal to it are left out too.
        count: how many others.
    """

    name: str
    alone: float
    others: float
    count: int

    def sentence(self) -> str:
        """For a person."""
        return (
            f"{self.name} alone has AUC {self.alone:.3f}, more than the {self.count} other features together"
            f" ({self.others:.3f}): is it known before the outcome?"
        )


def suspects(design: Design, y: NDArray[Any], alone: Mapping[str, float]) -> list[Suspect]:
    """Columns of a binary problem that outdo all others beyond noise (paired bootstrap, 90% one-sided).

    Args:
        design: train rows.
        y: 0/1 ``[n]``.
        alone: :func:`pipelines.problems.tabular.prepare.leakage.single_feature_auc`.
    """
    strong = sorted((name for name, value in alone.items() if value >= STRONG), key=lambda name: -alone[name])
    if not strong:
        return []
    step = -(-len(y) // MAX_ROWS) or 1
    rows = np.arange(0, len(y), step)
    design, y = design.take(rows), y[rows]
    fold = np.arange(len(y)) % FOLDS
    columns = _columns(design)
    found = []
    for name in strong:
        same = {other for other in columns if _alike(columns[name], columns[other])}
        others = [place for place, other in enumerate(columns) if other not in same]
        if len(others) < OTHERS:
            continue
        together = BinaryJudge(y, _out_of_fold(design, others, y, fold), ["roc_auc"])
        own = BinaryJudge(y, _alone(columns[name], name in design.categorical_names, y, fold), ["roc_auc"])
        level = float(together.measure(np.ones((1, len(y))))["roc_auc"][0])
        gap = difference(own, together, "roc_auc", RESAMPLES)
        if level >= KNOWING and gap.better(SURE):
            found.append(Suspect(name, level + gap.value, level, len(others)))
    return found


def _columns(design: Design) -> dict[str, NDArray[np.float64]]:
    found = {name: design.numeric[:, at].astype(np.float64) for at, name in enumerate(design.numeric_names)}
    return found | {
        name: design.categorical[:, at].astype(np.float64) for at, name in enumerate(design.categorical_names)
    }


def _alike(left: NDArray[np.float64], right: NDArray[np.float64]) -> bool:
    a, b = average_ranks(np.nan_to_num(left, nan=-1e300)), average_ranks(np.nan_to_num(right, nan=-1e300))
    if a.std() == 0 or b.std() == 0:
        return False
    return bool(abs(np.corrcoef(a, b)[0, 1]) >= ALIKE)


def _alone(
    values: NDArray[np.float64], categorical: bool, y: NDArray[Any], fold: NDArray[np.int64]
) -> NDArray[np.float64]:
    codes = values.astype(np.int64) if categorical else quantile_codes(values)
    return out_of_fold_means(codes, y.astype(np.float64), fold)


def _out_of_fold(design: Design, places: list[int], y: NDArray[Any], fold: NDArray[np.int64]) -> NDArray[np.float64]:
    import lightgbm as lgb

    from pipelines.models.lightgbm import matrix

    x = matrix(design)[:, places]
    width = len(design.numeric_names)
    categorical = [at for at, place in enumerate(places) if place >= width]
    answer = np.zeros(len(y))
    params: dict[str, Any] = dict(LEARNER)
    for part in range(FOLDS):
        held = fold == part
        data = lgb.Dataset(x[~held], y[~held], params=params, categorical_feature=categorical)
        answer[held] = lgb.train(params, data, ROUNDS).predict(x[held])
    return answer
