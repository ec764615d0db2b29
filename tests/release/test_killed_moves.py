"""SIGKILL at every statement that a promotion, an approval, a rollback or a refusal sends to the records."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from bundles import bundle_of, pack_lane, write_params
from sqlalchemy import Engine, event

from pipelines.bundle import read_manifest
from pipelines.config import Params
from pipelines.errors import RecordsError
from pipelines.layout import Layout
from pipelines.records import registry
from pipelines.records.registry import Promotion, Version
from pipelines.records.store import open_records
from pipelines.release import approval, promotion
from pipelines.release.registering import keep
from pipelines.verdicts import Verdict

Act = Callable[[Layout, Params, str], Any]
ACTS: dict[str, Act] = {
    "promote": lambda layout, params, new: promotion.promote(layout, params, "breast", new, who="ann", why="w"),
    "approve": lambda layout, params, new: approval.approve(layout, params, "breast", new, "ann", "w"),
    "rollback": lambda layout, params, _: promotion.rollback(layout, params, "breast", who="ann", why="w"),
    "decline": lambda layout, params, new: approval.decline(layout, params, "breast", new, "ann", "w"),
}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Layout, Params, list[str], Path]:
    """Three versions, the second of which is the champion after the first; and a copy of their records."""
    layout = Layout(tmp_path_factory.mktemp("killed"))
    params = write_params(layout)
    records = open_records(layout.records_url)
    versions = []
    for seed in range(3):
        assert pack_lane(layout, params, "breast", seed, 5 + seed).passed
        version = read_manifest(bundle_of(layout, "breast")).version
        keep(layout, "breast", version, bundle_of(layout, "breast"))
        smoke = Verdict(gate="smoke", product="breast", status="passed").model_dump(mode="json")
        registry.add_version(records, Version("breast", version, f"n{seed}", verdicts={"smoke": smoke}))
        versions.append(version)
    for before, to in ((None, versions[0]), (versions[0], versions[1])):
        registry.move_champion(records, "breast", to, kind="promote", who="t", why="t", expected=before)
    records.close()
    copy = layout.root / "records.copy"
    shutil.copyfile(database(layout), copy)
    return layout, params, versions, copy


def database(layout: Layout) -> Path:
    return Path(layout.records_url.removeprefix("sqlite:///"))


def restore(layout: Layout, copy: Path) -> None:
    for name in ("", "-wal", "-shm"):
        Path(f"{database(layout)}{name}").unlink(missing_ok=True)
    shutil.copyfile(copy, database(layout))


def killed_at(place: int, act: Callable[[], Any]) -> bool:
    """Act in a child that gets SIGKILL before its ``place``-th statement or commit; whether it got that far."""
    child = os.fork()
    if child == 0:
        seen = 0

        def count(*_: Any) -> None:
            nonlocal seen
            seen += 1
            if seen == place:
                os.kill(os.getpid(), signal.SIGKILL)

        event.listen(Engine, "before_cursor_execute", count)
        event.listen(Engine, "commit", count)
        try:
            act()
        finally:
            os._exit(0)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


def state(layout: Layout) -> tuple[str | None, list[Promotion]]:
    records = open_records(layout.records_url)
    try:
        return registry.champion(records, "breast"), registry.history(records, "breast")
    finally:
        records.close()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["promote", "approve", "rollback", "decline"])
def test_a_kill_at_any_statement_leaves_the_old_or_the_new_state_and_a_second_try_ends_it(
    made: tuple[Layout, Params, list[str], Path], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    layout, params, versions, copy = made
    passed = Verdict(gate="champion", product="breast", status="passed")
    monkeypatch.setattr(promotion.champion_gate, "compare", lambda *_, **__: passed)
    target = {"promote": versions[2], "approve": versions[2], "rollback": versions[0], "decline": versions[1]}[name]
    place, outcomes = 0, set()
    while True:
        place += 1
        restore(layout, copy)
        if not killed_at(place, lambda: ACTS[name](layout, params, versions[2])):
            break
        champion, past = state(layout)
        moved = len(past) == 3
        assert champion == past[0].to_version == (target if moved else versions[1]), place
        outcomes.add(moved)
        if name == "approve" or not moved:  # only an approval may be tried again without looking
            ACTS[name](layout, params, versions[2])
        elif name == "promote":
            with pytest.raises(RecordsError, match="champion already"):
                ACTS[name](layout, params, versions[2])
        champion, past = state(layout)
        assert (champion, len(past)) == (target, 2 if name == "decline" else 3), place
    assert place > 5
    assert state(layout)[0] == target
    assert False in outcomes
    if name == "decline":
        records = open_records(layout.records_url)
        assert approval.declined_by(records, "breast", versions[2]) == "ann: w"
        records.close()
