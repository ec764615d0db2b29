"""The page and the reports as a web application, for Airflow's API server; only for people who are signed in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pipelines.errors import NightshiftError
from pipelines.layout import Layout
from pipelines.night.monitor.page import render
from pipelines.night.monitor.state import gather
from pipelines.night.names import PAGE_PREFIX
from pipelines.night.shared import is_shared

KINDS = {".html": "text/html", ".md": "text/plain", ".png": "image/png", ".json": "application/json"}
POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'self'"
REPORT_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline' 'unsafe-eval' blob:; "
    "img-src 'self' data: blob:; font-src data:; worker-src blob:; frame-ancestors 'self'; sandbox allow-scripts"
)
"""A report may run its own scripts, in an origin of its own: it sees neither the session nor Airflow's API."""


def make_app(layout: Layout) -> Any:
    """The FastAPI application of a checkout."""
    from airflow.api_fastapi.core_api.security import get_user
    from fastapi import Depends, FastAPI
    from fastapi.responses import FileResponse, HTMLResponse, PlainTextResponse

    app = FastAPI(title="Nightshift", docs_url=None, redoc_url=None, openapi_url=None, dependencies=[Depends(get_user)])

    @app.get("/")
    def products() -> Any:
        try:
            page = render(gather(layout), PAGE_PREFIX)
        except NightshiftError as error:
            return PlainTextResponse(error.line(), status_code=503)
        return HTMLResponse(page, headers={"Content-Security-Policy": POLICY, "Cache-Control": "no-store"})

    @app.get("/reports/{path:path}")
    def report(path: str) -> Any:
        found = report_file(layout, path)
        if found is None:
            return PlainTextResponse("no such report", status_code=404)
        kind = KINDS[found.suffix]
        return FileResponse(found, media_type=kind, headers={"Content-Security-Policy": REPORT_POLICY})

    return app


def report_file(layout: Layout, path: str) -> Path | None:
    """The file below the nights' folder, or None: none of that name, not a report, or outside the folder."""
    nights = layout.nights.resolve()
    found = (nights / path).resolve()
    if is_shared() and found.is_relative_to(nights) and found.suffix in KINDS and not found.is_file():
        from pipelines.night.shared.nights import bring_page

        bring_page(layout, found.relative_to(nights).as_posix())
    return found if found.is_relative_to(nights) and found.is_file() and found.suffix in KINDS else None
