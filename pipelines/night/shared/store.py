"""Files and folders to and from the DVC remote by their hash, through DVC's own cache; what comes is checked."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from pipelines.errors import BusyError, ConfigError, StageError
from pipelines.layout import Layout


class LostError(StageError):
    """Data that the lock entries name is not in the remote, or is damaged there."""

    def __init__(self, hashes: set[str]) -> None:
        self.hashes = hashes
        shown = ", ".join(sorted(hashes)[:3])
        super().__init__(
            f"the DVC remote has lost {len(hashes)} objects, or holds them damaged: {shown}",
            next_step="start the night again: it makes them anew",
        )


class Store:
    """DVC's cache of this checkout and its default remote. Open it with :func:`open_store`."""

    def __init__(self, layout: Layout, repo: Any) -> None:
        self.layout = layout
        self.repo = repo
        self.cache = repo.cache.local
        self.remote = repo.cloud.get_remote_odb()

    def take(self, path: Path) -> str:
        """Put a file or folder into the cache; its MD5, ending in ``.dir`` for a folder."""
        from dvc_data.hashfile.build import build
        from dvc_data.hashfile.transfer import transfer

        fs = _local()
        staging, _, found = build(self.cache, os.fspath(path), fs, "md5")
        transfer(staging, self.cache, {found.hash_info}, shallow=False)
        return str(found.hash_info.value)

    def send(self, hashes: Iterable[str]) -> None:
        """From the cache to the remote, what is not there yet.

        Raises:
            StageError: transient; the remote does not take it.
        """
        from dvc_data.hashfile.transfer import transfer

        wanted = {_hash(md5) for md5 in hashes}
        if not wanted:
            return
        with _remote_errors():
            done = transfer(self.cache, self.remote, wanted, cache_odb=self.cache, shallow=False)
        if done.failed:
            raise _unreachable(f"{len(done.failed)} objects were not taken")

    def bring(self, hashes: Iterable[str], only: dict[str, set[str]] | None = None) -> None:
        """From the remote to the cache, folders with all that is in them.

        Args:
            only: ``{folder's hash: paths inside it}``: of these folders nothing else.

        Raises:
            LostError: the remote does not have it, or has it damaged; the damaged copies are removed there.
            StageError: transient; the remote does not answer.
        """
        wanted = set(hashes)
        self._fetch(wanted)
        files: set[str] = set()
        for md5 in wanted:
            if md5.endswith(".dir"):
                chosen = (only or {}).get(md5)
                files |= {entry for path, entry in self.listing(md5).items() if chosen is None or path in chosen}
        self._fetch(files)

    def listing(self, md5: str) -> dict[str, str]:
        """``{path inside a folder: MD5}``; the folder's own object must be in the cache."""
        from dvc_data.hashfile.tree import Tree

        tree = Tree.load(self.cache, _hash(md5))
        return {"/".join(key): str(found.value) for key, _, found in tree}

    def place(self, path: Path, md5: str) -> None:
        """Make a path of the checkout what the cache has under this hash, all of it, whatever is there now."""
        from dvc_data.hashfile import load
        from dvc_data.hashfile.checkout import checkout

        path.parent.mkdir(parents=True, exist_ok=True)
        checkout(
            os.fspath(path), _local(), load(self.cache, _hash(md5)), self.cache, force=True, state=self.repo.state
        )  # fmt: skip

    def place_file(self, path: Path, md5: str) -> None:
        """Copy one file out of the cache; for parts of a folder that is not placed as a whole."""
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.tmp")
        shutil.copyfile(self.cache.oid_to_path(md5), temporary)
        temporary.replace(path)

    def _fetch(self, hashes: set[str]) -> None:
        from dvc_data.hashfile.transfer import transfer

        missing = {md5 for md5 in hashes if not self.has(md5)}
        if not missing:
            return
        with _remote_errors():
            transfer(self.remote, self.cache, {_hash(md5) for md5 in missing}, verify=True, shallow=True)
            left = {md5 for md5 in missing if not self.has(md5)}
            lost = self._lost(left) if left else set()
        if lost:
            raise LostError(lost)
        if left:
            raise _unreachable(f"{len(left)} objects did not come, though they are there")

    def has(self, md5: str) -> bool:
        """Whether the cache has it, whole; a damaged copy is removed."""
        from dvc_objects.errors import ObjectFormatError

        try:
            self.cache.check(md5)
        except (FileNotFoundError, ObjectFormatError):
            return False
        return True

    def _lost(self, hashes: set[str]) -> set[str]:
        """Those that the remote does not have, or has with other bytes: these are removed, to be sent anew."""
        import hashlib

        if not self.remote.fs.exists(self.remote.path):
            raise _unreachable("its folder is not there")  # not mounted, more likely than emptied
        found = set()
        for md5 in hashes:
            path = self.remote.oid_to_path(md5)
            if not self.remote.fs.exists(path):
                found.add(md5)
                continue
            digest = hashlib.md5(usedforsecurity=False)
            with self.remote.fs.open(path, "rb") as stream:
                while piece := stream.read(1 << 20):
                    digest.update(piece)
            if digest.hexdigest() != md5.removesuffix(".dir"):
                self.remote.fs.remove(path)
                found.add(md5)
        return found


@contextlib.contextmanager
def open_store(layout: Layout) -> Iterator[Store]:
    """The store of a checkout; waits for DVC's lock where something takes it.

    Raises:
        ConfigError: no default remote. StageError: transient; the remote cannot be opened.
        BusyError: another DVC holds the repository.
    """
    from dvc.config import NoRemoteError
    from dvc.exceptions import DvcException
    from dvc.lock import LockError
    from dvc.repo import Repo

    try:
        with Repo(os.fspath(layout.root), _wait_for_lock=True) as repo:
            repo.scm_context.quiet = True
            try:
                with _remote_errors():
                    store = Store(layout, repo)
            except NoRemoteError as error:
                raise ConfigError(
                    "machines that share their nights need a DVC remote",
                    where={"file": ".dvc/config"},
                    next_step="run `dvc remote add -d NAME URL` with a place that all of them reach, and commit it",
                ) from error
            yield store
    except LockError as error:
        raise BusyError(f"DVC is busy: {error}", next_step="it is tried again") from error
    except DvcException as error:
        deepest: BaseException = error
        while deepest.__cause__ is not None:
            deepest = deepest.__cause__
        raise StageError(f"dvc: {' '.join(str(deepest).split())}", next_step="run `dvc status` there") from error


@contextlib.contextmanager
def _remote_errors() -> Iterator[None]:
    from dvc.config import NoRemoteError

    try:
        yield
    except (StageError, NoRemoteError):
        raise
    except Exception as error:  # whatever a storage client raises; the next try tells whether it passes
        raise _unreachable(f"{type(error).__name__}: {' '.join(str(error).split())[:200]}") from error


def _unreachable(what: str) -> StageError:
    return StageError(
        f"the DVC remote fails: {what}", next_step="it is tried again; see that the remote is there", transient=True
    )


def _hash(md5: str) -> Any:
    from dvc_data.hashfile.hash_info import HashInfo

    return HashInfo("md5", md5)


def _local() -> Any:
    from dvc.fs import localfs

    return localfs
