"""The mail itself: its parts, its pictures, its identity, both languages; and one per night, product and kind."""

from __future__ import annotations

import struct
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from windows import DAY, PRODUCT, day

from pipelines.config import Params
from pipelines.layout import Layout
from pipelines.monitoring import plots
from pipelines.monitoring.drift_letter import Watched, drift_letter
from pipelines.monitoring.history import Lasting
from pipelines.monitoring.judge import judge
from pipelines.monitoring.letter import Letter
from pipelines.monitoring.mail import message_id, send, send_failure
from pipelines.monitoring.outbox import read_mail
from pipelines.monitoring.reference import Reference
from pipelines.monitoring.smtp import VARIABLE
from pipelines.monitoring.verdict import Limits
from pipelines.monitoring.words import labels

NIGHT = "manual__2026-06-02T02-00-00"
PICTURES = ("effects", "distributions")


def in_language(params: Params, language: str) -> Params:
    return params.model_copy(update={"mail": params.mail.model_copy(update={"language": language})})


def letter_of(params: Params, reference: Reference, shift: str = "income_drop", rows: int = 500) -> Letter:
    verdict = judge(reference, day(shift, rows), Limits())
    refused = {3: "EDUCATION: 7 is not one of 0, 1, 2"} if shift == "new_category" else {}
    lasting = Lasting(DAY.replace(day=1), 2) if verdict.status == "alarm" else None
    return drift_letter(params, Watched(NIGHT, DAY, verdict, refused, lasting, ".nightshift/nights/x/drift"), PICTURES)


