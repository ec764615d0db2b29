"""Windows of the credit simulator, as the watch sees them."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd

from pipelines.sources.simulators import credit

PRODUCT = "credit_risk_demo"
DAY = date(2026, 6, 2)


def day(shift: str = "none", rows: int = 500, on: date = DAY) -> pd.DataFrame:
    """One production day with a score that follows the number of late months."""
    frame = credit.production_day(7, on, rows, shift)
    noise = np.random.default_rng(on.toordinal()).normal(0, 0.4, rows)
    return frame.assign(score=1 / (1 + np.exp(2.0 - 0.5 * frame["PAY_0"].to_numpy() - noise)))
