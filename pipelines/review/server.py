"""The review page on loopback: Starlette under uvicorn, plain files, and a token against posts from other pages."""

from __future__ import annotations

import getpass
import hmac
import json
import secrets
import socket
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import anyio.to_thread
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response

from pipelines.config import Params
from pipelines.errors import ConfigError, NightshiftError
from pipelines.layout import Layout
from pipelines.records.store import open_records
from pipelines.review.desk import Desk, WrongRequestError, trouble
from pipelines.serving.page import HEADERS, STATIC, read_files

OWN = Path(__file__).parent / "static"
SHARED = ("dom.js", "icon.svg", "style.css")
LOOPBACK = {"127.0.0.1", "localhost", "::1"}
TOKEN = "x-nightshift-token"
PORT = 8095
MAX_BODY = 64 * 1024  # bytes


def make_app(desk: Desk, annotator: str, token: str) -> Starlette:
    """The page and its four calls.

    Every request must name this machine as its host: another name that was pointed here could read what it likes. A
    post must besides come from this page and carry its token.
    """
    files = {**{name: file for name, file in read_files(STATIC).items() if name in SHARED}, **read_files(OWN)}

    def static(request: Request, name: str) -> Response:
        file = files.get(name)
        if file is None:
            return Response("no such page", 404, media_type="text/plain")
        headers = {**HEADERS, "ETag": file.etag}
        if request.headers.get("if-none-match", "") == file.etag:
            return Response(status_code=304, headers=headers)
        return Response(file.body, headers={**headers, "Content-Type": file.media})

    async def index(request: Request) -> Response:
        return _foreign(request) or static(request, "index.html")

    async def part(request: Request) -> Response:
        return _foreign(request) or static(request, request.path_params["name"])

    async def session(request: Request) -> Response:
        refused = _foreign(request)
        if refused is not None:
            return refused
        return await _reply(lambda: desk.session(token, annotator))

    def posted(work: Callable[[Mapping[str, Any]], dict[str, Any]]) -> Callable[[Request], Any]:
        async def call(request: Request) -> Response:
            refused = _foreign(request) or _not_from_the_page(request, token)
            if refused is not None:
                return refused
            raw = await _body(request)
            if raw is None:
                return _json(413, {"error": f"at most {MAX_BODY} bytes"})
            try:
                body = json.loads(raw)
            except (ValueError, RecursionError):
                return _json(400, {"error": "the body is not JSON"})
            if not isinstance(body, dict):
                return _json(400, {"error": "the body must be an object"})
            return await _reply(lambda: work(body))

        return call

    app = Starlette()
    app.add_route("/", index, methods=["GET"])
    app.add_route("/page/{name:path}", part, methods=["GET"])
    app.add_route("/api/session", session, methods=["GET"])
    app.add_route("/api/next", posted(desk.next), methods=["POST"])
    app.add_route("/api/answer", posted(desk.answer), methods=["POST"])
    app.add_route("/api/undo", posted(desk.undo), methods=["POST"])
    return app


async def _reply(work: Callable[[], dict[str, Any]]) -> Response:
    try:
        return _json(200, await anyio.to_thread.run_sync(work))
    except WrongRequestError as error:
        return _json(422, {"error": str(error)})
    except NightshiftError as error:
        return _json(503 if error.transient else 500, trouble(error))


async def _body(request: Request) -> bytes | None:
    found = b""
    async for piece in request.stream():
        found += piece
        if len(found) > MAX_BODY:
            return None
    return found


def _json(status: int, content: dict[str, Any]) -> Response:
    body = json.dumps(content, ensure_ascii=False, allow_nan=False).encode("utf-8", "surrogatepass")
    headers = {**HEADERS, "Cache-Control": "no-store"}
    return Response(body, status_code=status, headers=headers, media_type="application/json")


def _foreign(request: Request) -> Response | None:
    host = urlsplit(f"//{request.headers.get('host', '')}").hostname
    return None if host in LOOPBACK else _json(421, {"error": "this page answers on this machine only"})


def _not_from_the_page(request: Request, token: str) -> Response | None:
    origin = request.headers.get("origin")
    own = f"http://{request.headers.get('host', '')}"
    if origin is not None and origin != own:
        return _json(403, {"error": "posted from another page"})
    if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        return _json(403, {"error": "posted from another page"})
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
        return _json(415, {"error": "send JSON"})
    if not hmac.compare_digest(request.headers.get(TOKEN, "").encode(), token.encode()):
        return _json(403, {"error": "the token is not this page's", "token": True})
    return None


def serve_review(
    layout: Layout, params: Params, product: str, annotator: str | None = None, port: int | None = None
) -> None:
    """Serve the page until Ctrl-C.

    Raises:
        ConfigError: no such product, or the port is taken.
        RecordsError: the records cannot be opened.
    """
    import uvicorn

    params.product(product)
    records = open_records(layout.records_url)
    listener = _listen(PORT if port is None else port)
    try:
        desk = Desk(layout, params, product, records)
        app = make_app(desk, annotator or _user(), secrets.token_urlsafe(32))
        sys.stdout.write(f"review of {product}: http://127.0.0.1:{listener.getsockname()[1]}/   stop: Ctrl-C\n")
        sys.stdout.flush()
        config = uvicorn.Config(app, log_level="warning", access_log=False, lifespan="off", server_header=False)
        uvicorn.Server(config).run(sockets=[listener])
    finally:
        listener.close()
        records.close()


def _listen(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
        listener.listen(128)  # who reads the address may call at once
    except OSError as error:
        listener.close()
        raise ConfigError(
            "the port is taken by another program" if error.errno == 98 else str(error.strerror),
            where={"port": port, "for": "the review page"},
            next_step="end that program, or choose another port with --port",
        ) from error
    return listener


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return ""
