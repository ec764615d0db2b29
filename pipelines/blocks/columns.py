"""The roles of the columns."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from pipelines.blocks.base import Block


class Columns(Block):
    """The roles of the columns of a table."""

    id: str | None = Field(default=None, description="entity id; the hash split is made from it")
    target: str
    task: Literal["binary", "multiclass", "multilabel", "regression"]
    separator: str = Field(default=";", min_length=1, description="multilabel: what parts the labels of one row")
    positive: int | str = Field(default=1, description="binary: the target value that counts as positive")
    time: str | None = Field(default=None, description="when the row was known")
    group: str | None = Field(default=None, description="rows of one group never part at the split")
    series: str | None = Field(default=None, description="forecast: the key of a series; one row per series and time")
    known: tuple[str, ...] = Field(
        default=(),
        description="forecast: features known in advance of a step (calendar, promotions); others are static",
    )
    promotion: str | None = Field(
        default=None, description="forecast: a known column of 0 and 1; what is usual is learned apart for each"
    )
    numeric: tuple[str, ...] = ()
    categorical: tuple[str, ...] = ()
    text: str | None = Field(default=None, description="text: the column with the text")
    features: str | None = Field(default=None, description="module in pipelines/products that derives more features")
    sources: tuple[str, ...] = Field(
        default=(),
        description="numeric columns, cal_year ... of a forecast too, that derived features read and no model sees",
    )

    treatment: str | None = Field(default=None, description="uplift: what was done to each customer, one value per arm")
    control: str | int | None = Field(default=None, description="uplift: the value of treatment that means no contact")
    treated_at: str | None = Field(default=None, description="uplift: when the customer was treated")
    outcome_at: str | None = Field(default=None, description="uplift: when the outcome was read; after treated_at")

    @model_validator(mode="after")
    def _roles_are_disjoint(self) -> Columns:
        both = sorted(set(self.numeric) & set(self.categorical))
        if both:
            raise ValueError(f"listed as numeric and as categorical: {both}")
        if self.text is not None and self.text in {self.target, self.id, *self.numeric, *self.categorical}:
            raise ValueError(f"{self.text!r} is listed as text and as something else")
        if self.target in {*self.numeric, *self.categorical}:
            raise ValueError(f"the target {self.target!r} is listed as a feature")
        told = {self.treatment, self.treated_at, self.outcome_at} & {*self.numeric, *self.categorical}
        if told:
            raise ValueError(f"{sorted(map(str, told))[0]!r} tells what was done, it may not be a feature")
        unread = [name for name in self.sources if name not in self.numeric and not name.startswith("cal_")]
        if unread:
            raise ValueError(f"listed under sources, but not numeric: {unread}")
        strange = [name for name in self.known if name not in {*self.numeric, *self.categorical}]
        if strange:
            raise ValueError(f"known in advance, but neither numeric nor categorical: {strange}")
        if self.promotion is not None and self.promotion not in self.known:
            raise ValueError(f"promotion {self.promotion!r} is not listed under known")
        return self
