"""The Nightshift page in the UI's menu, and the reports that its links and those of the tasks lead to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from airflow.plugins_manager import AirflowPlugin

from pipelines.layout import find_layout
from pipelines.night.names import PAGE_PREFIX


class Lazy:
    """The application, made at its first request: every component of Airflow loads the plugin, one needs it."""

    def __init__(self) -> None:
        self._app: Any = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer as the application does."""
        if self._app is None:
            from pipelines.night.monitor.app import make_app

            self._app = make_app(find_layout(Path(__file__).parent))
        await self._app(scope, receive, send)


class NightshiftPage(AirflowPlugin):
    """The plugin that holds the page."""

    name = "nightshift_page"
    fastapi_apps = ({"app": Lazy(), "url_prefix": PAGE_PREFIX, "name": "Nightshift"},)
    external_views = (
        {
            "name": "Nightshift",
            "href": f"{PAGE_PREFIX}/",
            "destination": "nav",
            "category": "browse",
            "url_route": "nightshift",
        },
    )