@pytest.fixture(scope="module")
def files(reference: Reference, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The two pictures, and a report to attach."""
    folder = tmp_path_factory.mktemp("drift")
    window = day("income_drop")
    verdict = judge(reference, window, Limits())
    plots.plot_effects(folder / "effects.png", verdict, labels("en"))
    plots.plot_distributions(folder / "distributions.png", verdict, reference, window, labels("en"))
    (folder / "report.html").write_text("<html>Evidently</html>", encoding="utf-8")
    return {path.stem: path for path in folder.iterdir()}


def posted(layout: Layout, params: Params, letter: Letter, files: dict[str, Path]) -> EmailMessage:
    pictures = {name: files[name] for name in PICTURES}
    return read_mail(send(layout, params, letter, NIGHT, PRODUCT, "drift", pictures, [files["report"]]).path)


class Addresses(HTMLParser):
    """Collects what an HTML document would load, and checks that its tags match."""

    def __init__(self) -> None:
        super().__init__()
        self.images: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag not in {"script", "link", "iframe"}
        if tag == "img":
            self.images.append(str(dict(attrs)["src"]))
        elif tag not in {"meta", "br", "wbr"}:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_a_mail_reaches_a_server_with_text_html_inline_pictures_and_the_report(
    layout: Layout, params: Params, reference: Reference, files: dict[str, Path], mailbox: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setenv(VARIABLE, mailbox.connection)
    pictures = {name: files[name] for name in PICTURES}
    mailed = send(layout, params, letter_of(params, reference), NIGHT, PRODUCT, "drift", pictures, [files["report"]])
    assert mailed.sent
    (envelope,) = mailbox.received
    message = BytesParser(policy=policy.default).parsebytes(envelope.content)
    assert isinstance(message, EmailMessage)
    assert message["Message-ID"] == mailed.message_id
    assert message["Subject"].startswith(f"[Nightshift] {PRODUCT}: drift alarm, ")
    assert message["To"] == "oncall@localhost"
    assert message["Auto-Submitted"] == "auto-generated"
    kinds = [part.get_content_type() for part in message.walk()]
    assert kinds == [
        "multipart/mixed", "multipart/alternative", "text/plain", "multipart/related", "text/html", "image/png",
        "image/png", "text/html",
    ]  # fmt: skip
    body = message.get_body(("html",))
    assert body is not None
    seen = Addresses()
    seen.feed(body.get_content())
    assert seen.open == []
    inside = {part["Content-ID"].strip("<>"): part for part in message.walk() if part["Content-ID"]}
    assert seen.images == [f"cid:{name}" for name in inside] == [f"cid:{name}@nightshift" for name in PICTURES]
    for name, part in zip(PICTURES, inside.values(), strict=True):
        assert part.get_content_disposition() == "inline"
        assert part.get_content() == files[name].read_bytes()
    (attached,) = list(message.iter_attachments())
    assert attached.get_filename() == "report.html"
    assert attached.get_content() == "<html>Evidently</html>"
    assert all(len(line) <= 998 for line in envelope.content.split(b"\r\n"))


def test_the_text_says_what_moved_by_how_much_against_what_and_what_next(params: Params, reference: Reference,
    layout: Layout, files: dict[str, Path]) -> None:  # fmt: skip
    message = posted(layout, params, letter_of(params, reference), files)
    text = message.get_body(("plain",)).get_content()  # type: ignore[union-attr]
    late = next(column for column in judge(reference, day("income_drop"), Limits()).columns if column.name == "PAY_0")
    assert f"* PAY_0  [{late.effect:.2f}]  mean {late.reference_mean:.3g} → {late.window_mean:.3g}" in text
    assert "1,500 test rows of version 0123456789abcdef" in text
    assert "500 rows of 2026-06-02" in text
    assert f".venv/bin/nightshift night --data demo --product {PRODUCT}" in text
    assert f".venv/bin/nightshift watch {PRODUCT} --as-of 2026-06-02" in text
    assert ".nightshift/nights/x/drift/report.html" in text
    assert "2026-06-01 (2 windows in a row)" in text


def test_a_chinese_mail_is_chinese_and_survives_the_journey(
    layout: Layout, params: Params, reference: Reference, files: dict[str, Path]
) -> None:
    chinese = in_language(params, "zh")
    message = posted(layout, chinese, letter_of(chinese, reference), files)
    assert "漂移告警" in message["Subject"]
    html = message.get_body(("html",)).get_content()  # type: ignore[union-attr]
    assert 'lang="zh-CN"' in html
    for words in ("比较对象", "变化的列及幅度", "下一步", "均值"):
        assert words in html
    assert message.as_bytes().isascii()


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize(("shift", "rows", "title"), [
    ("none", 500, ("Steady", "稳定")), ("new_category", 500, ("Some drift", "轻微漂移")),
    ("income_drop", 500, ("Drift alarm", "漂移告警")), ("none", 20, ("Not judged", "未判断")),
])  # fmt: skip
def test_every_outcome_has_its_letter_in_both_languages(
    params: Params, reference: Reference, language: str, shift: str, rows: int, title: tuple[str, str]
) -> None:
    letter = letter_of(in_language(params, language), reference, shift, rows)
    assert letter.title == f"{PRODUCT}: {title[language == 'zh']}"
    assert "{" not in letter.subject + letter.lead + repr(letter.sections)


def test_the_message_id_is_the_same_for_every_attempt_and_differs_for_every_other_mail() -> None:
    sender = "nightshift@bank.example"
    first = message_id(sender, NIGHT, PRODUCT, "drift")
    others = [
        message_id(sender, NIGHT, PRODUCT, "failure"),
        message_id(sender, NIGHT, "churn", "drift"),
        message_id(sender, "scheduled__2026-06-03", PRODUCT, "drift"),
    ]
    assert first == message_id(sender, NIGHT, PRODUCT, "drift")
    assert len({first, *others}) == 4
    assert first.startswith("<drift.")
    assert first.endswith("@bank.example>")


def test_a_mail_that_went_out_is_not_sent_again_by_a_second_attempt(
    layout: Layout, params: Params, reference: Reference, mailbox: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    letter = letter_of(params, reference, "none")
    monkeypatch.delenv(VARIABLE, raising=False)
    waits = send(layout, params, letter, NIGHT, PRODUCT, "drift", {name: _png(layout.root) for name in PICTURES})
    again = send(layout, params, letter, NIGHT, PRODUCT, "drift", {name: _png(layout.root) for name in PICTURES})
    assert not waits.sent
    assert waits.message_id == again.message_id
    assert len(again.delivery.waiting) == 1
    monkeypatch.setenv(VARIABLE, mailbox.connection)
    for _ in range(2):
        mailed = send(layout, params, letter, NIGHT, PRODUCT, "drift", {name: _png(layout.root) for name in PICTURES})
        assert mailed.sent
    assert len(mailbox.received) == 1


def _png(folder: Path) -> Path:
    path = folder / "dot.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 0))
    return path


def test_one_failure_mail_per_night_and_lane(
    layout: Layout, params: Params, mailbox: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, mailbox.connection)
    line = "wrong checksum [product=credit_risk, stage=fetch] -> set NIGHTSHIFT_MIRROR or check the network"
    assert send_failure(layout, params, "credit_risk", "fetch", line, night=NIGHT) is not None
    assert send_failure(layout, params, "credit_risk", "release", line, night=NIGHT) is None
    assert send_failure(layout, params, "credit_risk_demo", "fetch", line, night=NIGHT) is not None
    assert send_failure(layout, params, "credit_risk", "fetch", line, night="the next") is not None
    assert len(mailbox.received) == 3
    assert send_failure(layout, params, "credit_risk", "watch", line, night="another") is not None
    released = BytesParser(policy=policy.default).parsebytes(mailbox.received[3].content).get_body(("plain",))
    assert "was released and serves" in released.get_content()
    text = BytesParser(policy=policy.default).parsebytes(mailbox.received[0].content).get_body(("plain",)).get_content()
    assert "Message: wrong checksum [product=credit_risk, stage=fetch]" in text
    assert "1. set NIGHTSHIFT_MIRROR or check the network" in text
    assert ".venv/bin/nightshift night --data all --product credit_risk" in text


def test_what_a_client_could_read_as_markup_is_escaped(layout: Layout, params: Params) -> None:
    send_failure(layout, params, "credit_risk", "fetch", 'column <b>&"x"</b> is bad -> rename it', night=NIGHT)
    (path,) = list(layout.outbox.glob("*.eml"))
    html = read_mail(path).get_body(("html",)).get_content()  # type: ignore[union-attr]
    assert "<b>" not in html
    assert "&lt;b&gt;&amp;" in html
