"""The roles of the columns."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from pipelines.blocks.base import Block


class Columns(Block):
    """The roles of the columns of a table."""

    id: str | None = Field(default=None, description="entity id; the hash split is made from it")
    target: str
    task: Literal["binary", "multiclass", "regression"]
    positive: int | str = Field(default=1, description="binary: the target value that counts as positive")
    time: str | None = Field(default=None, description="when the row was known")
    group: str | None = Field(default=None, description="rows of one group never part at the split")
    numeric: tuple[str, ...] = ()
    categorical: tuple[str, ...] = ()
    features: str | None = Field(default=None, description="module in pipelines/products that derives more features")

    @model_validator(mode="after")
    def _roles_are_disjoint(self) -> Columns:
        both = sorted(set(self.numeric) & set(self.categorical))
        if both:
            raise ValueError(f"listed as numeric and as categorical: {both}")
        if self.target in {*self.numeric, *self.categorical}:
            raise ValueError(f"the target {self.target!r} is listed as a feature")
        return self
