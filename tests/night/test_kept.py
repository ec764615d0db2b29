"""Kept nights on a real git and DVC repository: the same bytes come back, and nothing that is needed goes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from tiny_project import behave, make_tiny, nightshift

from pipelines.config import Params
from pipelines.errors import StageError
from pipelines.files import sha256_tree
from pipelines.layout import Layout
from pipelines.night import git_store
from pipelines.night.collect import collect, tidy
from pipelines.night.kept import keep, nights_lines, restore
from pipelines.records import registry
from pipelines.records.registry import Version
from pipelines.records.store import open_records

pytestmark = pytest.mark.slow


def git(layout: Layout, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=layout.root, capture_output=True, text=True, check=True)
    return done.stdout


def dvc(layout: Layout, *arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "dvc", *arguments], cwd=layout.root, check=True, capture_output=True)


def night(layout: Layout, reason: str) -> tuple[str, dict[str, str]]:
    """A night whose outs hold ``reason``; its name and the bytes of alpha's lane."""
    behave(layout, {f"{stage}@alpha": {"reason": reason} for stage in ("fetch", "label", "prepare", "package")})
    done = nightshift(layout, "night", "--product", "alpha", seconds=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return git_store.kept_nights(layout.root)[-1].night, sha256_tree(layout.lane("alpha"))


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> tuple[Layout, list[tuple[str, dict[str, str]]]]:
    """Two nights of other bytes, their data sent to a remote."""
    folder = tmp_path_factory.mktemp("kept")
    layout = make_tiny(folder / "tiny", products=("alpha",), models=("one",))
    dvc(layout, "remote", "add", "-d", "store", str(folder / "store"))
    git(layout, "add", "-A")
    git(layout, "-c", "user.name=t", "-c", "user.email=t@t", "commit", "-qm", "start")
    return layout, [night(layout, "first"), night(layout, "second")]


def test_a_night_is_kept_and_the_checkout_is_not_touched(kept: tuple[Layout, list]) -> None:
    layout, runs = kept
    assert [one.night for one in git_store.kept_nights(layout.root)] == [name for name, _ in runs]
    assert git(layout, "log", "--oneline", "--all", "--branches").count("\n") >= 1
    assert git(layout, "diff", "--cached", "--name-only") == ""
    assert git(layout, "rev-list", "--count", "HEAD").strip() == "1"
    lines = nights_lines(layout)
    assert len(lines) == 2
    assert all("alpha" in line and "passed" in line for line in lines)


def test_restore_brings_the_same_bytes_from_the_cache_and_from_the_remote(kept: tuple[Layout, list]) -> None:
    layout, ((first, first_bytes), (second, second_bytes)) = kept
    restore(layout, first, "alpha")
    assert sha256_tree(layout.lane("alpha")) == first_bytes
    objects = list((layout.root / ".dvc" / "cache" / "files" / "md5").glob("??/*"))
    for path in objects:
        path.unlink()
    restore(layout, second, "alpha")
    assert sha256_tree(layout.lane("alpha")) == second_bytes


def test_bytes_that_are_damaged_in_the_remote_are_not_restored(kept: tuple[Layout, list]) -> None:
    layout, ((first, _), (_, second_bytes)) = kept
    cache = layout.root / ".dvc" / "cache" / "files" / "md5"
    mine = {path.relative_to(cache) for path in cache.glob("??/*")}
    other = [path for path in (layout.root.parent / "store" / "files" / "md5").glob("??/*") if path.is_file()]
    foreign = [path for path in other if path.relative_to(path.parents[1]) not in mine]
    assert foreign  # of the first night: the cache was emptied, and the second one brought back
    whole = {path: path.read_bytes() for path in foreign}
    for path in foreign:
        path.chmod(0o644)
        path.write_bytes(whole[path][:-1])
    with pytest.raises(StageError, match="holds them damaged"):
        restore(layout, first, "alpha")
    assert sha256_tree(layout.lane("alpha")) == second_bytes
    assert not all(path.exists() for path in foreign)
    for path, content in whole.items():
        path.write_bytes(content)


def test_a_night_or_product_that_is_not_there_is_named(kept: tuple[Layout, list]) -> None:
    layout, _ = kept
    with pytest.raises(StageError, match="no night 'night_x' is kept"):
        restore(layout, "night_x", "alpha")


def test_data_that_is_nowhere_leaves_the_lock_as_it_was(kept: tuple[Layout, list], tmp_path: Path) -> None:
    layout, ((first, _), _) = kept
    lock = (layout.root / "dvc.lock").read_bytes()
    store, cache = layout.root.parent / "store", layout.root / ".dvc" / "cache"
    store.rename(tmp_path / "store")
    cache.rename(tmp_path / "cache")
    try:
        with pytest.raises(StageError, match="cannot be brought back"):
            restore(layout, first, "alpha")
        assert (layout.root / "dvc.lock").read_bytes() == lock
    finally:
        (tmp_path / "store").rename(store)
        if cache.exists():
            cache.rename(tmp_path / "empty")
        (tmp_path / "cache").rename(cache)


def test_gc_keeps_what_a_night_needs_and_takes_the_rest_when_it_is_forgotten(kept: tuple[Layout, list]) -> None:
    layout, ((first, _), (second, second_bytes)) = kept
    restore(layout, first, "alpha")
    restore(layout, second, "alpha")
    dry = collect(layout, None, None, dry=True)
    assert not [what for what, _ in dry.removed if "cached" in what]
    found = collect(layout, None, 1)
    assert f"kept night {first}" in [what for what, _ in found.removed]
    assert found.after < found.before
    with pytest.raises(StageError, match="is kept"):
        restore(layout, first, "alpha")
    restore(layout, second, "alpha")
    assert sha256_tree(layout.lane("alpha")) == second_bytes
    tight = collect(layout, 0, None)
    assert not tight.fits
    assert not [path for path in layout.nights.iterdir() if path.name == first]


def test_a_night_tidies_up_at_its_end_and_leaves_champions_and_kept_nights(kept: tuple[Layout, list]) -> None:
    layout, (_, (second, _)) = kept
    records = open_records(layout.records_url)
    for version in ("once", "never"):
        registry.add_version(records, Version("alpha", version, second, {}, {}))
        folder = layout.bundle("alpha", version)
        folder.mkdir(parents=True)
        (folder / "manifest.json").write_text(version)
    registry.move_champion(records, "alpha", "once", expected=None, kind="promote", who="t", why="t")
    records.close()
    params = layout.params.read_text()
    block = yaml.safe_load(params)
    (layout.nights / "night_lost" / "alpha").mkdir(parents=True)
    logs = layout.airflow_home / "logs" / "dag_id=nightly_retrain"
    block["night"] |= {"keep_gib": 100.0, "keep_nights": None}
    assert tidy(layout, Params.model_validate(block)) == []  # below the size all stays
    assert layout.bundle("alpha", "never").is_dir()
    block["night"] |= {"keep_gib": 1e-6, "keep_nights": 1}
    layout.params.write_text(yaml.safe_dump(block, sort_keys=False))
    third, third_bytes = night(layout, "third")
    layout.params.write_text(params)
    assert [one.night for one in git_store.kept_nights(layout.root)] == [third]
    assert layout.bundle("alpha", "once").is_dir()
    assert not layout.bundle("alpha", "never").exists()
    assert not (layout.nights / "night_lost").exists()
    assert [path.name for path in logs.iterdir()] == [f"run_id={third}"]
    with pytest.raises(StageError, match="is kept"):
        restore(layout, second, "alpha")
    for path in layout.lane("alpha").rglob("*"):
        if path.is_file():
            path.unlink()
    restore(layout, third, "alpha")
    assert sha256_tree(layout.lane("alpha")) == third_bytes


def test_what_a_branch_names_is_not_collected(kept: tuple[Layout, list]) -> None:
    layout, _ = kept
    git(layout, "add", "dvc.lock")
    git(layout, "-c", "user.name=t", "-c", "user.email=t@t", "commit", "-qm", "lock", "dvc.lock")
    (layout.root / "dvc.lock").write_text("schema: '2.0'\nstages: {}\n")
    for one in git_store.kept_nights(layout.root):
        git_store.drop_night(layout.root, one.night)
    assert not [what for what, _ in collect(layout, None, None, dry=True).removed if "cached" in what]
    git(layout, "reset", "-q", "--soft", "HEAD~1")
    assert [what for what, _ in collect(layout, None, None, dry=True).removed if "cached" in what]


def test_outside_git_a_night_is_not_kept_and_says_so(tmp_path: Path) -> None:
    assert "no git checkout" in keep(Layout(tmp_path), "n", {"lanes": []}, push=False)
