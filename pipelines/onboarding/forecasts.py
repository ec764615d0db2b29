"""Forecasts: the rhythm of the series, what is known in advance, and what is drafted for it."""

from __future__ import annotations

from typing import Any

import numpy as np

from pipelines.blocks.sources import FileSource, SqlSource
from pipelines.errors import ConfigError, DataError
from pipelines.onboarding import roles
from pipelines.onboarding.conclusion import Conclusion
from pipelines.onboarding.features import say_parts
from pipelines.onboarding.look import Look
from pipelines.onboarding.roles import Part
from pipelines.onboarding.target import Target
from pipelines.onboarding.wish import Wish

HOURS = {"hour": 1.0, "day": 24.0, "month": 730.0}
SPAN = {"hour": 48, "day": 28, "month": 12}  # steps ahead, where the data is long enough
LEAST_STEPS = 24
ZEROS = 0.001  # share of zeros up to which relative errors count
STATIC = 0.001  # share of series in which a column may change and still be one of the series


def conclude_forecast(wish: Wish, look: Look, source: FileSource | SqlSource, time_said: str) -> Conclusion:
    """All decisions about a forecast.

    Raises:
        ConfigError: ``--time`` is missing, or the data is a query of unknown rhythm.
        DataError: the target is no quantity, or there are too few steps or series.
    """
    import pandas as pd

    if wish.time is None:
        raise ConfigError("--series without --time", next_step="give --time COLUMN: when each value was measured")
    table = look.table(source)
    target = _target(wish, look)
    found = Conclusion(wish, look, source, table, target, None, wish.time, None, problem="forecast", series=wish.series)
    found.said += look.said
    found.say("rows", f"{look.rows:,} rows, {len(look.facts)} columns")
    found.say("problem", f"forecast: {target.column} of each {wish.series}, step by step")
    found.say("time", time_said)
    _rhythm(found)
    _roles(found)
    found.split = "time"
    found.say("split", f"by {wish.time}: the last {found.horizon} steps are the test side, those before them valid")
    values = pd.to_numeric(table[target.column], errors="coerce").dropna()
    ordinary = float((values <= 0).mean()) > ZEROS
    found.scale = "ratio" if ordinary else "log"
    why = "zeros are ordinary" if ordinary else "hardly any zeros: relative errors count"
    found.say("scale", f"{found.scale}: {why}")
    found.metric, found.metric_why = "wape", "sum of absolute errors over the sum of the target"
    found.floor, found.floor_why = ("wape", 1.0), "what always saying 0 gives"
    found.say("key metric", f"wape: {found.metric_why}; ceiling 1, {found.floor_why}")
    found.say(
        "models", "seasonal_naive, theta, ets and lightgbm, all trained: the members are chosen on the valid steps"
    )
    return found


def _target(wish: Wish, look: Look) -> Target:
    fact = look.facts[wish.target]
    if fact.number_share < roles.NUMBERS:
        raise DataError(
            f"{fact.number_share:.0%} of the values of {wish.target} are numbers",
            where={"column": wish.target}, next_step="name a quantity as --target",
        )  # fmt: skip
    why = f"a quantity, {fact.low:g} to {fact.high:g}"
    return Target(wish.target, "regression", why, blank=fact.blank, numeric=True)


def _rhythm(found: Conclusion) -> None:
    """Frequency by the usual gap between two times of a series; horizon by what the series' length can bear."""
    import pandas as pd

    assert found.time is not None
    assert found.series is not None
    frame = found.table[[found.series, found.time]].dropna()
    raw = frame[found.time]
    when = pd.to_datetime(raw.astype(str), errors="coerce", format="mixed")
    if when.isna().mean() > 0.02:
        raise ConfigError(
            f"the times of {found.time} cannot be read",
            next_step=f"give their strptime format, e.g. --dates '{found.time}=%d.%m.%Y'",
        )
    series = frame[found.series].astype(str)
    if series.nunique() < 2:
        raise DataError(
            "there is one series only", where={"column": found.series}, next_step="bring two series or more"
        )
    times = pd.DataFrame({"series": series, "when": when}).dropna().drop_duplicates().sort_values(["series", "when"])
    gaps = times.groupby("series")["when"].diff().dt.total_seconds().dropna() / 3600.0
    if found.look.whole:
        gap = float(gaps.median()) if len(gaps) else 24.0
    else:  # of a sample: what every time is a multiple of
        whole_days = bool((when.dropna() == when.dropna().dt.normalize()).all())
        first = bool((when.dropna().dt.day == 1).all())
        gap = HOURS["month"] if whole_days and first else HOURS["day"] if whole_days else HOURS["hour"]
    found.frequency = min(HOURS, key=lambda name: abs(np.log(max(gap, 1e-9) / HOURS[name])))
    steps = int((when.max() - when.min()).total_seconds() / 3600.0 / HOURS[found.frequency]) + 1
    if steps < LEAST_STEPS:
        raise DataError(
            f"{steps} {found.frequency}s are too few", where={"column": found.time},
            next_step=f"bring at least {LEAST_STEPS} steps, better two years",
        )  # fmt: skip
    most = max(1, steps // 6)
    if found.wish.horizon is not None and found.wish.horizon > steps // 4:
        raise DataError(
            f"--horizon {found.wish.horizon} of {steps} steps leaves too little to learn from",
            next_step=f"choose {steps // 4} at most, or bring a longer history",
        )
    found.horizon = found.wish.horizon or min(SPAN[found.frequency], most)
    found.say("series", f"{found.series}: {series.nunique():,} series over {steps:,} {found.frequency}s")
    said = "you said so" if found.wish.horizon else "another: --horizon N"
    found.say("horizon", f"{found.horizon} {found.frequency}s ahead, {said}")


def _roles(found: Conclusion) -> None:
    """Features are what is said to be known in advance, and what never changes about a series."""
    wish, look = found.wish, found.look
    own = found.source.missing if isinstance(found.source, FileSource) else ()
    series = found.table[found.series].astype(str)
    for name, fact in look.facts.items():
        if name in {found.series, found.time, found.target.column}:
            continue
        part = roles.part_of(fact, look.raw[name], own)
        if part.role in {"numeric", "categorical"} and name not in wish.known and _changes(found, name, series):
            part = Part("left out", f"changes within a series: --known {name} if it is known in advance")
        if name in wish.drop:
            part = Part("left out", "you said so")
        found.parts[name] = part
        if (
            part.role in {"numeric", "categorical"}
            and roles.PROTECTED_NAME.search(name)
            and name not in wish.unprotected
        ):
            found.protected = (*found.protected, name)
    odd = [name for name in wish.known if found.parts[name].role == "left out"]
    if odd:
        raise ConfigError(f"--known {odd[0]}: {found.parts[odd[0]].why}", next_step="leave it out, or mend the column")
    found.known = tuple(wish.known)
    if found.known:
        found.say("known", f"{', '.join(found.known)}: brought by every request, since you said they are known ahead")
    say_parts(found)


def _changes(found: Conclusion, name: str, series: Any) -> bool:
    kinds = found.table[name].astype(str).groupby(series.to_numpy()).nunique()
    return bool((kinds > 1).mean() > STATIC)
