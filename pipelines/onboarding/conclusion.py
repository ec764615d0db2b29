"""The decisions about a new product, each with its reason."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pipelines.blocks.sources import FileSource, SqlSource
from pipelines.onboarding import suspects
from pipelines.onboarding.look import Look
from pipelines.onboarding.roles import Part
from pipelines.onboarding.target import Target
from pipelines.onboarding.wish import Wish

if TYPE_CHECKING:
    import pandas as pd

FOLDS = 5


@dataclass
class Conclusion:
    """Everything that the drafted block and suite are made from.

    Attributes:
        wish, look: what was asked for, and what was seen.
        source: with the way of writing that night after night will be read by.
        table: the sample as fetch will type it.
        target, id, time, group: roles of single columns.
        parts: every other column's role and reason.
        split: how sides are assigned; salt: of the hash.
        metric: the key metric; floor: its least value; metric_why, floor_why: one clause each.
        folds: of the trees; leakage_auc: limit of the leakage gate; known_before: its exceptions, with the reason.
        protected, slices: columns kept for slices.
        arms, control: uplift: rows per treatment, and the one that means no contact.
        series, known, frequency, horizon, scale: forecast: as in the block.
        spread: standard deviation of a quantity; quarantine: share of rows that may go there.
        said: ``(topic, sentence)`` in the order in which they are shown.
        options: ``(topic, sentence)`` that a person may want to decide otherwise.
    """

    wish: Wish
    look: Look
    source: FileSource | SqlSource
    table: pd.DataFrame
    target: Target
    id: str | None
    time: str | None
    group: str | None
    problem: str = "tabular"
    parts: dict[str, Part] = field(default_factory=dict)
    split: str = "hash"
    salt: str = ""
    metric: str = "roc_auc"
    metric_why: str = ""
    floor: tuple[str, float] = ("roc_auc", 0.5)
    floor_why: str = ""
    folds: int = FOLDS
    leakage_auc: float = suspects.LIMIT
    known_before: dict[str, str] = field(default_factory=dict)
    protected: tuple[str, ...] = ()
    slices: tuple[str, ...] = ()
    spread: float = 0.0
    arms: dict[str, int] = field(default_factory=dict)
    control: str | None = None
    series: str | None = None
    known: tuple[str, ...] = ()
    frequency: str = "day"
    horizon: int = 1
    scale: str = "log"
    quarantine: float = 0.02
    said: list[tuple[str, str]] = field(default_factory=list)
    options: list[tuple[str, str]] = field(default_factory=list)

    def of(self, role: str) -> list[str]:
        """Columns of a role, in the data's order."""
        return [name for name, part in self.parts.items() if part.role == role]

    def say(self, topic: str, sentence: str) -> None:
        self.said.append((topic, sentence))
