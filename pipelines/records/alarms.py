"""Judged windows and alarms: one transaction per window, and the same window again changes nothing.

A cause opens an alarm when enough of the last windows show it, one open alarm per product and cause; windows without it
close the alarm. Windows of another version begin anew: they are compared with another reference.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, insert, select, update

from pipelines.records.schema import alarms, retrains, watch_windows
from pipelines.records.store import Records

LOSSES = frozenset({"estimated_loss", "measured_loss"})
SHIFTS = frozenset({"data_drift", "prediction_drift"})
BROKEN = frozenset({"broken", "volume"})
"""Kinds of causes that training does not mend: while one is open, none is asked for."""


@dataclass(frozen=True)
class Window:
    """One judged window of a product's prediction log, ``since <= at < until`` (UTC ISO times).

    Attributes:
        version: the champion whose answers were judged.
        status: ``steady``, ``moved``, ``alarm``, or ``unjudged`` for one that stayed too small.
        causes: ``{cause: {"kind": ..., "effect": ..., "limit": ...}}``, what it shows.
        numbers: everything else that is worth keeping, JSON values.
    """

    product: str
    version: str
    since: str
    until: str
    rows: int
    status: str
    causes: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    numbers: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Alarm:
    """One cause that lasts, or lasted. ``mail`` is the end of the window whose mail told of it, None for a silent one;
    ``clear`` counts windows in a row without it; ``numbers`` are those of the window that showed it most."""

    id: int
    product: str
    version: str
    cause: str
    first_seen: str
    opened_at: str
    last_seen: str
    closed_at: str | None
    closed_why: str
    windows: int
    clear: int
    mail: str | None
    numbers: Mapping[str, Any]

    @property
    def kind(self) -> str:
        return kind_of(self.cause)


@dataclass(frozen=True)
class Rules:
    """When windows make an alarm, and alarms a retraining; see the ``watch`` block of ``params.yaml``."""

    alarm_windows: int = 2
    alarm_of: int = 3
    steady_windows: int = 2
    cooldown_hours: float = 24.0
    retrain: bool = True
    retrain_windows: int = 3
    retrain_cooldown_hours: float = 24.0


@dataclass(frozen=True)
class Retrain:
    """A retraining that drift has asked for. ``told_by``: the run that has passed it on, None while it waits."""

    id: int
    product: str
    asked_at: str
    why: Mapping[str, Any]
    told_by: str | None


@dataclass(frozen=True)
class Noted:
    """What a window did: alarms to mail now, all that are open after it, those it closed, the retraining it asked for.

    ``known``: the window was noted before; nothing has changed.
    """

    window: Window
    mailed: tuple[Alarm, ...]
    open: tuple[Alarm, ...]
    closed: tuple[Alarm, ...]
    retrain: Retrain | None
    known: bool = False


def kind_of(cause: str) -> str:
    """``broken`` of ``broken:BILL_AMT1``."""
    return cause.partition(":")[0]


def note_window(records: Records, window: Window, rules: Rules) -> Noted:
    """Keep a window and move the alarms of its product, in one transaction.

    A window of this product with this end that is kept already stays as it is, and what it did is returned again.
    """
    with records.changing() as connection:
        known = _window_at(connection, window.product, window.until)
        if known is not None:
            return _as_noted(connection, known, True)
        connection.execute(
            insert(watch_windows).values(
                product=window.product,
                version=window.version,
                since=window.since,
                until=window.until,
                rows=window.rows,
                status=window.status,
                causes={name: dict(numbers) for name, numbers in window.causes.items()},
                numbers=dict(window.numbers),
            )
        )
        for alarm in _open(connection, window.product):
            _go_on(connection, alarm, window, rules)
        recent = _recent(connection, window.product, window.version, rules.alarm_of)
        still = {alarm.cause for alarm in _open(connection, window.product)}
        for cause in window.causes:
            if cause not in still:
                _perhaps_open(connection, cause, window, recent, rules)
        if rules.retrain:
            _perhaps_retrain(connection, window, rules)
        return _as_noted(connection, window, False)


def _as_noted(connection: Connection, window: Window, known: bool) -> Noted:
    mine = alarms.c.product == window.product
    asked = (retrains.c.product == window.product) & (retrains.c.asked_at == window.until)
    row = connection.execute(select(retrains).where(asked)).first()
    return Noted(
        window,
        _alarms(connection, mine & (alarms.c.mail == window.until)),
        _open(connection, window.product),
        _alarms(connection, mine & (alarms.c.closed_at == window.until)),
        Retrain(**row._mapping) if row else None,
        known,
    )


def _go_on(connection: Connection, alarm: Alarm, window: Window, rules: Rules) -> None:
    """An open alarm after one window more: seen again, one step nearer to its end, or closed."""
    found = window.causes.get(alarm.cause)
    change: dict[str, Any] = {}
    if alarm.version != window.version:
        change = _closing(window.until, f"version {window.version} answers now")
    elif found is not None:
        more = float(found.get("effect") or 0.0) > float(alarm.numbers.get("effect") or 0.0)
        change = {"windows": alarm.windows + 1, "clear": 0, "last_seen": window.until}
        change |= {"numbers": dict(found)} if more else {}
    elif window.status != "unjudged":
        change = {"clear": alarm.clear + 1}
        if alarm.clear + 1 >= rules.steady_windows:
            change |= _closing(window.until, f"{alarm.clear + 1} windows in a row without it")
    if change:
        connection.execute(update(alarms).where(alarms.c.id == alarm.id).values(**change))


def _closing(at: str, why: str) -> dict[str, Any]:
    return {"closed_at": at, "closed_why": why, "open_key": None}


def _perhaps_open(connection: Connection, cause: str, window: Window, recent: Sequence[Window], rules: Rules) -> None:
    showing = [one for one in recent if cause in one.causes]
    if len(showing) < rules.alarm_windows:
        return
    earliest = (_time(window.until) - timedelta(hours=rules.cooldown_hours)).isoformat()
    same = (alarms.c.product == window.product) & (alarms.c.cause == cause) & (alarms.c.version == window.version)
    told = [one.mail for one in _alarms(connection, same) if one.mail and _time(one.mail) > _time(earliest)]
    worst = max(showing, key=lambda one: float(one.causes[cause].get("effect") or 0.0))
    connection.execute(
        insert(alarms).values(
            product=window.product,
            version=window.version,
            cause=cause,
            open_key=f"{window.product} {cause}",
            first_seen=min(one.since for one in showing),
            opened_at=window.until,
            last_seen=window.until,
            closed_at=None,
            closed_why="",
            windows=len(showing),
            clear=0,
            mail=None if told else window.until,
            numbers=dict(worst.causes[cause]),
        )
    )


def _perhaps_retrain(connection: Connection, window: Window, rules: Rules) -> None:
    open_now = _open(connection, window.product)
    if any(alarm.kind in BROKEN for alarm in open_now):
        return
    due = [
        alarm
        for alarm in open_now
        if alarm.cause in window.causes
        and (alarm.kind in LOSSES or (alarm.kind in SHIFTS and alarm.windows >= rules.retrain_windows))
    ]
    if not due:
        return
    query = select(retrains.c.asked_at).where(retrains.c.product == window.product).order_by(retrains.c.id.desc())
    last = connection.execute(query.limit(1)).scalar()
    if last is not None and _time(window.until) - _time(last) < timedelta(hours=rules.retrain_cooldown_hours):
        return
    why = {
        "causes": [alarm.cause for alarm in due],
        "since": min(alarm.first_seen for alarm in due),
        "version": window.version,
        "windows": max(alarm.windows for alarm in due),
    }
    connection.execute(insert(retrains).values(product=window.product, asked_at=window.until, why=why, told_by=None))


def tell_retrain(records: Records, product: str, run: str) -> Retrain | None:
    """Take the newest retraining asked for that no run has passed on yet; the same run gets the same one again.

    Older ones that still wait are covered by it.
    """
    with records.changing() as connection:
        mine = (retrains.c.product == product) & (retrains.c.told_by.is_(None) | (retrains.c.told_by == run))
        row = connection.execute(select(retrains).where(mine).order_by(retrains.c.id.desc()).limit(1)).first()
        if row is None:
            return None
        connection.execute(update(retrains).where(mine).values(told_by=run))
        return Retrain(**{**row._mapping, "told_by": run})


def last_window(records: Records, product: str) -> Window | None:
    """The newest window of a product, or None."""
    found = windows(records, product, 1)
    return found[0] if found else None


def find_window(records: Records, product: str, until: str) -> Window | None:
    """The window with this end, or None."""
    with records.reading() as connection:
        return _window_at(connection, product, until)


def windows(records: Records, product: str, limit: int = 200) -> list[Window]:
    """The last windows of a product, newest first."""
    query = select(watch_windows).where(watch_windows.c.product == product).order_by(watch_windows.c.until.desc())
    with records.reading() as connection:
        return [_window(row) for row in connection.execute(query.limit(limit))]


def open_alarms(records: Records, product: str | None = None) -> tuple[Alarm, ...]:
    """Alarms that last, oldest first."""
    with records.reading() as connection:
        return _open(connection, product)


def all_alarms(records: Records, product: str) -> tuple[Alarm, ...]:
    """Every alarm of a product, oldest first."""
    with records.reading() as connection:
        return _alarms(connection, alarms.c.product == product)


def all_retrains(records: Records, product: str) -> list[Retrain]:
    """Every retraining that drift has asked for, oldest first."""
    query = select(retrains).where(retrains.c.product == product).order_by(retrains.c.id)
    with records.reading() as connection:
        return [Retrain(**row._mapping) for row in connection.execute(query)]


def _open(connection: Connection, product: str | None) -> tuple[Alarm, ...]:
    chosen = alarms.c.open_key.is_not(None)
    return _alarms(connection, chosen if product is None else chosen & (alarms.c.product == product))


def _alarms(connection: Connection, chosen: Any) -> tuple[Alarm, ...]:
    columns = [column for column in alarms.c if column.name != "open_key"]
    rows = connection.execute(select(*columns).where(chosen).order_by(alarms.c.id))
    return tuple(Alarm(**row._mapping) for row in rows)


def _recent(connection: Connection, product: str, version: str, count: int) -> list[Window]:
    """The last windows of a version that say something, newest first, that of now included."""
    mine = (watch_windows.c.product == product) & (watch_windows.c.version == version)
    query = select(watch_windows).where(mine).order_by(watch_windows.c.until.desc()).limit(10 * count)
    found = [_window(row) for row in connection.execute(query)]
    return [one for one in found if one.status != "unjudged" or one.causes][:count]


def _window_at(connection: Connection, product: str, until: str) -> Window | None:
    mine = (watch_windows.c.product == product) & (watch_windows.c.until == until)
    row = connection.execute(select(watch_windows).where(mine)).first()
    return _window(row) if row else None


def _window(row: Any) -> Window:
    return Window(**{name: value for name, value in row._mapping.items() if name != "id"})


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)
