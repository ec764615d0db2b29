"""What a night talks to: databases, the mail server, ports."""

from __future__ import annotations

import os
import smtplib
import socket
from collections.abc import Iterator
from dataclasses import replace
from functools import partial

from pipelines.blocks.sources import SqlSource
from pipelines.config import Params
from pipelines.errors import NightshiftError
from pipelines.layout import Layout
from pipelines.onboarding.doctor.finding import Check, Finding
from pipelines.process import is_held

MAIL_SECONDS = 8.0
AIRFLOW_PORT, REPORTS_PORT = 8080, 8090


def service_checks(layout: Layout, params: Params | None) -> list[Check]:
    """The checks of this file, bound to a checkout."""
    return [
        partial(databases, layout),
        partial(sources, params),
        mail,
        partial(outbox, layout),
        partial(ports, layout, params),
    ]


def databases(layout: Layout) -> Iterator[Finding]:
    """Records and prediction log: reachable, and of the version that this code reads."""
    from pipelines.records.schema import SCHEMA_VERSION
    from pipelines.records.store import open_records

    for name, url in (("records", layout.records_url), ("prediction log", layout.log_url)):
        records = open_records(url, busy_seconds=3.0)
        try:
            if records.url.get_backend_name() == "sqlite" and not os.path.exists(str(records.url.database)):  # noqa: PTH110
                yield Finding(name, "ok", "not there yet: made when it is needed")
                continue
            with records.reading():
                pass
            yield Finding(name, "ok", f"{records.url.get_backend_name()}, version {SCHEMA_VERSION}")
        except NightshiftError as error:
            yield Finding(name, "mend", error.what, error.next_step)
        finally:
            records.close()


def sources(params: Params | None) -> Iterator[Finding]:
    """Environment variables that products' databases are named by."""
    for name, block in params.products.items() if params else ():
        if isinstance(block.source, SqlSource) and block.source.url_from and not os.environ.get(block.source.url_from):
            yield Finding(
                "sources", "mend", f"{name}: ${block.source.url_from} is not set", "set it to the database's URL"
            )


def mail() -> Iterator[Finding]:
    """The mail server answers, and takes the login."""
    from pipelines.monitoring.smtp import VARIABLE, connected, smtp_server

    server = smtp_server()
    if server is None:
        yield Finding("mail", "note", "no server: mails wait in .nightshift/outbox", f"set {VARIABLE}")
        return
    try:
        with connected(replace(server, timeout_seconds=min(server.timeout_seconds, MAIL_SECONDS))) as client:
            client.noop()
    except (OSError, smtplib.SMTPException) as error:
        yield Finding("mail", "mend", f"{server.name}: {error}", f"mend {VARIABLE} or the server; mails wait meanwhile")
    else:
        yield Finding("mail", "ok", f"{server.name} answers")


def outbox(layout: Layout) -> Iterator[Finding]:
    """Mails that wait."""
    waiting = len(list(layout.outbox.glob("*.eml"))) if layout.outbox.is_dir() else 0
    if waiting and os.environ.get("AIRFLOW_CONN_SMTP_DEFAULT"):
        yield Finding("outbox", "note", f"{waiting} mails wait", "nightshift outbox send")


def ports(layout: Layout, params: Params | None) -> Iterator[Finding]:
    """The ports of `nightshift up` and `nightshift serve` are free, or ours."""
    ours = is_held(layout.locks / "runner.lock")
    service = params.service.port if params else 3000
    taken = [
        f"{port} ({what})"
        for port, what in ((AIRFLOW_PORT, "Airflow"), (service, "service"), (REPORTS_PORT, "reports"))
        if _answers(port)
    ]
    if not taken:
        yield Finding("ports", "ok", f"{AIRFLOW_PORT}, {service} and {REPORTS_PORT} are free")
    elif ours:
        yield Finding("ports", "ok", f"{', '.join(taken)} in use while `nightshift up` or a night runs")
    else:
        told = "end what uses them, or give others: nightshift up --ui-port, --service-port, --reports-port"
        yield Finding("ports", "note", f"in use: {', '.join(taken)}", told)


def _answers(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0
