"""Embedded simulators: rows from a written-down process, so that the best possible score is known.

One module per simulator, found here by its name; what it offers is :class:`Simulator` (``docs/watching.md``).
"""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Protocol, cast

if TYPE_CHECKING:
    import pandas as pd

NAMES = ("credit", "campaign", "uplift", "demand", "text_intents", "text_notes", "text_topics", "dialogues")


class Simulator(Protocol):
    """What a simulator's module offers. Equal arguments give equal rows, on every machine.

    Attributes:
        SHIFTS: names of the changes that its world can have, ``none`` first.
    """

    SHIFTS: tuple[str, ...]

    def history(self, seed: int, start: date, last_day: date, rows_at_start: int, rows_per_day: int) -> pd.DataFrame:
        """All rows with their outcome known at the end of ``last_day``, oldest first; a later day only adds rows.

        A world that moves takes two arguments more, ``shift`` and ``shift_from``: from that day on the rows come from
        the shifted world. They are passed only where the source sets them.
        """
        ...

    def production_day(self, seed: int, day: date, rows: int, shift: str = "none") -> pd.DataFrame:
        """``rows`` rows as clients send them on ``day``: id column and raw inputs, without the outcome."""
        ...

    def outcomes(self, seed: int, day: date, rows: int, shift: str = "none") -> pd.DataFrame:
        """What became of the rows of :meth:`production_day`, same order: at least the product's target column."""
        ...


def simulator(name: str) -> Simulator:
    """The module of a simulator.

    Raises:
        KeyError: no such simulator; :data:`NAMES` lists them.
    """
    # Imports are written out: the code deps of dvc.yaml are found by reading them.
    match name:
        case "credit":
            from pipelines.sources.simulators import credit

            return cast(Simulator, credit)
        case "campaign":
            from pipelines.sources.simulators import campaign

            return cast(Simulator, campaign)
        case "uplift":
            from pipelines.sources.simulators import uplift

            return cast(Simulator, uplift)
        case "demand":
            from pipelines.sources.simulators import demand

            return cast(Simulator, demand)
        case "text_intents":
            from pipelines.sources.simulators import text_intents

            return cast(Simulator, text_intents)
        case "text_notes":
            from pipelines.sources.simulators import text_notes

            return cast(Simulator, text_notes)
        case "text_topics":
            from pipelines.sources.simulators import text_topics

            return cast(Simulator, text_topics)
        case "dialogues":
            from pipelines.sources.simulators import dialogues

            return cast(Simulator, dialogues)
    raise KeyError(name)
