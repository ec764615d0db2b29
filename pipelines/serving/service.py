"""The BentoML service: what ``bentoml serve pipelines.serving.service:Nightshift`` loads in each worker."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anyio.to_thread
import bentoml
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response

from pipelines.layout import find_layout
from pipelines.process import die_with_parent
from pipelines.serving.answers import Reply, read_call, refusal
from pipelines.serving.board import Board, Source
from pipelines.serving.door import Door
from pipelines.serving.lean import refuse_heavy_imports
from pipelines.serving.payload import PredictAnswer, PredictRequest
from pipelines.serving.settings import read_settings
from pipelines.serving.sources import Champions, Fixed

SETTINGS = read_settings()
if SETTINGS.lean:  # started by ``launch``
    refuse_heavy_imports()
LIMITS = SETTINGS.service
TIMEOUT_SECONDS = 10
"""BentoML keeps some 5 KiB of each request until its timer fires, answered or not: at 1,000 requests/s a minute of them
is 300 MiB, ten seconds are 50."""


def _source() -> Source:
    if SETTINGS.bundles is not None:
        return Fixed(SETTINGS.bundles)
    if Nightshift.bento is not None:
        models = [bentoml.models.get(info.tag) for info in Nightshift.bento.info.all_models]
        return Fixed({model.tag.name: Path(model.path) / "bundle" for model in models})
    return Champions(find_layout())


BOARD = Board()


def _respond(answer: Reply) -> Response:
    return Response(answer.encode(), status_code=answer.status, media_type="application/json")


async def _products(_: Request) -> Response:
    """Every product that is answered for."""
    served = sorted(BOARD.current.items())
    return _respond(Reply(200, {"products": [loaded.summary() for _, loaded in served]}))


async def _product(request: Request) -> Response:
    """One product: its fields, and an example that can be sent as it is."""
    name = request.path_params["product"]
    loaded = BOARD.current.get(name)
    if loaded is None:
        names = ", ".join(sorted(BOARD.current)) or "none yet"
        return _respond(refusal(404, f"no model answers for {name[:48]!r}; products: {names}"))
    return _respond(Reply(200, {**loaded.summary(), "fields": loaded.schema["fields"], "example": loaded.example()}))


PAGES = Starlette()
PAGES.add_route("/v1/products", _products, methods=["GET"])
PAGES.add_route("/v1/products/{product}", _product, methods=["GET"])


class Service:
    """Answers for every product with its champion. ``POST /v1/PRODUCT/predict``, ``GET /v1/products``, ``/readyz``."""

    def __init__(self) -> None:
        if SETTINGS.lean:
            die_with_parent()
        BOARD.follow(_source())

    @bentoml.api(route="/v1/{product}/predict", input_spec=PredictRequest, output_spec=PredictAnswer)  # type: ignore[untyped-decorator]
    async def predict(self, request: PredictRequest, /) -> Any:
        """Score, decision and threshold for one or many rows of a product."""
        call = read_call(BOARD.current, request._product, request._content_type, request._raw, LIMITS.max_rows)
        if isinstance(call, Reply):
            return _respond(call)
        return _respond(await anyio.to_thread.run_sync(call.answer) if call.long else call.answer())

    def __is_ready__(self) -> bool:
        return BOARD.readiness()[0]

    @bentoml.on_shutdown  # type: ignore[untyped-decorator]
    def close(self) -> None:
        """End the thread that follows the champions."""
        BOARD.stop()


Nightshift: Any = bentoml.service(
    name="nightshift",
    workers=LIMITS.workers,
    traffic={"timeout": TIMEOUT_SECONDS},
    logging={"access": {"enabled": False}},
)(Service)
Nightshift.mount_asgi_app(PAGES, path="/", name="pages")
Nightshift.add_asgi_middleware(Door, max_body_bytes=int(LIMITS.max_body_mb * (1 << 20)), readiness=BOARD.readiness)
