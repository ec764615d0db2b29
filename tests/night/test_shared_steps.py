"""Single steps of one lane on two machines that share no disk: what travels, and what happens when the remote fails."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from shared_machines import Machine, git, make_machines

from pipelines.files import sha256_tree
from pipelines.night.monitor.app import report_file
from pipelines.night.shared.nights import bring_champions
from pipelines.night.shared.store import open_store
from pipelines.night.shared.travel import send_paths
from pipelines.records import registry
from pipelines.records.registry import Version
from pipelines.records.scoreboard import start_night
from pipelines.records.shared import entries
from pipelines.records.store import open_records
from pipelines.records.turns import put_day

pytestmark = pytest.mark.slow
DAY = "2026-06-30"


@pytest.fixture(scope="module")
def machines(tmp_path_factory: pytest.TempPathFactory) -> list[Machine]:
    folder = tmp_path_factory.mktemp("machines")
    made = make_machines(folder, f"sqlite:///{folder / 'records.db'}")
    records = open_records(made[0].records_url)
    start_night(records, "n")
    put_day(records, "n", DAY, git(made[0].layout.root, "rev-parse", "HEAD"))
    records.close()
    return made


def store(machine: Machine) -> Path:
    return machine.layout.root.parent / "store" / "files" / "md5"


def known(machine: Machine) -> set[str]:
    records = open_records(machine.records_url)
    try:
        return set(entries(records))
    finally:
        records.close()


def lose(machine: Machine, stage: str) -> None:
    """Remove the cached bytes of a stage's outs from this machine, and the outs."""
    shutil.rmtree(machine.layout.stage(stage, "alpha"))
    shutil.rmtree(machine.layout.root / ".dvc" / "cache")


def test_a_stage_finds_its_inputs_where_another_machine_made_them(machines: list[Machine]) -> None:
    first, second = machines
    assert first.step("snapshot", "alpha", DAY)["status"] == "passed"
    assert second.step("repro", "fetch@alpha", "n")["status"] == "passed"
    assert sha256_tree(first.layout.snapshot("alpha")) == sha256_tree(second.layout.snapshot("alpha"))
    done = first.step("repro", "validate@alpha", "n")
    assert done["status"] == "passed", done
    assert not done["facts"]["cached"]
    trees = [sha256_tree(one.layout.stage("fetch", "alpha")) for one in machines]
    assert trees[0] == trees[1]
    assert known(first) == {"fetch@alpha", "validate@alpha"}
    again = second.step("repro", "validate@alpha", "n")  # the same task again, elsewhere: nothing is computed
    assert again["facts"]["cached"], again
    assert (second.layout.stage("validate", "alpha") / "verdict.json").is_file()


def test_a_damaged_object_in_the_remote_is_removed_and_its_stage_runs_again(machines: list[Machine]) -> None:
    first, second = machines
    for target in ("fetch@alpha", "validate@alpha"):
        assert first.step("repro", target, "n")["status"] == "passed"
    pin = next(path for path in store(first).glob("??/*") if b"last_day" in path.read_bytes())
    pin.chmod(0o644)
    pin.write_bytes(pin.read_bytes()[:9])
    lose(second, "fetch")
    done = second.step("repro", "validate@alpha", "n")
    assert done["status"] == "failed"
    assert "lost 1 objects, or holds them damaged" in done["line"]
    assert not pin.exists()
    assert "fetch@alpha" not in known(first)
    for target in ("fetch@alpha", "validate@alpha"):  # the next night's plan calls fetch stale
        assert first.step("snapshot", "alpha", DAY)["status"] == "passed"
        done = first.step("repro", target, "n")
        assert done["status"] == "passed", done
    assert second.step("repro", "validate@alpha", "n")["status"] == "passed"


def test_a_remote_that_is_away_is_tried_again_and_nothing_is_forgotten(machines: list[Machine]) -> None:
    first, second = machines
    before = known(first)
    folder = store(first).parents[1]
    lose(second, "fetch")
    folder.rename(folder.with_name("away"))
    try:
        done = second.step("repro", "validate@alpha", "n")
        assert done["status"] == "failed", done
        assert done["transient"], done
        assert known(first) == before
    finally:
        folder.with_name("away").rename(folder)
    assert second.step("repro", "validate@alpha", "n")["status"] == "passed"


def test_a_machine_at_another_commit_does_not_take_part(machines: list[Machine]) -> None:
    second = machines[1]
    git(second.layout.root, "commit", "-q", "--allow-empty", "-m", "later")
    try:
        done = second.step("repro", "validate@alpha", "n")
        assert done["transient"]
        assert "this machine's checkout is at" in done["line"]
    finally:
        git(second.layout.root, "reset", "-q", "--soft", "HEAD~1")


def test_a_machine_with_nothing_says_that_nothing_has_changed(machines: list[Machine]) -> None:
    first, _ = machines
    assert first.run("night", "--data", "all", "--as-of", DAY, seconds=300).returncode == 0
    third = make_clone(first)
    done = third.run("night", "--data", "all", "--as-of", DAY, seconds=300)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "unchanged" in done.stdout
    assert not (third.layout.stage("fetch", "alpha") / "pin.json").exists()  # no data was brought
    refs = git(first.layout.root.parent / "origin.git", "for-each-ref", "--format=%(refname)", "refs/nightshift")
    assert len(refs.split()) == 2
    nights = third.run("nights").stdout
    assert "alpha" in nights


def test_a_champion_and_a_report_come_to_a_machine_that_did_not_make_them(
    machines: list[Machine], monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = machines
    monkeypatch.setenv("NIGHTSHIFT_SHARED", "remote")
    monkeypatch.setenv("NIGHTSHIFT_RECORDS_URL", first.records_url)
    bundle, page = first.layout.bundle("alpha", "v1"), first.layout.night("n", "alpha") / "drift" / "report.html"
    for path in (bundle / "manifest.json", bundle / "model" / "a.txt", page):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(path.name)
    records = open_records(first.records_url)
    registry.add_version(records, Version("alpha", "v1", "n"))
    registry.move_champion(records, "alpha", "v1", kind="promote", who="t", why="t", expected=None)
    with open_store(first.layout) as opened:
        send_paths(first.layout, opened, records, [bundle, page], "n")
    records.close()
    assert bring_champions(second.layout) == ["alpha: v1"]
    assert sha256_tree(second.layout.bundle("alpha", "v1")) == sha256_tree(bundle)
    assert bring_champions(second.layout) == []
    found = report_file(second.layout, "n/alpha/drift/report.html")
    assert found is not None
    assert found.read_text() == "report.html"
    assert report_file(second.layout, "n/alpha/drift/other.html") is None


def make_clone(machine: Machine) -> Machine:
    from pipelines.layout import Layout

    folder = machine.layout.root.parent
    git(folder, "clone", "-q", "origin.git", "third")
    (folder / "third" / ".venv").symlink_to((machine.layout.root / ".venv").resolve())
    subprocess.run(["git", "update-index", "--skip-worktree", "dvc.lock"], cwd=folder / "third", check=True)
    return Machine(Layout(folder / "third"), machine.records_url)
