"""A public file is believed only with the right checksum; nothing half-written is left."""

from __future__ import annotations

import hashlib
import http.server
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelines.blocks.sources import PublicSource
from pipelines.errors import EXIT_UNAVAILABLE, SourceError, StageError
from pipelines.sources import Place, pin, public, read

CONTENT = b"ID,x\r1,2\r3,4\r"
LF = CONTENT.replace(b"\r", b"\n")


def sha(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


class Host(http.server.BaseHTTPRequestHandler):
    """Serves ``/good.csv``; cuts ``/cut.csv`` short; fails for a while at ``/busy.csv``."""

    def do_GET(self) -> None:
        if self.path.startswith("/busy"):
            self.send_error(503)
        elif self.path.startswith(("/good", "/cut")):
            self.send_response(200)
            self.send_header("Content-Length", str(len(CONTENT)))
            self.end_headers()
            self.wfile.write(CONTENT if self.path.startswith("/good") else CONTENT[:7])
        else:
            self.send_error(404)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def host() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Host)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture(autouse=True)
def no_mirror(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(public.MIRROR, raising=False)


def place(folder: Path) -> Place:
    return Place(product="shop", root=folder, downloads=folder / "downloads")


def source(url: str, content: bytes = LF, newlines: str = "lf") -> PublicSource:
    return PublicSource(
        kind="public", path="set/table.csv", url=url, sha256=sha(content), licence="CC BY 4.0", attribution="X",
        newlines=newlines,
    )  # fmt: skip


def left_over(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "downloads").glob("*")) if (folder / "downloads").exists() else []


def test_a_good_download_is_kept_under_its_checksum_and_used_again(host: str, tmp_path: Path) -> None:
    wanted = source(f"{host}/good.csv")
    rows = read(wanted, place(tmp_path), pin(wanted, place(tmp_path), None, tmp_path), tmp_path)
    assert rows.frame.to_dict("list") == {"ID": [1, 3], "x": [2, 4]}
    assert left_over(tmp_path) == [sha(LF)]
    again = wanted.model_copy(update={"url": "http://127.0.0.1:9/gone.csv"})
    assert public.obtain(again, place(tmp_path)).read_bytes() == LF


def test_bytes_are_kept_as_they_are_unless_asked(host: str, tmp_path: Path) -> None:
    assert public.obtain(source(f"{host}/good.csv", CONTENT, "as_is"), place(tmp_path)).read_bytes() == CONTENT


def test_a_damaged_cache_entry_is_fetched_again(host: str, tmp_path: Path) -> None:
    wanted = source(f"{host}/good.csv")
    public.obtain(wanted, place(tmp_path)).write_bytes(b"rot")
    assert public.obtain(wanted, place(tmp_path)).read_bytes() == LF


def test_the_mirror_is_tried_first_and_is_checked_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "mirror"
    (folder / "set").mkdir(parents=True)
    (folder / "set" / "table.csv").write_bytes(LF)
    monkeypatch.setenv(public.MIRROR, str(folder))
    wanted = source("http://127.0.0.1:9/never-asked.csv")
    assert public.obtain(wanted, place(tmp_path)).read_bytes() == LF
    (folder / "set" / "table.csv").write_bytes(b"other")
    other = wanted.model_copy(update={"sha256": sha(b"something else")})
    with pytest.raises(SourceError, match="wrong checksum") as caught:
        public.obtain(other, place(tmp_path))
    assert caught.value.where["actual"] == sha(b"other")


def test_wrong_checksum_names_product_source_file_and_both_checksums(host: str, tmp_path: Path) -> None:
    wanted = source(f"{host}/good.csv", b"not this")
    with pytest.raises(SourceError, match="wrong checksum") as caught:
        public.obtain(wanted, place(tmp_path))
    error = caught.value
    assert error.where == {
        "product": "shop", "source": f"{host}/good.csv", "file": "table.csv", "bytes": len(LF),
        "expected": sha(b"not this"), "actual": sha(LF),
    }  # fmt: skip
    assert not error.transient
    assert error.exit_code == EXIT_UNAVAILABLE
    assert left_over(tmp_path) == []


def test_a_truncated_transfer_is_transient_and_leaves_nothing(host: str, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="truncated: 7 of 13 bytes") as caught:
        public.obtain(source(f"{host}/cut.csv"), place(tmp_path))
    assert caught.value.transient
    assert left_over(tmp_path) == []


def test_an_unreachable_host_is_transient(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(SourceError, match="cannot be reached") as caught:
        public.obtain(source(f"http://127.0.0.1:{port}/x.csv"), place(tmp_path))
    assert caught.value.transient
    assert "NIGHTSHIFT_MIRROR" in caught.value.next_step


@pytest.mark.parametrize(("path", "transient"), [("/busy.csv", True), ("/gone.csv", False)])
def test_an_answer_that_is_an_error_is_transient_only_if_it_may_pass(
    host: str, tmp_path: Path, path: str, transient: bool
) -> None:
    with pytest.raises(SourceError, match="answered") as caught:
        public.obtain(source(host + path), place(tmp_path))
    assert caught.value.transient is transient


def test_a_file_missing_in_the_mirror_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(public.MIRROR, str(tmp_path))
    with pytest.raises(SourceError, match="no such file in the mirror, and http"):
        public.obtain(source("http://127.0.0.1:9/x.csv"), place(tmp_path))


def test_an_address_that_is_no_address_is_not_transient(tmp_path: Path) -> None:
    with pytest.raises(SourceError) as caught:
        public.obtain(source("not-an-address"), place(tmp_path))
    assert not caught.value.transient


def test_a_changed_checksum_asks_for_a_new_snapshot(tmp_path: Path) -> None:
    wanted = source("http://127.0.0.1:9/x.csv")
    with pytest.raises(StageError, match="no longer fits") as caught:
        read(wanted, place(tmp_path), {"kind": "public", "sha256": "0" * 64}, tmp_path)
    assert "nightshift snapshot shop" in caught.value.next_step


@pytest.mark.parametrize("size", [1, 2, 3, 5, 100])
def test_line_ends_are_the_same_however_the_pieces_fall(size: int) -> None:
    text = b"a\r\nb\rc\n\r\r\nd\r"
    pieces = (text[start : start + size] for start in range(0, len(text), size))
    assert b"".join(public._to_lf(pieces)) == text.replace(b"\r\n", b"\n").replace(b"\r", b"\n")


def test_the_real_file_comes_from_the_mirror(mirror: Path, root: Path, tmp_path: Path, monkeypatch) -> None:
    from pipelines.config import load_params

    monkeypatch.setenv(public.MIRROR, str(mirror))
    wanted = load_params(root / "params.yaml").product("credit_risk").source
    rows = read(wanted, place(tmp_path), public.pin(wanted), tmp_path)
    assert rows.frame.shape == (30_000, 25)
    assert rows.frame["default.payment.next.month"].mean() == pytest.approx(0.2212)
    assert "mirror" not in str(rows.origin)
