"""The decision of the champion gate: two judges of the same rows in, checks with their numbers out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pipelines.blocks.operations import Release
from pipelines.files import json_number
from pipelines.metrics.intervals import Difference, point
from pipelines.metrics.judges import Judge
from pipelines.release.paired import ALL, DETECTED, detectable, differences
from pipelines.verdicts import Check

Rule = Literal["better", "not_worse"]


@dataclass(frozen=True)
class Meeting:
    """Challenger and champion on the same ``n`` rows.

    Attributes:
        metric: the key metric, which both judges measure.
        challenger: its judge.
        champion: its judge.
        groups: ``{"column=group": mask [n]}`` of the slices that are large enough to judge.
        calibration: the calibration error's name with both judges of it, or None where scores are no probabilities.
    """

    metric: str
    challenger: Judge
    champion: Judge
    groups: Mapping[str, NDArray[np.bool_]] = field(default_factory=dict)
    calibration: tuple[str, Judge, Judge] | None = None


def decide(meeting: Meeting, release: Release, rule: Rule, resamples: int, confidence: float) -> list[Check]:
    """Every comparison of quality, the key metric first.

    * key metric: ``better`` asks that the interval of the difference lies above 0, ``not_worse`` that it lies above
      ``-margin``. Either way a challenger whose true difference does not reach the border passes with a chance of at
      most ``(1 - confidence) / 2``, the share of intervals that lie wholly above the truth.
    * slices and calibration: refused when the interval lies wholly below ``-margin``: worse beyond noise. A slice too
      small to tell refuses nothing.
    """
    metric = meeting.metric
    found = differences(meeting.challenger, meeting.champion, metric, meeting.groups, resamples, confidence)
    return [
        *_key(meeting, found[ALL], release, rule, confidence),
        *(_slice(name, found[name], release, metric) for name in meeting.groups),
        *_calibration(meeting, release, resamples, confidence),
    ]


def _key(meeting: Meeting, found: Difference, release: Release, rule: Rule, confidence: float) -> list[Check]:
    metric, border = meeting.metric, 0.0 if rule == "better" else -release.margin
    words = (
        f"challenger minus champion in {metric} on {meeting.challenger.n} test rows, positive is better: {_told(found)}"
    )
    gain = detectable(found, confidence)
    rate = (1.0 - confidence) / 2.0
    meaning = (
        f"a gain must lie beyond noise; one that is none passes with a chance of at most {rate:.1%}"
        if rule == "better"
        else f"not worse by {release.margin:g} is enough; what is worse passes with a chance of at most {rate:.1%}"
    )
    return [
        Check(
            name="difference",
            ok=found.low > border,
            value=json_number(found.low, 5),
            limit=border,
            unit=metric,
            detail=words,
        ),
        Check(name="challenger", ok=True, value=json_number(point(meeting.challenger)[metric], 6), unit=metric),
        Check(name="champion", ok=True, value=json_number(point(meeting.champion)[metric], 6), unit=metric),
        Check(name=f"rule {rule}", ok=True, detail=meaning),
        Check(
            name="detectable gain", ok=True, value=json_number(gain, 4), unit=metric,
            detail=f"a true gain of this size shows beyond noise on these rows {DETECTED:.0%} of the time"
            if gain > 0.0
            else "the two models answer these rows alike",
        ),
    ]  # fmt: skip


def _slice(name: str, found: Difference, release: Release, metric: str) -> Check:
    column = name.partition("=")[0]
    margin = release.slice_margins.get(name, release.slice_margins.get(column, release.slice_margin))
    worse = found.high < -margin
    told = "not measurable there" if np.isnan(found.value) else f"difference in {metric} {_told(found)}"
    return Check(
        name=f"slice {name}",
        ok=not worse,
        value=json_number(found.high, 5),
        limit=-margin,
        unit=metric,
        detail=f"{name}: {told}" + (f", worse beyond noise than the margin {margin:g}" if worse else ""),
    )


def _calibration(meeting: Meeting, release: Release, resamples: int, confidence: float) -> list[Check]:
    if meeting.calibration is None:
        return []
    name, first, second = meeting.calibration
    found = differences(first, second, name, {}, resamples, confidence)[ALL]
    worse = found.high < -release.calibration_margin
    return [
        Check(
            name="calibration",
            ok=not worse,
            value=json_number(found.high, 5),
            limit=-release.calibration_margin,
            unit=name,
            detail=f"{name} of the champion minus challenger, positive is better: {_told(found)}"
            + (f", worse beyond noise than the margin {release.calibration_margin:g}" if worse else ""),
        )
    ]


def _told(found: Difference) -> str:
    return f"{found.value:+.4f} ({found.low:+.4f} to {found.high:+.4f})"
