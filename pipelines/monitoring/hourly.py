"""The watch of the prediction log as the DAG and the command line run it: judge, note, mail, send what waits."""

from __future__ import annotations

from datetime import UTC, datetime

from pipelines.config import Params
from pipelines.layout import Layout
from pipelines.monitoring.alarm_mail import is_mailed, mail_alarm
from pipelines.monitoring.outbox import deliver
from pipelines.monitoring.rounds import HISTORY, Round, judge_window, mark_of, measured_since, watch_round
from pipelines.monitoring.windows import take
from pipelines.records import alarms
from pipelines.records.store import open_records


def watch_log(layout: Layout, params: Params, product: str, until: datetime | None = None) -> Round:
    """One round for one product: :func:`pipelines.monitoring.rounds.watch_round`, and the mail of what it opened.

    A mail that a killed round did not come to write is written by the next try of the same round. Mails that wait in
    the outbox, from whatever time, are tried again.

    Raises:
        ConfigError: no such product. RecordsError: records or log cannot be used. BundleError: the bundle is damaged.
    """
    params.product(product)
    records, log = open_records(layout.records_url), open_records(layout.log_url)
    try:
        found = watch_round(layout, params, product, until or datetime.now(UTC), records, log)
        noted = found.noted
        if noted is not None and noted.mailed and not is_mailed(layout, noted.window):
            window, past = noted.window, alarms.windows(records, product, HISTORY)
            earlier = [one for one in past if one.until < window.until]
            judged = found.judged
            if judged is None:
                mark, seen = mark_of([window]), mark_of(earlier)
                taken = take(log, product, window.version, window.since, window.until, mark=mark, seen=seen)
                since = measured_since(records, product, window.version, window.until)
                judged = judge_window(layout, params, product, window.version, taken, earlier, log, since)
            mail_alarm(layout, params, noted, judged, earlier)
    finally:
        records.close()
        log.close()
    deliver(layout)
    return found
