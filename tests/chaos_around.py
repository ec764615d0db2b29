"""Faults around a checkout: its remote, its databases, its mail server, its clock and its disk."""

from __future__ import annotations

import contextlib
import http.server
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from chaos_tools import LANE, Skipped, clean_bytes, ended, fault, last, night, sleeper, with_sleeping_stage
from postgres import postgres
from tiny_project import GIVEN, behave

from pipelines.layout import Layout
from pipelines.night.services import free_port

ROOT = Path(__file__).resolve().parents[1]


@fault
def remote_gone(layout: Layout) -> str:
    _remote(layout, "/proc/nowhere/store")
    return f"exit {night(layout).returncode}"


@fault
def full_disk(layout: Layout) -> str:
    lanes = layout.state / "lanes"
    lanes.mkdir(parents=True, exist_ok=True)
    _mount("-t", "tmpfs", "-o", "size=16k", "tmpfs", str(lanes))
    try:
        return f"exit {(done := night(layout)).returncode}: {last(done.stdout)}"
    finally:
        subprocess.run(["umount", "-l", str(lanes)], check=True)


@fault
def read_only_cache(layout: Layout) -> str:
    cache = layout.root / ".dvc" / "cache"
    cache.mkdir(parents=True, exist_ok=True)
    _mount("--bind", str(cache), str(cache))
    try:
        _mount("-o", "remount,bind,ro", str(cache))
        return f"exit {(done := night(layout)).returncode}: {last(done.stdout)}"
    finally:
        subprocess.run(["umount", "-l", str(cache)], check=True)


