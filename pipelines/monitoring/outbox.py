"""Mails on disk: written before they are sent, moved when they are. A kill anywhere loses none.

A mail that was handed over just before a kill is sent again later, with the same Message-ID: at least once.
"""

from __future__ import annotations

import contextlib
import os
import re
import smtplib
from collections.abc import Mapping
from dataclasses import dataclass
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from email.utils import getaddresses, parseaddr
from pathlib import Path

from pipelines.errors import BusyError, ConfigError
from pipelines.files import write_bytes
from pipelines.layout import Layout
from pipelines.monitoring.smtp import VARIABLE, connected, smtp_server
from pipelines.process import exclusive

KEEP_SENT = 50
"""Sent mails that stay on disk; older ones are removed."""
WAIT_SECONDS = 20.0


@dataclass(frozen=True)
class Delivery:
    """What one round of sending did. ``problem`` says in one line why mails wait; empty when none does."""

    sent: tuple[Path, ...] = ()
    waiting: tuple[Path, ...] = ()
    problem: str = ""

    def line(self) -> str:
        """One line for a terminal."""
        if not self.sent and not self.waiting:
            return "outbox: empty"
        tail = f": {self.problem}" if self.problem else ""
        return f"outbox: {len(self.sent)} sent, {len(self.waiting)} waiting{tail}"


def mail_file(*parts: str) -> str:
    """A file name from the parts of a mail's identity."""
    return "_".join(re.sub(r"[^\w.+-]", "-", part) for part in parts) + ".eml"


def put(layout: Layout, name: str, message: EmailMessage) -> Path:
    """Write a mail into the outbox, whole or not at all. One that waits under this name is replaced."""
    path = layout.outbox / name
    write_bytes(path, message.as_bytes(policy=policy.SMTP.clone(cte_type="7bit")))
    return path


def find(layout: Layout, name: str) -> Path | None:
    """The mail of this name: sent, or else waiting, or None."""
    for path in (sent_folder(layout) / name, layout.outbox / name):
        if path.is_file():
            return path
    return None


def waiting(layout: Layout) -> list[Path]:
    """Mails not sent yet, oldest first."""
    found = [path for path in layout.outbox.glob("*.eml") if path.is_file() and not path.name.startswith(".")]
    return sorted(found, key=lambda path: (path.stat().st_mtime_ns, path.name))


def sent_folder(layout: Layout) -> Path:
    return layout.outbox / "sent"


def read_mail(path: Path) -> EmailMessage:
    """A mail as written by :func:`put`."""
    with path.open("rb") as stream:
        return BytesParser(policy=policy.SMTP.clone(cte_type="7bit")).parse(stream)


def deliver(layout: Layout, environment: Mapping[str, str] = os.environ) -> Delivery:
    """Send every waiting mail over Airflow's connection; what cannot be sent waits.

    Never raises for a server that is down, refuses a mail, or is set up wrongly: ``problem`` says so. One mail that
    is refused does not hold up the others. One process sends at a time.
    """
    if not waiting(layout):
        return Delivery()
    try:
        server = smtp_server(environment)
    except ConfigError as error:
        return Delivery(waiting=tuple(waiting(layout)), problem=error.line())
    if server is None:
        return Delivery(waiting=tuple(waiting(layout)), problem=f"no mail server: {VARIABLE} is not set")
    sent: list[Path] = []
    problems: list[str] = []
    try:
        with exclusive(layout.locks / "outbox.lock", "sending mail", WAIT_SECONDS), connected(server) as client:
            for path in waiting(layout):
                refused = _send_one(client, path, server.sender)
                if refused:
                    problems.append(refused)
                if path.exists():
                    continue
                sent.append(sent_folder(layout) / path.name)
            _prune(layout)
    except BusyError as error:
        problems.append(error.what)
    except (OSError, smtplib.SMTPException) as error:
        problems.append(f"{server.name}: {_reason(error)}")
    return Delivery(tuple(sent), tuple(waiting(layout)), "; ".join(problems))


def _send_one(client: smtplib.SMTP, path: Path, sender: str) -> str:
    """Send one mail and move it. Returns what was refused, in one line, or nothing.

    Raises:
        smtplib.SMTPServerDisconnected: the session is gone; the mail stays.
    """
    message = read_mail(path)
    if sender:
        del message["From"]
        message["From"] = sender
    recipients = [address for _, address in getaddresses([str(message["To"])]) if address]
    try:
        refused = client.send_message(message, parseaddr(str(message["From"]))[1], recipients)
    except (smtplib.SMTPRecipientsRefused, smtplib.SMTPSenderRefused, smtplib.SMTPDataError) as error:
        with contextlib.suppress(smtplib.SMTPException):
            client.rset()
        return f"{path.name}: {_reason(error)}"
    target = path.parent / "sent" / path.name
    target.parent.mkdir(parents=True, exist_ok=True)
    os.replace(path, target)
    return f"{path.name}: refused for {', '.join(sorted(refused))}" if refused else ""


def _reason(error: Exception) -> str:
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        name, (code, text) = next(iter(error.recipients.items()))
        return f"{name} refused: {code} {_words(text)}"
    if isinstance(error, smtplib.SMTPResponseException):
        return f"{error.smtp_code} {_words(error.smtp_error)}"
    return " ".join(str(error).split()) or type(error).__name__


def _words(text: bytes | str) -> str:
    return " ".join((text.decode("utf-8", "replace") if isinstance(text, bytes) else text).split())


def _prune(layout: Layout) -> None:
    kept = sorted(sent_folder(layout).glob("*.eml"), key=lambda path: path.stat().st_mtime_ns)
    for path in kept[: max(0, len(kept) - KEEP_SENT)]:
        path.unlink(missing_ok=True)
