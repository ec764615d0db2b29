"""The reports of all nights as web pages on loopback: ``python -m pipelines.night.report_server ROOT PORT``."""

from __future__ import annotations

import html
import sys
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path

from pipelines.layout import Layout

STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:60rem;padding:0 1rem}ul{margin:.2rem 0 1rem}"
)


class Reports(SimpleHTTPRequestHandler):
    """Files below the nights' folder; the front page lists the pages of each night, newest night first."""

    def do_GET(self) -> None:
        """Answer the front page, else the file."""
        if self.path.split("?")[0] not in {"/", "/index.html"}:
            super().do_GET()
            return
        content = front_page(Path(self.directory)).encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.copyfile(BytesIO(content), self.wfile)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


def front_page(nights: Path) -> str:
    """HTML of the front page."""
    parts = []
    found = [folder for folder in nights.iterdir() if folder.is_dir()] if nights.is_dir() else []
    for night in sorted(found, key=lambda folder: folder.stat().st_mtime, reverse=True):
        pages = sorted(page.relative_to(nights).as_posix() for page in night.rglob("*.html"))
        if pages:
            links = "".join(f'<li><a href="/{html.escape(page)}">{html.escape(page)}</a></li>' for page in pages)
            parts.append(f"<h2>{html.escape(night.name)}</h2><ul>{links}</ul>")
    body = "".join(parts) or "<p>No night has left a report yet.</p>"
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Nightshift reports</title>'
        f"<style>{STYLE}</style></head><body><h1>Nightshift reports</h1>{body}</body></html>"
    )


def main(root: str, port: str) -> None:
    """Serve until ended."""
    nights = Layout(Path(root)).nights
    nights.mkdir(parents=True, exist_ok=True)
    with ThreadingHTTPServer(("127.0.0.1", int(port)), partial(Reports, directory=str(nights))) as server:
        server.serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:3])
