"""The request and the answer as BentoML documents them; reading and checking is done by ``answers``."""

from __future__ import annotations

from typing import Any

from _bentoml_sdk import IODescriptor  # type: ignore[import-untyped]
from pydantic import BaseModel, ConfigDict, Field, PrivateAttr
from starlette.requests import Request


class PredictRequest(IODescriptor):  # type: ignore[misc]
    """Rows to answer for."""

    model_config = ConfigDict(extra="forbid")
    __root_input__ = True  # BentoML hands the method this object, not its fields

    rows: list[dict[str, Any]] = Field(
        min_length=1,
        description="objects with the product's fields; GET /v1/products/PRODUCT lists them with an example",
    )
    explain: bool = Field(default=False, description="also say what spoke for and against, per row")

    _raw: bytes = PrivateAttr(default=b"")
    _product: str = PrivateAttr(default="")
    _content_type: str = PrivateAttr(default="")

    @classmethod
    async def from_http_request(cls, request: Request, serde: Any) -> PredictRequest:  # noqa: ARG003
        """Take the body as it is: ``answers.read_call`` reads it with the product's own schema and names the field
        in a refusal, which BentoML's parser and its error page cannot."""
        taken: PredictRequest = cls.model_construct()
        taken._raw = await request.body()
        taken._product = request.path_params["product"]
        taken._content_type = request.headers.get("content-type", "")
        return taken


class Answer(BaseModel):
    """One row's answer."""

    score: float | dict[str, float] = Field(
        description="binary: probability of the positive class; multiclass: per class; regression: the value"
    )
    decision: Any = Field(default=None, description="the class decided for; binary: the positive value or the other")
    threshold: float | None = Field(default=None, description="binary: a score at or above it decides for the positive")
    reasons: list[dict[str, Any]] | None = Field(default=None, description="with explain: the strongest contributions")
    warnings: list[str] | None = Field(default=None, description="values beyond what the model has learned from")


class PredictAnswer(IODescriptor):  # type: ignore[misc]
    """The answers, in the order of the rows, all from one version of the model."""

    product: str
    version: str = Field(description="hash of the bundle that answered")
    request_id: str = Field(description="names this answer, e.g. for feedback")
    answers: list[Answer]
