"""Rounds of the watch over a real prediction log: windows that grow, causes, mails, outcomes, and nothing twice."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from email.message import EmailMessage
from typing import Any

import pytest
from production_house import PRODUCT, House, make_house

from pipelines.config import Params
from pipelines.layout import Layout
from pipelines.monitoring import hourly, rounds
from pipelines.monitoring.outbox import deliver, read_mail, sent_folder, waiting
from pipelines.monitoring.rounds import Round
from pipelines.monitoring.smtp import VARIABLE
from pipelines.records import alarms


@pytest.fixture
def house(layout: Layout, params: Params, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    for name in (VARIABLE, "NIGHTSHIFT_RECORDS_URL", "NIGHTSHIFT_LOG_URL"):
        monkeypatch.delenv(name, raising=False)
    made = make_house(layout, params)
    yield made
    made.close()


@pytest.fixture(autouse=True)
def _no_report(monkeypatch: pytest.MonkeyPatch) -> None:
    """Evidently takes seconds to import, and its report and the pictures have tests of their own."""
    from pipelines.monitoring import plots, report

    monkeypatch.setattr(plots, "DPI", 50)

    monkeypatch.setattr(report, "write_report", lambda path, *_: path.write_text("<html>report</html>"))


def watch(house: House) -> Round:
    return hourly.watch_log(house.layout, house.params, PRODUCT, house.at)


def mails(house: House) -> list[EmailMessage]:
    return [read_mail(path) for path in waiting(house.layout)]


def test_steady_hours_open_nothing_and_mail_nothing(house: House) -> None:
    for _ in range(3):
        house.send(rows=500)
        found = watch(house)
        assert found.noted is not None
        assert found.noted.window.status in {"steady", "moved"}
    assert not alarms.open_alarms(house.records)
    assert not mails(house)


def test_a_small_window_waits_and_grows_and_a_stale_one_closes_unjudged(house: House) -> None:
    house.send(rows=120)
    assert watch(house).noted is None
    house.send(rows=120)
    grown = watch(house)
    assert grown.noted is not None
    assert grown.noted.window.rows == 240
    house.send(rows=10, hours=25)
    stale = watch(house)
    assert stale.noted is not None
    assert stale.noted.window.status == "unjudged"


@pytest.mark.slow
def test_drift_is_mailed_once_with_its_size_its_start_and_its_pictures(house: House) -> None:
    house.send(rows=400)
    watch(house)
    began = house.at
    for _ in range(4):
        house.send("income_drop", rows=400)
        watch(house)
    (mail,) = mails(house)
    causes = {alarm.cause for alarm in alarms.open_alarms(house.records)}
    assert {"data_drift", "prediction_drift"} <= causes
    text = mail.get_body(("plain",)).get_content()  # type: ignore[union-attr]
    assert began.strftime("%Y-%m-%d %H:%M") in text
    assert "PAY_0" in text
    assert "Probable cost" in text
    pictures = [part.get_filename() for part in mail.walk() if part.get_content_type() == "image/png"]
    assert pictures == ["timeline.png", "effects.png", "distributions.png"]
    assert [one.why["causes"] for one in alarms.all_retrains(house.records, PRODUCT)]


@pytest.mark.slow
def test_the_same_round_again_changes_nothing_and_writes_a_lost_mail_anew(house: House) -> None:
    for _ in range(2):
        house.send("income_drop", rows=300)
        first = watch(house)
    (path,) = waiting(house.layout)
    identity, before = read_mail(path)["Message-ID"], alarms.all_alarms(house.records, PRODUCT)
    path.unlink()
    again = watch(house)
    assert again.noted is not None
    assert first.noted is not None
    assert again.noted.known
    assert again.noted.mailed == first.noted.mailed
    assert alarms.all_alarms(house.records, PRODUCT) == before
    assert [mail["Message-ID"] for mail in mails(house)] == [identity]


def test_a_mail_waits_for_the_server_and_goes_out_later_with_the_same_id(
    house: House, mailbox: Any, closed_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, f"smtp://127.0.0.1:{closed_port}/?disable_ssl=true&disable_tls=true")
    for _ in range(2):
        house.send("income_drop", rows=300)
        watch(house)
    (mail,) = mails(house)
    monkeypatch.setenv(VARIABLE, mailbox.connection)
    house.send(rows=10)
    assert watch(house).noted is None  # nothing to judge, yet what waits goes out
    assert not waiting(house.layout)
    (envelope,) = mailbox.received
    assert mail["Message-ID"].encode() in envelope.content
    assert len(list(sent_folder(house.layout).glob("*.eml"))) == 1
    assert not deliver(house.layout).sent


@pytest.mark.slow
def test_measured_quality_comes_from_the_outcomes_and_says_which_are_missing(house: House) -> None:
    house.send(rows=900, share=0.8)
    found = watch(house).judged
    assert found is not None
    assert found.measured is not None
    assert found.measured.outcomes == 720
    assert found.measured.unobserved == pytest.approx(0.2)
    assert not found.measured.worse
    assert sum(part.rows for part in found.measured.parts) == 900
    house.send("payment_holiday", rows=2000, share=1.0)
    worse = watch(house).judged
    assert worse is not None
    assert worse.measured is not None
    assert worse.measured.loss > 0.02
    assert "measured_loss" in worse.window.causes


def test_answers_of_another_version_are_not_judged(house: House) -> None:
    house.send("income_drop", rows=300, version="f" * 16)
    house.send(rows=250)
    found = watch(house)
    assert found.noted is not None
    assert found.noted.window.rows == 250
    assert found.noted.window.numbers["answered"] == 550


def test_a_large_window_is_sampled_evenly_in_time(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.send(rows=900)
    start = house.at - timedelta(hours=1)
    taken = rounds.take(house.log, PRODUCT, "0123456789abcdef", rounds.iso(start), rounds.iso(house.at), most=200)
    assert taken.total == 900
    assert len(taken.rows) == 200
    minutes = [row.at[14:16] for row in taken.rows]
    assert len(set(minutes)) >= 15


def test_a_product_without_champion_or_an_older_round_judges_nothing(house: House) -> None:
    assert hourly.watch_log(house.layout, house.params, "credit_risk", house.at).line == "no champion yet"
    house.send(rows=300)
    watch(house)
    older = hourly.watch_log(house.layout, house.params, PRODUCT, house.at - timedelta(minutes=5))
    assert older.noted is None


@pytest.mark.slow
def test_the_mail_speaks_the_language_of_the_settings(house: House) -> None:
    mail = house.params.mail.model_copy(update={"language": "zh"})
    house.params = house.params.model_copy(update={"mail": mail})
    for _ in range(2):
        house.send("payment_holiday", rows=500, share=1.0)
        watch(house)
    (written,) = mails(house)
    assert "告警" in str(written["Subject"])
    text = written.get_body(("plain",)).get_content()  # type: ignore[union-attr]
    assert "实测质量下降" in text
    assert "{" not in text


@pytest.mark.slow
def test_a_feed_that_breaks_is_named_and_no_training_is_asked_for(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pipelines.sources.simulators import credit

    real = credit.production_day

    def without_bills(*given: Any) -> Any:
        frame = real(*given).astype({"BILL_AMT1": float})
        frame.loc[::2, "BILL_AMT1"] = None
        return frame

    monkeypatch.setattr(credit, "production_day", without_bills)
    monkeypatch.setattr("production_house.answers_of", lambda frame: frame["PAY_0"].to_numpy() * 0.0 + 0.1)
    for _ in range(4):
        house.send(rows=300)
        watch(house)
    assert "broken:BILL_AMT1" in {alarm.cause for alarm in alarms.open_alarms(house.records)}
    assert not alarms.all_retrains(house.records, PRODUCT)
