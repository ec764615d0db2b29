"""Columns that alone tell the target: leaks, or something a person must vouch for."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from pipelines.blocks.columns import Columns
from pipelines.errors import DataError
from pipelines.features.tabular import fit, transform
from pipelines.onboarding.target import Target
from pipelines.problems.common.frames import frame_columns
from pipelines.problems.common.identity import column_keys
from pipelines.problems.common.targets import Targets
from pipelines.problems.tabular.prepare import dominance, leakage

if TYPE_CHECKING:
    import pandas as pd

LIMIT = 0.98  # the default of prepare.leakage_auc
CELLS = 4_000_000  # looked at


@dataclass(frozen=True)
class Telling:
    """How well single columns tell the target.

    Attributes:
        alone: column -> 0.5 (nothing) to 1 (all); ROC AUC, for quantities ``(1 + |rank correlation|) / 2``.
        same: columns that are the target under other names.
        features: usable features.
        outdoing: binary: columns that tell more alone than all others together.
    """

    alone: dict[str, float]
    same: tuple[str, ...]
    features: int
    outdoing: tuple[dominance.Suspect, ...] = ()

    def suspects(self) -> list[str]:
        """Columns above the limit of the night's leakage gate, most telling first."""
        found = {name: value for name, value in self.alone.items() if value > LIMIT}
        return list(dict.fromkeys([*self.same, *sorted(found, key=lambda name: -found[name])]))

    def best(self, without: set[str]) -> tuple[str, float] | None:
        """The most telling column that is no suspect."""
        rest = {name: value for name, value in self.alone.items() if name not in without}
        return max(rest.items(), key=lambda item: item[1]) if rest else None


def labelled(table: pd.DataFrame, target: Target) -> pd.DataFrame:
    """The rows whose label is there and stays out of quarantine."""
    values = table[target.column]
    if target.task == "regression":
        import pandas as pd

        return table[pd.to_numeric(values, errors="coerce").notna().to_numpy()]
    keys = column_keys(values.to_numpy())
    return table[np.array([key in target.classes for key in keys], dtype=bool)]


def telling(table: pd.DataFrame, target: Target, numeric: list[str], categorical: list[str]) -> Telling:
    """Each column alone against the target, on the sample.

    Raises:
        DataError: no usable feature, or too few labelled rows.
    """
    frame = labelled(table, target)
    most = max(500, CELLS // max(len(numeric) + len(categorical), 1))
    frame = frame.iloc[:: -(-len(frame) // most) or 1]
    if len(frame) < 20:
        raise DataError(
            f"only {len(frame)} rows have a usable label",
            where={"column": target.column},
            next_step="bring more rows with a label",
        )
    if not numeric and not categorical:
        raise DataError(
            "no column is left to learn from",
            next_step="bring columns that vary and are no ids, dates or free text; free text alone: give --text COLUMN",
        )
    columns = Columns(target=target.column, task=target.task, positive=_positive(target))
    targets = Targets.learn(columns, frame[target.column].to_numpy())
    y: Any = targets.encode(frame[target.column].to_numpy())
    raw = frame_columns(frame, tuple(numeric + categorical))
    state = fit(raw, numeric, categorical)
    design = transform(state, raw)
    alone = leakage.single_feature_auc(design, y, targets.task, len(targets.classes))
    low = [name for name in categorical if name in state.categorical]
    same = leakage.equal_to_target(
        {name: column_keys(raw[name]) for name in low}, column_keys(frame[target.column].to_numpy())
    )
    told = Telling(alone, tuple(same), len(state.numeric) + len(state.categorical))
    if targets.task != "binary":
        return told
    gone = set(told.suspects())
    rest = fit(raw, [name for name in numeric if name not in gone], [name for name in categorical if name not in gone])
    others = {name: value for name, value in alone.items() if name not in gone}
    return replace(told, outdoing=tuple(dominance.suspects(transform(rest, raw), y, others)))


def _positive(target: Target) -> int | str:
    return target.positive if target.positive is not None else 1
