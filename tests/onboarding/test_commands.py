"""The command line of drafting: exit codes, what is shown, what is written; and the curl line."""

from __future__ import annotations

from pathlib import Path

import pytest
from drafting import customers, draft, make_project

from pipelines import cli
from pipelines.config import load_params
from pipelines.errors import EXIT_DATA, EXIT_UNAVAILABLE, EXIT_USAGE, ConfigError
from pipelines.files import write_json
from pipelines.layout import Layout
from pipelines.onboarding.asking import Refuse, Said
from pipelines.onboarding.commands import how_to_ask, wish_of
from pipelines.onboarding.door import new_product
from pipelines.onboarding.wish import Wish
from pipelines.records.registry import Version, add_version, move_champion
from pipelines.records.store import open_records


@pytest.fixture
def layout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Layout:
    made = make_project(tmp_path / "project")
    monkeypatch.setenv("NIGHTSHIFT_ROOT", str(made.root))
    customers().to_csv(tmp_path / "t.csv", index=False)
    return made


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr("sys.argv", ["nightshift", *arguments])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    return int(ended.value.code or 0)


def test_new_writes_and_a_dry_run_only_shows(
    layout: Layout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ("new", "churn", "--data", str(tmp_path / "t.csv"), "--target", "churned")
    before = layout.params.read_bytes()
    assert run(monkeypatch, *arguments, "--dry-run") == 0
    shown = capsys.readouterr().out
    assert "  churn:" in shown
    assert "+++ b/expectations/churn.json" in shown
    assert layout.params.read_bytes() == before
    assert run(monkeypatch, *arguments) == 0
    assert "churn" in load_params(layout.params).products
    assert run(monkeypatch, "list") == 0
    assert "t.csv" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (("--target", "churned"), EXIT_USAGE, "--data is missing"),
        (("--data", "t.csv", "--target", "city"), EXIT_USAGE, "--positive"),
        (("--data", "t.csv", "--target", "country"), EXIT_DATA, "one value only"),
        (("--data", "gone.csv", "--target", "y"), EXIT_UNAVAILABLE, "no such file"),
        (("--data", "t.csv", "--target", "churned", "--task", "guess"), EXIT_USAGE, "no such choice"),
        (("--data", "t.csv", "--target", "churned", "--unprotected", "age"), EXIT_USAGE, "COLUMN=REASON"),
    ],
)
def test_errors_are_one_line_with_the_exit_code_of_their_family(
    layout: Layout,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    status: int,
    said: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    frame = customers()
    frame["city"] = frame["city"].replace("Rom", "Paris")
    frame.to_csv(tmp_path / "t.csv", index=False)
    assert run(monkeypatch, "new", "churn", *arguments) == status
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert error.startswith("nightshift: ")
    assert said.replace("COLUMN=REASON", "COLUMN=VALUE") in error


def test_a_person_at_a_terminal_is_asked(layout: Layout, tmp_path: Path) -> None:
    class Person(Refuse):
        asked: tuple[str, ...] = ()

        def choose(self, *told: object) -> str:
            self.asked = (*self.asked, str(told[2]))
            return "Rom"

        def prefer(self, *told: object) -> str:
            self.asked = (*self.asked, str(told[2]))
            return "yes"

    frame = customers()
    frame = frame[frame["city"] != "Köln"]
    frame.to_csv(tmp_path / "t.csv", index=False)
    person = Person()
    drafted = new_product(layout, Wish("trip", str(tmp_path / "t.csv"), "city"), lambda _: None, ask=person)
    assert person.asked == ("--positive",)
    assert drafted.conclusion.target.positive == "Rom"
    asked = Person()
    customers().to_csv(tmp_path / "t.csv", index=False)
    new_product(layout, Wish("churn", str(tmp_path / "t.csv"), "churned"), lambda _: None, ask=asked)
    assert asked.asked == ("--keep closed_reason",)
    block = load_params(layout.params).product("churn")
    assert "closed_reason" in block.feature_columns
    assert block.prepare.leakage_auc == 1.0


def test_a_given_answer_that_is_no_choice_is_refused() -> None:
    with pytest.raises(ConfigError, match="no such choice"):
        Said({"--positive": "x"}, Refuse()).choose("?", ["a", "b"], "--positive")
    with pytest.raises(ConfigError, match="--target is missing"):
        wish_of("p", "x.csv", None, {}, {}, {})


def test_the_curl_line_holds_an_example_row_of_the_champion(layout: Layout, tmp_path: Path) -> None:
    draft(layout, tmp_path / "t.csv")
    assert "has no champion" in how_to_ask(layout, "churn")[0]
    records = open_records(layout.records_url)
    add_version(records, Version("churn", "v1", "n"))
    move_champion(records, "churn", "v1", expected=None, kind="promote", who="t", why="t")
    records.close()
    fields = [{"name": "city", "example": "Köln's"}, {"name": "spent", "example": 1.5}]
    write_json(layout.bundle("churn", "v1") / "schema.json", {"fields": fields})
    line = how_to_ask(layout, "churn")[1]
    assert line.endswith("http://127.0.0.1:3000/v1/churn/predict")
    import json
    import shlex

    words = shlex.split(line)
    assert json.loads(words[words.index("-d") + 1]) == {"rows": [{"city": "Köln's", "spent": 1.5}]}
