"""``nightshift review`` as it is typed, and the fill that ends a night."""

from __future__ import annotations

from pathlib import Path

import pytest
from review_house import fill_house, make_house
from review_world import say
from typer.testing import CliRunner

from pipelines.blocks.stages import Label
from pipelines.commands import reviewing  # noqa: F401 - registers itself
from pipelines.commands.app import app
from pipelines.errors import ConfigError
from pipelines.layout import Layout
from pipelines.night.reviewing import fill_queues
from pipelines.night.summary import LaneSummary, NightSummary
from pipelines.records import review
from pipelines.records.store import open_records


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Layout:
    layout, _ = make_house(tmp_path)
    monkeypatch.setenv("NIGHTSHIFT_ROOT", str(tmp_path))
    return layout


def run(*arguments: str) -> str:
    result = CliRunner().invoke(app, ["review", *arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_what_is_no_action_is_a_product(house: Layout) -> None:
    with pytest.raises(ConfigError, match="no product 'nothing'"):
        CliRunner().invoke(app, ["review", "nothing"], catch_exceptions=False)
    with pytest.raises(ConfigError, match="no product 'fill_it'"):
        CliRunner().invoke(app, ["review", "fill", "fill_it"], catch_exceptions=False)


def test_the_port_of_another_program_is_one_line(house: Layout) -> None:
    import socket

    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        with pytest.raises(ConfigError, match="taken"):
            CliRunner().invoke(app, ["review", "wards", "--port", str(other.getsockname()[1])], catch_exceptions=False)


def test_queue_report_and_files_by_hand(house: Layout, tmp_path: Path) -> None:
    records = open_records(house.records_url)
    fill_house(records, 2)
    say(records, review.items_of(records, "wards")[0], "urinary")
    records.close()
    assert "0 rows put into the review queue" in run("fill", "wards")
    assert "no row is chosen for reply products; 2 wait" in run("fill", "chats")
    assert len(run("fill").splitlines()) == 6
    assert "1 answers to 1 rows" in run("report", "wards")
    file = tmp_path / "out" / "answers.jsonl"
    assert "2 items with 1 answers" in run("export", "wards", str(file))
    assert "0 answers taken, 1 were here already" in run("import", "wards", str(file))


def test_the_settings_are_typed() -> None:
    assert Label.model_validate({"review": {"per_night": 0}}).review.annotators == 1
    for wrong in ({"per_night": -1}, {"annotators": 0}, {"reconcile": "loudest"}, {"magic": 1}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            Label.model_validate({"review": wrong})


@pytest.mark.slow
def test_the_end_of_a_night_fills_the_queues_and_a_broken_one_fails_nothing(house: Layout) -> None:
    from pipelines.config import load_params

    lanes = tuple(LaneSummary(name, "blocked") for name in ("wards", "loans", "chats"))
    summary, lines = NightSummary("n", "2026-01-01", "all", lanes), []
    assert fill_queues(house, load_params(house.params), summary, lines.append)
    assert [line.split(":")[0] for line in lines] == ["wards", "loans", "chats"]
    Path(house.records_url.removeprefix("sqlite:///")).write_bytes(b"this is no database" * 50)
    lines.clear()
    assert fill_queues(house, load_params(house.params), summary, lines.append)
    assert len(lines) == 3
    assert all("stays as it was" in line and "not a records database" in line for line in lines)
