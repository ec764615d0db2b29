"""The BentoML service: what ``bentoml serve pipelines.serving.service:Nightshift`` loads in each worker."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import bentoml
from starlette.responses import Response

from pipelines.layout import find_layout
from pipelines.process import die_with_parent
from pipelines.serving.answers import Reply
from pipelines.serving.board import Board, Source
from pipelines.serving.desk import Desk
from pipelines.serving.door import Door
from pipelines.serving.labels import endpoint_label, fold_metrics
from pipelines.serving.lean import refuse_heavy_imports
from pipelines.serving.page import make_page
from pipelines.serving.pages import make_pages
from pipelines.serving.payload import FeedbackAnswer, FeedbackRequest, PredictAnswer, PredictRequest, Taken
from pipelines.serving.settings import read_settings
from pipelines.serving.sources import Champions, Fixed
from pipelines.serving.staff import Staff

SETTINGS = read_settings()
if SETTINGS.lean:  # started by ``launch``
    refuse_heavy_imports()
LIMITS = SETTINGS.service
TIMEOUT_SECONDS = 10
"""BentoML keeps some 5 KiB of each request until its timer fires, answered or not: at 1,000 requests/s a minute of them
is 300 MiB, ten seconds are 50."""
SWITCH_SECONDS = 0.0002
"""For which a thread may keep the interpreter while another one waits for it; Python's 5 ms would be added to each
group commit under load."""


def _source() -> Source:
    if SETTINGS.bundles is not None:
        return Fixed(SETTINGS.bundles)
    if Nightshift.bento is not None:
        models = [bentoml.models.get(info.tag) for info in Nightshift.bento.info.all_models]
        return Fixed({model.tag.name: Path(model.path) / "bundle" for model in models})
    return Champions(find_layout())


BOARD = Board()
DESK = Desk(lambda: BOARD.current, LIMITS)
STAFF = Staff(SETTINGS, BOARD, DESK)


async def _answered(request: Taken, name: str) -> Response:
    """What the door does too; here for calls inside the process, which do not come through it."""
    client = ""
    reply = await STAFF.house.routes[name](request._product, request._content_type, request._raw, client)
    assert isinstance(reply, Reply)
    return Response(reply.encode(), reply.status, media_type="application/json")


class Service:
    """Answers for every product with its champion: predictions with score, decision and version, each kept in the
    prediction log before it is sent; and takes the true outcomes when they are known."""

    def __init__(self) -> None:
        if SETTINGS.lean:
            die_with_parent()
        sys.setswitchinterval(SWITCH_SECONDS)
        STAFF.start(in_bento=Nightshift.bento is not None, environment=os.environ)
        BOARD.follow(_source())

    @bentoml.api(route="/v1/{product}/predict", input_spec=PredictRequest, output_spec=PredictAnswer)  # type: ignore[untyped-decorator]
    async def predict(self, request: PredictRequest, /) -> Any:
        """Score, decision and threshold for one or many rows of a product."""
        return await _answered(request, "predict")

    @bentoml.api(route="/v1/{product}/feedback", input_spec=FeedbackRequest, output_spec=FeedbackAnswer)  # type: ignore[untyped-decorator]
    async def feedback(self, request: FeedbackRequest, /) -> Any:
        """The true outcomes of answered rows, possibly months later."""
        return await _answered(request, "feedback")

    def __is_ready__(self) -> bool:
        return STAFF.readiness()[0]

    @bentoml.on_shutdown  # type: ignore[untyped-decorator]
    def close(self) -> None:
        """End the threads; what waits to be logged is written first."""
        BOARD.stop()
        STAFF.stop()


UNTRACED: Any = {} if os.environ.get("BENTOML_CONFIG") else {"tracing": {"excluded_urls": [".*"]}}
"""Without an exporter, which only a configuration file names, BentoML makes three spans per request and throws them
away: more time than all else that a small request takes here."""

Nightshift: Any = bentoml.service(
    name="nightshift",
    workers=LIMITS.workers,
    traffic={"timeout": TIMEOUT_SECONDS},
    logging={"access": {"enabled": False}},
    **UNTRACED,
)(Service)
fold_metrics(lambda path: endpoint_label(path, BOARD.current.keys()))
PAGES = make_pages(BOARD, LIMITS, lambda: Nightshift.openapi_spec.asdict())
Nightshift.mount_asgi_app(make_page(), path="/", name="page")
Nightshift.mount_asgi_app(PAGES, path="/", name="pages")
Nightshift.add_asgi_middleware(Door, max_body_bytes=int(LIMITS.max_body_mb * (1 << 20)), house=STAFF.house)
