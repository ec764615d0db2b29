"""Mails and a real SMTP server: nothing is lost, nothing is sent twice on purpose, one bad mail holds up none."""

from __future__ import annotations

import email
import os
from email import policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from pipelines.layout import Layout
from pipelines.monitoring import outbox
from pipelines.monitoring.outbox import deliver, find, mail_file, put, read_mail, waiting
from pipelines.monitoring.smtp import VARIABLE


def a_mail(subject: str = "hello", to: str = "oncall@localhost") -> EmailMessage:
    message = EmailMessage()
    message["Subject"] = subject
    message["From"] = "nightshift@localhost"
    message["To"] = to
    message["Message-ID"] = f"<{subject}@localhost>"
    message.set_content("drift: 均值 → higher\n")
    return message


def down(port: int) -> dict[str, str]:
    return {VARIABLE: f"smtp://127.0.0.1:{port}/?disable_ssl=true&disable_tls=true"}


def received(envelope: Any) -> EmailMessage:
    return email.message_from_bytes(envelope.content, policy=policy.default)  # type: ignore[return-value]


def test_without_a_server_mails_wait_and_the_line_says_why(layout: Layout) -> None:
    path = put(layout, "a.eml", a_mail())
    delivery = deliver(layout, {})
    assert delivery.waiting == (path,)
    assert VARIABLE in delivery.problem
    assert read_mail(path)["Subject"] == "hello"


def test_an_empty_outbox_asks_no_server(layout: Layout, closed_port: int) -> None:
    assert deliver(layout, down(closed_port)).line() == "outbox: empty"


def test_a_mail_that_could_not_be_sent_goes_out_later_with_the_same_message_id(
    layout: Layout, mailbox: Any, closed_port: int
) -> None:
    put(layout, "a.eml", a_mail())
    failed = deliver(layout, down(closed_port))
    assert len(failed.waiting) == 1
    assert "refused" in failed.problem.lower()
    assert deliver(layout, {VARIABLE: mailbox.connection}).line() == "outbox: 1 sent, 0 waiting"
    (envelope,) = mailbox.received
    assert received(envelope)["Message-ID"] == "<hello@localhost>"
    assert "均值 → higher" in received(envelope).get_content()
    assert envelope.mail_from == "nightshift@localhost"
    assert envelope.rcpt_tos == ["oncall@localhost"]
    assert find(layout, "a.eml") == layout.outbox / "sent" / "a.eml"
    assert deliver(layout, {VARIABLE: mailbox.connection}).line() == "outbox: empty"


def test_a_kill_between_sending_and_moving_sends_again_with_the_same_message_id(
    layout: Layout, mailbox: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(layout, "a.eml", a_mail())

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(outbox.os, "replace", killed)
        with pytest.raises(KeyboardInterrupt):
            deliver(layout, {VARIABLE: mailbox.connection})
    assert [path.name for path in waiting(layout)] == ["a.eml"]
    deliver(layout, {VARIABLE: mailbox.connection})
    assert [received(envelope)["Message-ID"] for envelope in mailbox.received] == ["<hello@localhost>"] * 2


def test_a_refused_mail_waits_and_does_not_hold_up_the_others(layout: Layout, mailbox: Any) -> None:
    mailbox.refuse_subjects = {"unwanted"}
    mailbox.refuse_recipients = {"gone@localhost"}
    put(layout, "1.eml", a_mail("unwanted"))
    put(layout, "2.eml", a_mail("nobody", to="gone@localhost"))
    put(layout, "3.eml", a_mail("fine"))
    delivery = deliver(layout, {VARIABLE: mailbox.connection})
    assert [path.name for path in delivery.sent] == ["3.eml"]
    assert [path.name for path in delivery.waiting] == ["1.eml", "2.eml"]
    assert "1.eml: 554 not wanted" in delivery.problem
    assert "2.eml: gone@localhost refused: 550 no such mailbox" in delivery.problem


def test_one_refused_recipient_of_two_is_named_and_the_mail_counts_as_sent(layout: Layout, mailbox: Any) -> None:
    mailbox.refuse_recipients = {"gone@localhost"}
    put(layout, "a.eml", a_mail(to="oncall@localhost, gone@localhost"))
    delivery = deliver(layout, {VARIABLE: mailbox.connection})
    assert len(delivery.sent) == 1
    assert "refused for gone@localhost" in delivery.problem
    assert mailbox.received[0].rcpt_tos == ["oncall@localhost"]


def test_the_senders_address_of_the_connection_wins(layout: Layout, mailbox: Any) -> None:
    put(layout, "a.eml", a_mail())
    deliver(layout, {VARIABLE: mailbox.connection + "&from_email=ml%40bank.example"})
    assert mailbox.received[0].mail_from == "ml@bank.example"
    assert received(mailbox.received[0])["From"] == "ml@bank.example"


def test_a_server_that_demands_encryption_it_does_not_have_leaves_the_mail(layout: Layout, mailbox: Any) -> None:
    put(layout, "a.eml", a_mail())
    delivery = deliver(layout, {VARIABLE: f"smtp://127.0.0.1:{mailbox.port}/?disable_ssl=true"})
    assert "STARTTLS" in delivery.problem
    assert len(delivery.waiting) == 1
    assert not mailbox.received


def test_an_unreadable_connection_leaves_the_mail_and_says_so_without_the_secret(layout: Layout) -> None:
    put(layout, "a.eml", a_mail())
    delivery = deliver(layout, {VARIABLE: '{"host": "mail", "password": "s3cret"'})
    assert len(delivery.waiting) == 1
    assert VARIABLE in delivery.problem
    assert "s3cret" not in delivery.problem


def test_old_sent_mails_are_removed_and_waiting_ones_never(
    layout: Layout, mailbox: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "KEEP_SENT", 2)
    for number in range(4):
        path = put(layout, f"{number}.eml", a_mail(str(number)))
        os.utime(path, (number, number))
    deliver(layout, {VARIABLE: mailbox.connection})
    assert sorted(path.name for path in (layout.outbox / "sent").iterdir()) == ["2.eml", "3.eml"]
    assert len(mailbox.received) == 4


def test_a_half_written_mail_is_not_sent(layout: Layout, mailbox: Any) -> None:
    layout.outbox.mkdir(parents=True)
    (layout.outbox / ".a.eml.x1.tmp").write_bytes(b"Subject: half")
    assert deliver(layout, {VARIABLE: mailbox.connection}).line() == "outbox: empty"


def test_names_of_files_hold_no_path(tmp_path: Path) -> None:
    name = mail_file("scheduled__2026-06-02T02:00:00+00:00", "../../etc", "drift")
    assert "/" not in name
    assert ":" not in name
    assert name.endswith("_drift.eml")
