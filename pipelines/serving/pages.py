"""What a service says of itself: products, their fields, their model cards, and the OpenAPI document."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import anyio.to_thread
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response

from pipelines.blocks.operations import Service
from pipelines.serving.answers import Reply, find, refusal
from pipelines.serving.openapi import document

if TYPE_CHECKING:
    from pipelines.serving.board import Board


def make_pages(board: Board, limits: Service, bento_spec: Callable[[], dict[str, Any]]) -> Starlette:
    """An ASGI app with the pages; ``bento_spec`` gives BentoML's own OpenAPI document."""

    async def products(_: Request) -> Response:
        """Every product that is answered for."""
        served = sorted(board.current.items())
        return respond(Reply(200, {"products": [loaded.summary() for _, loaded in served]}))

    async def product(request: Request) -> Response:
        """One product: its fields, and an example that can be sent as it is."""
        loaded = find(board.current, request.path_params["product"])
        if isinstance(loaded, Reply):
            return respond(loaded)
        body = {
            **loaded.summary(),
            "classes": loaded.schema.get("classes", []),
            "target": loaded.schema.get("target"),
            "fields": loaded.schema["fields"],
            "also": loaded.schema.get("also", []),
        }
        return respond(Reply(200, {**body, "example": loaded.example()}))

    async def card(request: Request) -> Response:
        """The model card of the version that answers, as Markdown."""
        loaded = find(board.current, request.path_params["product"])
        if isinstance(loaded, Reply):
            return respond(loaded)
        try:
            text = await anyio.to_thread.run_sync((loaded.folder / "card.md").read_bytes)
        except OSError:
            return respond(refusal(404, "this version has no model card"))
        return Response(text, headers={"X-Model-Version": loaded.version}, media_type="text/markdown; charset=utf-8")

    async def docs(_: Request) -> Response:
        """The OpenAPI document of what is served now."""
        return respond(Reply(200, document(bento_spec(), board.current, limits)))

    async def plan(request: Request) -> Response:
        """Who gets which offer for a budget."""
        from pipelines.serving import plan_request

        raw, kind = await request.body(), request.headers.get("content-type", "")
        return respond(await anyio.to_thread.run_sync(plan_request.answer, board.current, kind, raw))

    app = Starlette()
    app.add_route("/v1/campaign/plan", plan, methods=["POST"])
    app.add_route("/v1/products", products, methods=["GET"])
    app.add_route("/v1/products/{product}", product, methods=["GET"])
    app.add_route("/v1/products/{product}/card", card, methods=["GET"])
    app.add_route("/docs.json", docs, methods=["GET"])
    return app


def respond(answer: Reply) -> Response:
    """A reply as Starlette sends it."""
    return Response(answer.encode(), status_code=answer.status, media_type="application/json")
