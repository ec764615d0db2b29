"""From a letter to a mail, and out: to the outbox first, then to the server, then to ``outbox/sent``."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime
from pathlib import Path
from typing import Literal

from pipelines.blocks.operations import Mail
from pipelines.config import Params
from pipelines.layout import Layout
from pipelines.monitoring.letter import Facts, Letter, Section, Steps, render_html, render_text
from pipelines.monitoring.outbox import Delivery, deliver, find, mail_file, put
from pipelines.monitoring.words import say

Kind = Literal["drift", "failure", "alarm"]


@dataclass(frozen=True)
class Mailed:
    """Where a mail is now: ``path`` lies in ``outbox/sent`` once it has gone out."""

    message_id: str
    path: Path
    delivery: Delivery

    @property
    def sent(self) -> bool:
        return self.path.parent.name == "sent"


def message_id(sender: str, night: str, product: str, kind: Kind) -> str:
    """The same for every attempt to send the same mail, so that a receiver can drop the second copy."""
    digest = hashlib.sha256("\n".join((night, product, kind)).encode("utf-8")).hexdigest()[:32]
    domain = sender.rpartition("@")[2] or "localhost"
    return f"<{kind}.{digest}@{domain}>"


def compose(
    settings: Mail,
    letter: Letter,
    identity: str,
    pictures: Mapping[str, Path] | None = None,
    attachments: Sequence[Path] = (),
) -> EmailMessage:
    """A mail with plain text, HTML with its pictures inside (by Content-ID), and attachments.

    Args:
        settings: recipients and sender.
        letter: what it says; its pictures are named as in ``pictures``.
        identity: the Message-ID.
        pictures: picture name -> PNG file.
        attachments: HTML files.
    """
    message = EmailMessage()
    message["Subject"] = letter.subject
    message["From"] = Address("Nightshift", addr_spec=settings.sender)
    message["To"] = ", ".join(settings.to)
    message["Date"] = format_datetime(datetime.now(UTC))
    message["Message-ID"] = identity
    message["Auto-Submitted"] = "auto-generated"
    pictures = pictures or {}
    message.set_content(render_text(letter), cte="quoted-printable")
    message.add_alternative(
        render_html(letter, {name: f"cid:{name}@nightshift" for name in pictures}), subtype="html", cte="base64"
    )
    html = message.get_payload()[1]  # type: ignore[index]
    assert isinstance(html, EmailMessage)
    for name, path in pictures.items():
        html.add_related(
            path.read_bytes(), "image", "png", cid=f"<{name}@nightshift>", filename=f"{name}.png", disposition="inline"
        )
    for path in attachments:
        message.add_attachment(path.read_bytes(), "text", "html", filename=path.name)
    return message


def send(
    layout: Layout,
    params: Params,
    letter: Letter,
    night: str,
    product: str,
    kind: Kind,
    pictures: Mapping[str, Path] | None = None,
    attachments: Sequence[Path] = (),
) -> Mailed:
    """Send one mail per night, product and kind; with it, all that wait in the outbox.

    The mail is in the outbox before the server is asked. A mail of this night that has gone out already is not sent
    again; one that still waits is replaced.
    """
    name = mail_file(night, product, kind)
    identity = message_id(params.mail.sender, night, product, kind)
    known = find(layout, name)
    if known is None or known.parent == layout.outbox:
        put(layout, name, compose(params.mail, letter, identity, pictures, attachments))
    delivery = deliver(layout)
    return Mailed(identity, find(layout, name) or layout.outbox / name, delivery)


def send_failure(
    layout: Layout, params: Params, product: str, task: str, line: str, night: str | None = None
) -> Mailed | None:
    """One mail for a lane that failed; None when this night and lane have had theirs.

    Args:
        task: the Airflow task that failed.
        line: the error as one line.
        night: the night's name; by default today's date (UTC).
    """
    night = night or datetime.now(UTC).date().isoformat()
    if find(layout, mail_file(night, product, "failure")) is not None:
        deliver(layout)
        return None
    return send(layout, params, failure_letter(params, product, task, line, night), night, product, "failure")


def failure_letter(params: Params, product: str, task: str, line: str, night: str) -> Letter:
    """What the failure mail says."""
    language = params.mail.language
    what, _, then = line.partition(" -> ")
    chosen = f" --data all --product {product}" if product in params.products else ""
    facts = [
        (say(language, "fact_product"), product),
        (say(language, "fact_task"), task),
        (say(language, "fact_night"), night),
        (say(language, "fact_message"), what),
    ]
    steps = [
        *([(then, "")] if then else []),
        (say(language, "next_status"), ".venv/bin/nightshift status"),
        (say(language, "next_again"), f".venv/bin/nightshift night{chosen}"),
    ]
    return Letter(
        subject=f"[Nightshift] {product}: {say(language, 'subject_failure', task=task)}",
        language=language,
        tone="bad",
        title=f"{product}: {say(language, 'title_failure')}",
        lead=say(language, "lead_failure_watch" if task == "watch" else "lead_failure", task=task),
        sections=(
            Section(say(language, "section_failure"), (Facts(tuple(facts)),)),
            Section(say(language, "section_next"), (Steps(tuple(steps)),)),
        ),
        footer=say(language, "footer", night=night, to=", ".join(params.mail.to)),
    )
