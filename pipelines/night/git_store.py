"""Nights as commits on refs of their own, written by git's plumbing: branch, index and work tree are not touched."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pipelines.errors import StageError

REFS = "refs/nightshift/nights"
IDENTITY = {
    "GIT_AUTHOR_NAME": "nightshift",
    "GIT_AUTHOR_EMAIL": "nightshift@localhost",
    "GIT_COMMITTER_NAME": "nightshift",
    "GIT_COMMITTER_EMAIL": "nightshift@localhost",
}


@dataclass(frozen=True)
class KeptNight:
    """A night on its ref.

    Attributes:
        night: its id, the last part of the ref.
        commit: the commit of the kept files.
        code: the commit of the checkout that ran it; empty where there was none.
        at: when it was kept, ISO 8601.
    """

    night: str
    commit: str
    code: str
    at: str


def has_git(root: Path) -> bool:
    """Whether ``root`` is a git checkout and git is installed."""
    try:
        return (
            subprocess.run(["git", "rev-parse", "--git-dir"], cwd=root, capture_output=True, check=False).returncode
            == 0
        )
    except FileNotFoundError:
        return False


def head(root: Path) -> str:
    """The checkout's commit; empty where there is none."""
    if not has_git(root):
        return ""
    return _git(root, "rev-parse", "--quiet", "--verify", "HEAD", refusable=True).decode().strip()


def write_night(root: Path, night: str, files: Mapping[str, bytes], message: str) -> str:
    """Keep files under the ref of a night; its commit. Keeping the same night again replaces it.

    Args:
        files: path inside the night -> content.

    Raises:
        StageError: git refuses.
    """
    code = head(root)
    with tempfile.TemporaryDirectory() as folder:
        index = {"GIT_INDEX_FILE": str(Path(folder) / "index")}
        entries = [
            f"100644 {_git(root, 'hash-object', '-w', '--stdin', stdin=content).decode().strip()}\t{path}"
            for path, content in sorted(files.items())
        ]
        _git(root, "update-index", "--index-info", stdin="\n".join(entries).encode() + b"\n", environment=index)
        tree = _git(root, "write-tree", environment=index).decode().strip()
    parents = ["-p", code] if code else []
    commit = _git(root, "commit-tree", tree, *parents, "-m", message, environment=IDENTITY).decode().strip()
    _git(root, "update-ref", f"{REFS}/{night}", commit)
    return commit


def kept_nights(root: Path) -> list[KeptNight]:
    """All kept nights, the oldest first."""
    form = "%(refname)%09%(objectname)%09%(parent)%09%(committerdate:iso-strict)"
    text = _git(root, "for-each-ref", "--sort=refname", "--sort=committerdate", f"--format={form}", REFS).decode()
    return [
        KeptNight(ref.removeprefix(f"{REFS}/"), *rest)
        for ref, *rest in (line.split("\t") for line in text.splitlines())
    ]


def read_file(root: Path, night: str, path: str) -> bytes | None:
    """A kept file, or None: the night has none of that name.

    Raises:
        StageError: no such night is kept.
    """
    if not _git(root, "rev-parse", "--quiet", "--verify", f"{REFS}/{night}", refusable=True):
        raise StageError(
            f"no night {night!r} is kept", where={"ref": f"{REFS}/{night}"}, next_step="see `nightshift nights`"
        )
    done = subprocess.run(
        ["git", "cat-file", "blob", f"{REFS}/{night}:{path}"], cwd=root, capture_output=True, check=False
    )
    return done.stdout if done.returncode == 0 else None


def file_names(root: Path, night: str) -> list[str]:
    """The paths of a kept night."""
    return _git(root, "ls-tree", "-r", "--name-only", "-z", f"{REFS}/{night}").decode().rstrip("\0").split("\0")


def drop_night(root: Path, night: str, everywhere: bool = False) -> None:
    """Forget a night; what only it needs goes with the next ``nightshift gc``.

    ``everywhere``: in the git remote too; one that is not there keeps it.
    """
    _git(root, "update-ref", "-d", f"{REFS}/{night}")
    if everywhere:
        _git(root, "push", "--quiet", "origin", f":{REFS}/{night}", refusable=True)


def fetch_nights(root: Path) -> None:
    """Bring the nights that other machines have kept.

    Raises:
        StageError: the git remote does not answer.
    """
    _git(root, "fetch", "--quiet", "origin", f"+{REFS}/*:{REFS}/*")


def locks_of_branches(root: Path, path: str) -> list[bytes]:
    """The different contents that a file has at the heads of all branches."""
    heads = _git(root, "for-each-ref", "--format=%(objectname)", "refs/heads", "refs/remotes").decode().split()
    blobs = {_git(root, "rev-parse", "--quiet", "--verify", f"{one}:{path}", refusable=True).strip() for one in heads}
    return [_git(root, "cat-file", "blob", blob.decode()) for blob in sorted(blobs) if blob]


def _git(
    root: Path,
    *arguments: str,
    stdin: bytes | None = None,
    environment: Mapping[str, str] | None = None,
    refusable: bool = False,
) -> bytes:
    done = subprocess.run(
        ["git", *arguments],
        cwd=root,
        input=stdin if stdin is not None else b"",
        capture_output=True,
        env={**os.environ, **(environment or {})},
        check=False,
    )
    if done.returncode and not refusable:
        raise StageError(
            f"git {arguments[0]} failed: {done.stderr.decode(errors='replace').strip()[:300]}",
            next_step="mend the repository (git fsck), then run this again",
        )
    return b"" if done.returncode else done.stdout
