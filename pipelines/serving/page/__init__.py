"""The pages at ``/`` and ``/chat`` for a person: plain HTML, CSS and JavaScript modules, without a build step or an
outside host.

One module per kind of answer lies in ``static/answers``; ``static/answers/index.js`` says which one shows what.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response

STATIC = Path(__file__).parent / "static"
MEDIA = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    )
)
"""Nothing but this service's own files, no inline script or style, and no HTML made from text: a model card or an
answer that holds markup is shown, never run."""

HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cache-Control": "no-cache",  # asked about each time, answered with 304 while it is the same
}


@dataclass(frozen=True)
class File:
    """One file of the page in memory, with its strong entity tag."""

    body: bytes
    media: str
    etag: str


def read_files(folder: Path = STATIC) -> dict[str, File]:
    """``{path under the folder: file}`` of every file of a known kind."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.suffix in MEDIA and path.is_file():
            body = path.read_bytes()
            etag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
            found[path.relative_to(folder).as_posix()] = File(body, MEDIA[path.suffix], etag)
    return found


def make_page() -> Starlette:
    """An ASGI app that serves ``/``, ``/chat`` and ``/page/...``."""
    files = read_files()

    def answer(request: Request, name: str) -> Response:
        file = files.get(name)
        if file is None:
            return Response("no such page", 404, media_type="text/plain")
        headers = {**HEADERS, "ETag": file.etag}
        known = [tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")]
        if file.etag in known or "*" in known:
            return Response(status_code=304, headers=headers)
        return Response(file.body, headers={**headers, "Content-Type": file.media})

    async def index(request: Request) -> Response:
        """The page."""
        return answer(request, "index.html")

    async def chat(request: Request) -> Response:
        """The chat, for products that suggest replies."""
        return answer(request, "chat.html")

    async def part(request: Request) -> Response:
        """A file that it needs."""
        return answer(request, request.path_params["name"])

    app = Starlette()
    app.add_route("/", index, methods=["GET"])
    app.add_route("/chat", chat, methods=["GET"])
    app.add_route("/page/{name:path}", part, methods=["GET"])
    return app
