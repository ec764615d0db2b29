"""Kept nights on a real git and DVC repository: the same bytes come back, and nothing that is needed goes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from tiny_project import behave, make_tiny, nightshift

from pipelines.errors import StageError
from pipelines.files import sha256_tree
from pipelines.layout import Layout
from pipelines.night import git_store
from pipelines.night.collect import collect
from pipelines.night.kept import keep, nights_lines, restore

pytestmark = pytest.mark.slow


def git(layout: Layout, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=layout.root, capture_output=True, text=True, check=True)
    return done.stdout


def dvc(layout: Layout, *arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "dvc", *arguments], cwd=layout.root, check=True, capture_output=True)


def night(layout: Layout, reason: str) -> tuple[str, dict[str, str]]:
    """A night whose outs hold ``reason``; its name and the bytes of alpha's lane."""
    behave(layout, {f"{stage}@alpha": {"reason": reason} for stage in ("fetch", "label", "prepare", "package")})
    done = nightshift(layout, "night", "--product", "alpha")
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


def test_outside_git_a_night_is_not_kept_and_says_so(tmp_path: Path) -> None:
    assert "no git checkout" in keep(Layout(tmp_path), "n", {"lanes": []}, push=False)
