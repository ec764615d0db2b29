"""What the watch says about one window of production rows, with its numbers."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

Role = Literal["feature", "protected", "prediction"]
Method = Literal["wasserstein", "jensenshannon"]
Sign = Literal["distribution", "missing", "unseen"]
DriftStatus = Literal["steady", "moved", "alarm", "unjudged"]


class Part(BaseModel):
    """Base of the parts of a verdict: frozen, and unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Limits(Part):
    """When a change counts: the effect must reach its limit, and a test must tell it from noise."""

    effect: float = 0.1
    """effect size of a column, in its method's own unit"""
    share: float = 0.3
    """share of the input columns that have moved; at or above it the window is an alarm"""
    missing: float = 0.05
    """change of a column's missing share"""
    unseen: float = 0.01
    """share of rows in categories that the reference lacks"""
    broken: float = 0.2
    """a rise of the missing or unseen share of one column that is an alarm by itself"""
    significance: float = 0.01
    """largest p-value after Benjamini and Hochberg's adjustment over all tests of a window"""


class CategoryShare(Part):
    """One category's share of the present rows, in the reference and in the window."""

    name: str
    reference: float
    window: float


class ColumnDrift(Part):
    """How far one column has moved. Shares are of the rows; p-values are adjusted over all tests of the window.

    ``effect`` is the Wasserstein distance in reference standard deviations, or the Jensen-Shannon distance;
    None when the window (or the reference) has no present value. Means and medians are for numbers, ``categories``
    (the most changed, at most 5) for categories. ``signs`` names what has moved.
    """

    name: str
    role: Role
    method: Method
    effect: float | None
    p_value: float | None
    psi: float | None
    missing_reference: float
    missing_window: float
    missing_p_value: float
    unseen: float = 0.0
    unseen_p_value: float = 1.0
    unseen_names: tuple[str, ...] = ()
    reference_mean: float | None = None
    window_mean: float | None = None
    reference_median: float | None = None
    window_median: float | None = None
    categories: tuple[CategoryShare, ...] = ()
    signs: tuple[Sign, ...] = ()

    @property
    def drifted(self) -> bool:
        return bool(self.signs)

    @property
    def rise(self) -> float:
        """The largest rise of the missing share, or share of unseen categories, that a test tells from noise."""
        missing = self.missing_window - self.missing_reference if "missing" in self.signs else 0.0
        unseen = self.unseen if "unseen" in self.signs else 0.0
        return max(0.0, missing, unseen)


class Estimate(Part):
    """One measure, estimated without outcomes; ``low`` to ``high`` is the interval of window minus reference."""

    name: str
    reference: float
    window: float
    low: float
    high: float
    worse: bool


class DriftVerdict(Part):
    """The watch's answer for one window.

    ``steady``: no column has moved. ``moved``: some have, too few to alarm. ``alarm``: the share of moved input
    columns is at its limit, the predictions have moved, or one column broke. ``unjudged``: too few rows.
    """

    product: str
    version: str
    status: DriftStatus
    window_rows: int
    reference_rows: int
    limits: Limits
    columns: tuple[ColumnDrift, ...]

    @property
    def inputs(self) -> tuple[ColumnDrift, ...]:
        return tuple(column for column in self.columns if column.role != "prediction")

    @property
    def drifted(self) -> tuple[ColumnDrift, ...]:
        """Moved columns: predictions first, then missing or unseen values, then the largest effect."""

        def weight(column: ColumnDrift) -> tuple[bool, bool, float]:
            return column.role != "prediction", column.signs == ("distribution",), -(column.effect or 0.0)

        return tuple(sorted((column for column in self.columns if column.drifted), key=weight))

    @property
    def drifted_share(self) -> float:
        """Share of the input columns that have moved."""
        return sum(column.drifted for column in self.inputs) / len(self.inputs) if self.inputs else 0.0

    def line(self) -> str:
        """One line for a terminal."""
        if self.status == "unjudged":
            return f"watch: unjudged: {self.window_rows} rows are too few"
        moved = ", ".join(column.name for column in self.drifted[:5])
        more = f" and {len(self.drifted) - 5} more" if len(self.drifted) > 5 else ""
        tail = f": {moved}{more}" if moved else ""
        count = sum(column.drifted for column in self.inputs)
        return f"watch: {self.status}, {count} of {len(self.inputs)} input columns moved{tail}"
