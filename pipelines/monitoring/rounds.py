"""One round of the watch for one product: the window of the prediction log since the last one, judged and noted."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pipelines.config import Params, Product
from pipelines.files import json_number
from pipelines.layout import Layout
from pipelines.monitoring.causes import drift_causes, loss_causes, other_causes
from pipelines.monitoring.estimate import estimate
from pipelines.monitoring.fairness import GroupGap, gap_json, group_gaps
from pipelines.monitoring.judge import judge, limits_of
from pipelines.monitoring.measured import Measured, measure
from pipelines.monitoring.reference import Reference, load_reference
from pipelines.monitoring.verdict import DriftVerdict, Estimate
from pipelines.monitoring.volume import Span, Volume, judge_volume
from pipelines.monitoring.windows import Taken, frame_of, iso, take
from pipelines.problems import watched
from pipelines.records import alarms, feedback, predictions, registry
from pipelines.records.alarms import Noted, Rules, Window
from pipelines.records.predictions import Logged
from pipelines.records.store import Records

if TYPE_CHECKING:
    import pandas as pd

Told = tuple[Logged, Any]
"""An answered row and its outcome."""
HISTORY = 24 * 28
HORIZON = timedelta(days=92)
"""How far back outcomes are looked for: they may come months later."""


@dataclass(frozen=True)
class Judged:
    """All that is known of one window; what the alarm mail is written from."""

    window: Window
    reference: Reference
    bundle: Path
    frame: pd.DataFrame
    verdict: DriftVerdict
    estimates: tuple[Estimate, ...]
    measured: Measured | None
    volume: Volume
    gaps: tuple[GroupGap, ...]


@dataclass(frozen=True)
class Round:
    """What a round did. ``noted`` is None where nothing was judged; ``line`` says why, or what was found.

    ``judged`` is None besides for a window that was noted before.
    """

    product: str
    line: str
    noted: Noted | None = None
    judged: Judged | None = None


def rules_of(block: Product) -> Rules:
    """The rules that ``params.yaml`` sets for a product."""
    watch = block.watch
    return Rules(
        alarm_windows=watch.alarm_windows,
        alarm_of=watch.alarm_of,
        steady_windows=watch.steady_windows,
        cooldown_hours=watch.cooldown_hours,
        retrain=watch.retrain,
        retrain_windows=watch.retrain_windows,
        retrain_cooldown_hours=watch.retrain_cooldown_hours,
    )


def watch_round(layout: Layout, params: Params, product: str, until: datetime, records: Records, log: Records) -> Round:
    """Judge what was answered since the last window, up to ``until``, and move the product's alarms.

    With fewer rows than ``watch.window_rows`` nothing is noted and the window grows; after ``watch.window_hours`` it is
    closed unjudged. A round with the same ``until`` as an earlier one changes nothing.

    Raises:
        NightshiftError: records or log cannot be read, or the champion's bundle is damaged.
    """
    block, end = params.product(product), iso(until)
    version = registry.champion(records, product)
    if version is None:
        return Round(product, "no champion yet")
    known = alarms.find_window(records, product, end)
    if known is not None:
        return Round(product, _line(known, None, "noted before"), alarms.note_window(records, known, rules_of(block)))
    past = alarms.windows(records, product, HISTORY)
    since = past[0].until if past else _promoted_at(records, product, version)
    if since >= end:
        return Round(product, f"a later window was judged already, up to {since}")
    taken = take(log, product, version, since, end, mark=predictions.mark(log), seen=mark_of(past))
    if len(taken.rows) < block.watch.window_rows:
        if until - datetime.fromisoformat(since) < timedelta(hours=block.watch.window_hours):
            return Round(product, f"waits: {len(taken.rows)} of {block.watch.window_rows} rows since {since}")
        return _close_unjudged(records, block, product, version, taken, past)
    horizon = measured_since(records, product, version, end)
    judged = judge_window(layout, params, product, version, taken, past, log, horizon)
    noted = alarms.note_window(records, judged.window, rules_of(block))
    return Round(product, _line(judged.window, noted), noted, judged)


def judge_window(
    layout: Layout,
    params: Params,
    product: str,
    version: str,
    taken: Taken,
    past: list[Window],
    log: Records,
    horizon: str,
) -> Judged:
    """The verdicts of one window, without noting anything; the same log gives the same.

    Args:
        past: earlier windows, for the volume.
        horizon: from when on answers are measured once their outcome is known.
    """
    block = params.product(product)
    bundle = layout.bundle(product, version)
    reference = load_reference(layout, product, version, block, bundle)
    raw = frame_of(block, bundle, taken.rows)
    frame = watched(block, bundle, raw) if taken.rows else raw
    sent = tuple(one for one in reference.columns if one.role != "protected" or one.name in frame)
    reference = replace(reference, columns=sent)  # clients do not send what is no feature
    verdict = judge(reference, frame, limits_of(block.watch), params.profile.threads)
    estimates = estimate(reference, frame, block, bundle)
    told = _told(log, block, product, version, horizon, taken.until)
    found = _measured(log, block, product, version, bundle, told, taken.until)
    volume = judge_volume(_spans(past), Span(taken.since, taken.until, taken.total), block.watch.volume_factor)
    gaps = (*_gaps(block, raw), *_recall_gaps(block, bundle, told))
    causes = drift_causes(verdict) | loss_causes(block.watch, block.evaluate.metric, estimates, found)
    causes |= other_causes(block.watch, volume, gaps)
    status = "alarm" if causes else "moved" if any(column.drifted for column in verdict.columns) else "steady"
    numbers = {
        **_counts(taken),
        "share": json_number(verdict.drifted_share, 6),
        "columns": [column.name for column in verdict.drifted][:12],
        "estimates": [one.model_dump(mode="json") for one in estimates],
        "measured": _plain(found),
        "volume": {"per_hour": json_number(volume.per_hour, 6), "usual": json_number(volume.usual or 0.0, 6)},
        "gaps": [gap_json(gap) for gap in gaps],
    }
    window = Window(product, version, taken.since, taken.until, len(taken.rows), status, causes, numbers)
    return Judged(window, reference, bundle, frame, verdict, estimates, found, volume, gaps)


def mark_of(past: list[Window]) -> int | None:
    """How far the log was read for the newest of these windows, newest first; None where it was not noted."""
    mark = past[0].numbers.get("mark") if past else None
    return None if mark is None else int(mark)


def measured_since(records: Records, product: str, version: str, until: str) -> str:
    """From when on answers count for the measured performance of a version: its promotion, within ``HORIZON``."""
    return max(_promoted_at(records, product, version), iso(datetime.fromisoformat(until) - HORIZON))


def _promoted_at(records: Records, product: str, version: str) -> str:
    return next(step.at for step in registry.history(records, product) if step.to_version == version)


def _close_unjudged(
    records: Records, block: Product, product: str, version: str, taken: Taken, past: list[Window]
) -> Round:
    """Too few rows for too long: only their number can be judged."""
    volume = judge_volume(_spans(past), Span(taken.since, taken.until, taken.total), block.watch.volume_factor)
    causes = other_causes(block.watch, volume, ())
    numbers = _counts(taken)
    window = Window(product, version, taken.since, taken.until, len(taken.rows), "unjudged", causes, numbers)
    noted = alarms.note_window(records, window, rules_of(block))
    return Round(product, _line(window, noted), noted)


def _counts(taken: Taken) -> dict[str, Any]:
    return {"answered": taken.total, "late": taken.late, "mark": taken.mark}


def _spans(past: list[Window]) -> list[Span]:
    return [Span(one.since, one.until, int(one.numbers.get("answered", one.rows))) for one in past]


def _told(log: Records, block: Product, product: str, version: str, since: str, until: str) -> list[Told]:
    """The newest ``watch.measured_rows`` answers of this version that have an outcome."""
    told = [pair for pair in feedback.labelled(log, product, since, until) if pair[0].version == version]
    return told[-block.watch.measured_rows :]


def _measured(
    log: Records, block: Product, product: str, version: str, bundle: Path, told: list[Told], until: str
) -> Measured | None:
    if not told:
        return None
    beside = take(log, product, version, told[0][0].at, until)
    return measure(block, bundle, told, beside.rows, beside.total)


def _gaps(block: Product, frame: pd.DataFrame) -> list[GroupGap]:
    """Of the share acted on; a binary decision is the position of the class, 1 the positive one."""
    if "decision" not in frame or block.columns.task != "binary":
        return []
    return group_gaps(block, frame, _acted(frame))


def _recall_gaps(block: Product, bundle: Path, told: list[Told]) -> list[GroupGap]:
    """Of the share of positive outcomes that was acted on, where outcomes have come in."""
    if block.columns.task != "binary" or not told or not set(block.requirements.protected) & set(told[0][0].features):
        return []
    frame = frame_of(block, bundle, [row for row, _ in told])
    positive = np.array([str(outcome) == str(block.columns.positive) for _, outcome in told], dtype=bool)
    return group_gaps(block, frame, _acted(frame), positive) if "decision" in frame else []


def _acted(frame: pd.DataFrame) -> NDArray[np.bool_]:
    return np.asarray([value == 1 for value in frame["decision"].tolist()], dtype=bool)


def _plain(found: Measured | None) -> dict[str, Any] | None:
    if found is None:
        return None
    content = asdict(found)
    numbers = {key: json_number(value, 6) if isinstance(value, float) else value for key, value in content.items()}
    return numbers | {"parts": [{"rows": part.rows, "observed": part.observed} for part in found.parts]}


def _line(window: Window, noted: Noted | None, tail: str = "") -> str:
    """One line for a log."""
    words = [f"{window.status}, {window.rows} rows"]
    if window.causes:
        words.append("shows " + ", ".join(window.causes))
    if noted is not None and noted.open:
        words.append(f"{len(noted.open)} alarm{'s' * (len(noted.open) > 1)} open")
    if noted is not None and noted.closed:
        words.append("closed " + ", ".join(alarm.cause for alarm in noted.closed))
    if noted is not None and noted.retrain is not None:
        words.append("asks for a retraining")
    return "; ".join([*words, *([tail] if tail else [])])
