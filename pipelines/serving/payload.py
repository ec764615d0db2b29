"""The request and the answer as BentoML documents them; reading and checking is done by ``answers``."""

from __future__ import annotations

from typing import Any, Literal

from _bentoml_sdk import IODescriptor  # type: ignore[import-untyped]
from pydantic import BaseModel, ConfigDict, Field, PrivateAttr
from starlette.requests import Request


class Taken(IODescriptor):  # type: ignore[misc]
    """A request body that is taken as it is: the desk reads it with the product's own schema and names the field in a
    refusal, which BentoML's parser and its error page cannot."""

    model_config = ConfigDict(extra="forbid")
    __root_input__ = True  # BentoML hands the method this object, not its fields

    _raw: bytes = PrivateAttr(default=b"")
    _product: str = PrivateAttr(default="")
    _content_type: str = PrivateAttr(default="")

    @classmethod
    async def from_http_request(cls, request: Request, serde: Any) -> Taken:  # noqa: ARG003
        """The body, the product of the path, and the content type."""
        taken: Taken = cls.model_construct()
        taken._raw = await request.body()
        taken._product = request.path_params["product"]
        taken._content_type = request.headers.get("content-type", "")
        return taken


class PredictRequest(Taken):
    """Rows to answer for."""

    rows: list[dict[str, Any]] = Field(
        min_length=1,
        description="objects with the product's fields; GET /v1/products/PRODUCT lists them with an example",
    )
    explain: bool = Field(default=False, description="also say what spoke for and against, per row")


class FeedbackRequest(Taken):
    """The true outcome of one answered row; a list of such is taken too."""

    request_id: str = Field(min_length=1, max_length=64, description="the answer's request_id")
    row: int = Field(default=0, ge=0, description="the row's place in that request")
    outcome: Any = Field(description="the true value: one of the product's classes, a list of its labels, or a number")


class FeedbackResult(BaseModel):
    """What became of one outcome."""

    request_id: str
    row: int
    status: Literal["joined", "duplicate", "conflict", "unknown request", "asked", "nothing to confirm"]


class FeedbackAnswer(IODescriptor):  # type: ignore[misc]
    """One result per outcome, in order."""

    product: str
    joined: int = Field(description="how many were kept and are not disputed")
    results: list[FeedbackResult]


class Answer(BaseModel):
    """One row's answer."""

    score: float | dict[str, float] = Field(
        description="binary: probability of the positive class; multiclass: per class; multilabel: per label; "
        "regression: the value"
    )
    decision: Any = Field(
        default=None, description="the class decided for; binary: the positive value or the other; multilabel: a list"
    )
    threshold: float | None = Field(default=None, description="binary: a score at or above it decides for the positive")
    reasons: list[dict[str, Any]] | None = Field(default=None, description="with explain: the strongest contributions")
    warnings: list[str] | None = Field(default=None, description="values beyond what the model has learned from")


class PredictAnswer(IODescriptor):  # type: ignore[misc]
    """The answers, in the order of the rows, all from one version of the model."""

    product: str
    version: str = Field(description="hash of the bundle that answered")
    request_id: str = Field(description="names this answer, e.g. for feedback")
    answers: list[Answer]
