"""Uplift: what was done to each customer, and which value means no contact."""

from __future__ import annotations

from pipelines.errors import DataError
from pipelines.onboarding.asking import Asker
from pipelines.onboarding.conclusion import Conclusion

NO_CONTACT = frozenset(
    {"control", "none", "no", "0", "no e-mail", "no email", "no mail", "kontrolle", "keine", "对照", "无"}
)
LEAST_ROWS = 200
MOST_ARMS = 8


def settle_arms(found: Conclusion, asker: Asker) -> None:
    """The arms of a randomised test and its control.

    Raises:
        DataError: no arms, too many, or one with too few rows; rows without a treatment.
        ConfigError: which arm is the control must be said: ``--control``.
    """
    name = str(found.wish.treatment)
    fact = found.look.facts[name]
    counts = dict(fact.counts or {})
    where = {"column": name, "values": len(counts) or f"more than {fact.limit}"}
    if fact.blank:
        raise DataError(f"{fact.blank:,} rows have no treatment", where=where, next_step="leave them out in the source")
    if not 2 <= len(counts) <= MOST_ARMS:
        raise DataError(
            "the treatment is no set of arms", where=where, next_step=f"name a column with 2 to {MOST_ARMS} values"
        )
    few = min(counts, key=lambda value: counts[value])
    if counts[few] < LEAST_ROWS:
        raise DataError(
            f"only {counts[few]} rows were treated with {few!r}",
            where=where,
            next_step=f"bring {LEAST_ROWS} rows of every arm, better some thousand",
        )
    likely = [value for value in counts if value.strip().casefold() in NO_CONTACT]
    if len(likely) == 1 and found.wish.control is None:
        found.control, why = likely[0], "its name says so; another: --control VALUE"
    else:
        question = f"which value of {name} means that a customer was not contacted"
        found.control, why = asker.choose(question, list(counts), "--control"), "you said so"
    found.arms = counts
    shown = ", ".join(f"{value} {rows:,}" for value, rows in counts.items())
    found.say("arms", f"{shown}; {found.control!r} means no contact: {why}")
    found.say("arms", "the lane blocks unless chance alone decided who got what: features must not tell the arms apart")
