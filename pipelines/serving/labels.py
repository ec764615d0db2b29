"""The ``endpoint`` label of ``/metrics``: one per page and per served product, never one per path somebody tried."""

from __future__ import annotations

from collections.abc import Callable, Collection, MutableMapping
from typing import Any

PAGES = frozenset(
    {"/", "/chat", "/livez", "/healthz", "/readyz", "/metrics", "/docs.json", "/schema.json", "/v1/products"}
)  # fmt: skip
ASKED = "nightshift.path"
"""Where the path itself is kept in the ASGI scope while the metrics look at the label."""


def endpoint_label(path: str, products: Collection[str]) -> str:
    """The label of a path; what is no page of this service is ``other``."""
    if path.startswith("/page/"):
        return "/page"
    if path in PAGES:
        return path
    parts = path.split("/")
    name = "/".join(parts[3:])
    if parts[1:2] == ["v1"] and name in ("predict", "feedback", "reply/stream"):
        return path if parts[2] in products else f"/v1/{{product}}/{name}"
    if parts[:3] == ["", "v1", "products"] and (len(parts) == 4 or (len(parts) == 5 and parts[4] == "card")):
        return path if parts[3] in products else "/v1/products/{product}"
    return "other"


def fold_metrics(label: Callable[[str], str]) -> None:
    """Let BentoML's metrics see the label in place of the path; :func:`unfold` gives the path back behind them.

    BentoML labels its counters with whatever path is asked for, and has no setting for that: a scan of made-up paths
    would fill the memory of the service and of what collects its metrics.
    """
    from bentoml._internal.server.http.instruments import RunnerTrafficMetricsMiddleware

    original: Any = RunnerTrafficMetricsMiddleware.__call__

    async def folded(self: Any, scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            path = scope["path"]
            scope = {**scope, "path": label(path), ASKED: path}
        await original(self, scope, receive, send)

    RunnerTrafficMetricsMiddleware.__call__ = folded


def unfold(scope: MutableMapping[str, Any]) -> None:
    """Put the path back."""
    path = scope.pop(ASKED, None)
    if path is not None:
        scope["path"] = path
