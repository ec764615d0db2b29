"""Windows for ``drift_alarms.py``: drawn row by row, with replacement, from a pool of clients made once.

Reference and windows without change are independent draws from one distribution, the pool's own, whatever its size: the
null hypothesis holds exactly. Which rows of the pool come into a window is drawn as a count per row, so a window costs
one pass over each column.
"""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np

SEED = 7
SIMULATED = ("new_category", "income_drop", "payment_holiday")
"""Worlds of the simulator, each with a pool of its own."""
SHIFTS = ("bills +2%", "bills +20%", "bills +50%", "missing 10%", "unit x 1000", *SIMULATED)
ACTED_ON = 0.22
"""Scores from here on are decided as a default: about the base rate."""


class Worlds:
    """Pools of ``rows`` clients each; :meth:`draw` gives windows."""

    def __init__(self, rows: int) -> None:
        self.rows = rows
        self._pools: dict[str, dict[str, Any]] = {}

    def draw(self, rows: int, stream: int, number: int, shift: str = "none") -> Any:
        """One window as a frame: ``rows`` clients, from a random stream of its own (``stream``, ``number``).

        ``score`` is the true probability of the unshifted world, what a perfect model of it would answer.
        """
        import pandas as pd

        pool = self._pool(shift if shift in SIMULATED else "none")
        generator = np.random.default_rng([SEED, stream, rows, number])
        times = np.bincount(generator.integers(0, self.rows, rows), minlength=self.rows)
        frame = pd.DataFrame({name: np.repeat(values, times) for name, values in pool.items()})
        if shift.startswith("bills +"):
            for name in ("BILL_AMT1", "BILL_AMT2", "BILL_AMT3"):
                frame[name] = (frame[name] * (1 + float(shift[7:-1]) / 100)).round()
        if shift == "missing 10%":
            frame["BILL_AMT1"] = frame["BILL_AMT1"].astype(float).mask(generator.random(rows) < 0.1)
        if shift == "unit x 1000":
            frame["PAY_AMT1"] = frame["PAY_AMT1"] * 1000
        return frame

    def _pool(self, world: str) -> dict[str, Any]:
        from pipelines.sources.simulators import credit, credit_truth

        if world not in self._pools:
            frame = credit.production_day(SEED, date(2026, 1, 1), self.rows, world).drop(columns="ID")
            columns = {str(name): frame[name].to_numpy() for name in frame}
            columns["score"] = credit_truth.true_probability(columns)
            columns["decision"] = (columns["score"] >= ACTED_ON).astype(np.int64)
            self._pools[world] = columns
        return self._pools[world]