def _mount(*arguments: str) -> None:
    done = subprocess.run(["mount", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise Skipped(done.stderr.strip())


def _remote(layout: Layout, url: str, **settings: str) -> None:
    dvc = [sys.executable, "-m", "dvc", "remote"]
    subprocess.run([*dvc, "add", "-d", "-f", "store", url], cwd=layout.root, check=True, capture_output=True)
    for name, value in settings.items():
        subprocess.run([*dvc, "modify", "store", name, value], cwd=layout.root, check=True, capture_output=True)


@fault
def remote_slow_and_failing(layout: Layout) -> str:
    store = layout.root.parent / f"{layout.root.name}-store"
    with _poor_server(store) as (address, counts):
        _remote(layout, address, method="PUT")
        first = night(layout)
        failed = dict(counts)
        counts["may_fail"] = 0
        behave(layout, {f"label@{LANE}": {"reason": "other"}})
        second = night(layout)
        held = sum(path.is_file() for path in store.rglob("*"))
        clean_bytes(layout)  # while the server still runs
    told = f"exit {first.returncode} with {failed['failed']} of {failed['asked']} uploads refused"
    return f"{told}; then {second.returncode} with {held} objects there"


@contextlib.contextmanager
def _poor_server(store: Path) -> Iterator[tuple[str, dict[str, int]]]:
    """An HTTP remote that takes 0.2 s for every request and refuses every third upload while ``may_fail``."""
    counts = {"asked": 0, "failed": 0, "may_fail": 1}

    class Poor(http.server.BaseHTTPRequestHandler):
        def _path(self) -> Path:
            return store / self.path.strip("/")

        def _answer(self, code: int, content: bytes = b"", size: int | None = None) -> None:
            self.send_response(code)
            self.send_header("Content-Length", str(len(content) if size is None else size))
            self.end_headers()
            self.wfile.write(content)

        def do_HEAD(self) -> None:
            time.sleep(0.2)
            found = self._path().is_file()
            self._answer(200 if found else 404, size=self._path().stat().st_size if found else 0)

        def do_GET(self) -> None:
            time.sleep(0.2)
            found = self._path().is_file()
            self._answer(200 if found else 404, self._path().read_bytes() if found else b"")

        def do_PUT(self) -> None:
            time.sleep(0.2)
            content = self._body()
            counts["asked"] += 1
            if counts["may_fail"] and counts["asked"] % 3 == 0:
                counts["failed"] += 1
                self._answer(403)  # not tried again by the client itself
                return
            self._path().parent.mkdir(parents=True, exist_ok=True)
            self._path().write_bytes(content)
            self._answer(200)

        def _body(self) -> bytes:
            if self.headers.get("Transfer-Encoding") != "chunked":
                return self.rfile.read(int(self.headers.get("Content-Length") or 0))
            content = b""
            while size := int(self.rfile.readline(), 16):
                content += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return content

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Poor)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/", counts
    finally:
        server.shutdown()
        server.server_close()


@fault
def remote_half_written(layout: Layout) -> str:
    store = layout.root.parent / f"{layout.root.name}-store"
    _remote(layout, str(store))
    night(layout)
    cut = [path for path in store.rglob("*") if path.is_file()]
    for path in cut:
        path.chmod(0o644)
        path.write_bytes(path.read_bytes()[:7])
    shutil.rmtree(layout.root / ".dvc" / "cache")
    shutil.rmtree(layout.lane(LANE))
    return f"{len(cut)} objects of the remote were cut short, cache and lane removed"


class _Gate:
    """A door to a TCP server that can be shut: its connections break, and new ones are refused."""

    def __init__(self, port: int) -> None:
        self.behind = port
        self.port = free_port()
        self._open: list[socket.socket] = []
        self._door: socket.socket | None = None
        self.open()

    def open(self) -> None:
        door = socket.create_server(("127.0.0.1", self.port))
        self._door = door
        threading.Thread(target=self._let_in, args=(door,), daemon=True).start()

    def shut(self) -> None:
        for one in (self._door, *self._open):
            if one is not None:
                with contextlib.suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)
                one.close()
        self._open.clear()

    def _let_in(self, door: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                ours, _ = door.accept()
                theirs = socket.create_connection(("127.0.0.1", self.behind))
                self._open += [ours, theirs]
                for source, target in ((ours, theirs), (theirs, ours)):
                    threading.Thread(target=_pass_on, args=(source, target), daemon=True).start()


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while piece := source.recv(65536):
            target.sendall(piece)
        target.shutdown(socket.SHUT_WR)


@fault
def database_gone_for_a_minute(layout: Layout) -> str:
    with postgres() as url, _variable("NIGHTSHIFT_RECORDS_URL", url) as point:
        gate = _Gate(int(url.rsplit(":", 1)[1].split("/")[0]))
        point(url.replace(f":{gate.behind}/", f":{gate.port}/"))
        running = with_sleeping_stage(layout, "package", sleep_seconds=5)
        sleeper(layout)
        gate.shut()
        began = time.monotonic()
        time.sleep(60)
        alive = running.poll() is None
        gate.open()
        told = ended(running)
        clean_bytes(layout)  # while the database still runs
        gate.shut()
    return f"{'waited' if alive else 'did not wait'} for {time.monotonic() - began:.0f} s in all; {told}"


@contextlib.contextmanager
def _variable(name: str, value: str) -> Iterator[Callable[[str], None]]:
    """An environment variable that the tiny project's processes get; yields a function that changes it."""

    def set_to(text: str) -> None:
        os.environ[f"{GIVEN}{name}"] = text

    set_to(value)
    try:
        yield set_to
    finally:
        del os.environ[f"{GIVEN}{name}"]


@fault
def smtp_down(layout: Layout) -> str:
    from aiosmtpd.controller import Controller
    from aiosmtpd.handlers import Debugging

    port = free_port()
    connection = (
        f'{{"conn_type": "smtp", "host": "127.0.0.1", "port": {port}, '
        '"extra": {"disable_ssl": true, "disable_tls": true, "from_email": "n@localhost"}}'
    )
    mail = str(ROOT / "pipelines" / "monitoring")
    with _variable("AIRFLOW_CONN_SMTP_DEFAULT", connection), _variable("REAL_MAIL", mail):
        behave(layout, {f"label@{LANE}": {"error": "no labels -> look"}})
        first = night(layout)
        waiting = len(list(layout.outbox.glob("*.eml")))
        with (layout.root / "mails.txt").open("w") as stream:
            server = Controller(Debugging(stream), hostname="127.0.0.1", port=port)
            server.start()
            try:
                clean_bytes(layout)
            finally:
                server.stop()
    left = len(list(layout.outbox.glob("*.eml")))
    arrived = (layout.root / "mails.txt").read_text().count("MESSAGE FOLLOWS")
    if (waiting, left, arrived) != (1, 0, 1):
        raise RuntimeError(f"{waiting} mails waited, {left} are left, {arrived} arrived")
    return f"exit {first.returncode}: 1 mail waited, and went out with the next night"


@fault
def clock_put_forward_and_back(layout: Layout) -> str:
    """The night ran while the clock was three days ahead: its rows and its files say so, and are never rewritten."""
    night(layout)
    with contextlib.closing(sqlite3.connect(layout.state / "records.db")) as records, records:
        for table, column in (("nights", "started_at"), ("nights", "ended_at"), ("lanes", "ended_at")):
            ahead = f"strftime('%Y-%m-%dT%H:%M:%fZ', {column}, '+3 days')"
            records.execute(f"UPDATE {table} SET {column} = {ahead}")
    for path in layout.lane(LANE).rglob("*"):
        os.utime(path, (path.stat().st_atime, path.stat().st_mtime + 3 * 86400))
    behave(layout, {f"label@{LANE}": {"reason": "other"}})
    back = night(layout)
    clean_bytes(layout)
    rests = night(layout)
    if "unchanged" not in rests.stdout:
        raise RuntimeError(f"after the clock was put back no night rests: {last(rests.stdout)}")
    return f"exit {back.returncode} with the clock back; the night after the next rests"
