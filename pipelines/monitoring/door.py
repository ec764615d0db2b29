"""The watch and the outbox as the command line calls them."""

from __future__ import annotations

from datetime import UTC, date, datetime

from pipelines.config import Params
from pipelines.errors import ConfigError
from pipelines.layout import Layout
from pipelines.monitoring.hourly import watch_log
from pipelines.monitoring.outbox import deliver, read_mail, waiting
from pipelines.monitoring.watch import WatchResult, watch_day


def watch_by_hand(
    layout: Layout, params: Params, product: str, as_of: str | None, shift: str, night: str | None
) -> WatchResult:
    """:func:`watch_day` for a day given as text; without a night's name one is made from day and shift.

    Raises:
        ConfigError: not a date; and all that :func:`watch_day` raises.
    """
    day = day_of(as_of)
    name = night or f"watch__{day}" + ("" if shift == "none" else f"_{shift}")
    return watch_day(layout, params, product, name, day, shift)


def day_of(as_of: str | None) -> date:
    """A day given as text, else today, UTC.

    Raises:
        ConfigError: not a date.
    """
    if as_of is None:
        return datetime.now(UTC).date()
    try:
        return date.fromisoformat(as_of)
    except ValueError as error:
        raise ConfigError(
            f"not a date: {as_of!r}", where={"option": "--as-of"}, next_step="write it as YYYY-MM-DD"
        ) from error


def watch_log_lines(layout: Layout, params: Params, product: str) -> list[str]:
    """One round over the prediction log, up to now: what was found, and the alarms that are open after it."""
    found = watch_log(layout, params, product)
    lines = [f"{product}: {found.line}"]
    if found.noted is not None:
        lines += [
            f"  {alarm.cause}: since {alarm.first_seen}, in {alarm.windows} windows"
            + ("" if alarm.mail else ", not mailed (cooldown)")
            for alarm in found.noted.open
        ]
    return lines


def outbox_action(layout: Layout, action: str) -> tuple[str, bool]:
    """``list`` or ``send``: what to print, and whether mails still wait.

    Raises:
        ConfigError: another action.
    """
    if action == "send":
        delivery = deliver(layout)
        return delivery.line(), bool(delivery.waiting)
    if action != "list":
        raise ConfigError(f"no action {action!r}", next_step="choose one of: list, send")
    mails = waiting(layout)
    if not mails:
        return "outbox: empty", False
    lines = [f"{path.relative_to(layout.root)}  {read_mail(path)['Subject']}" for path in mails]
    return "\n".join([f"outbox: {len(mails)} waiting; send them with `nightshift outbox send`", *lines]), True
