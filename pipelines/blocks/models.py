"""What is trained, and on what machine."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from pipelines.blocks.base import NAME_PATTERN, Block


class Search(Block):
    """Hyper-parameter search. The budget is trials, not seconds: the same search gives the same model."""

    method: Literal["none", "grid", "random", "tpe"] = "none"
    trials: int = Field(default=0, ge=0, description="models tried")
    space: dict[str, list[Any]] = Field(
        default_factory=dict, description="parameter -> choices, or [low, high, 'int'|'float'|'log']"
    )


class Candidate(Block):
    """One model that may be trained for one product. The key in params.yaml is ``<product>-<model>``."""

    product: str
    problem: Literal["tabular", "forecast", "uplift", "text", "reply"] = Field(
        description="the product's; dvc.yaml reads it here"
    )
    model: str = Field(pattern=NAME_PATTERN)
    family: Literal[
        "lightgbm", "tabm", "statistical", "sequence", "uplift_trees", "linear_text", "encoder", "retrieval", "seq2seq"
    ]
    use: Literal["auto", "always", "never"] = Field(default="auto", description="auto: by the written rule")
    seeds: tuple[int, ...] = Field(default=(0,), min_length=1, description="one model per seed, answers averaged")
    folds: Literal[0] | Annotated[int, Field(ge=2, le=20)] = Field(
        default=0, description="0: stop early on the valid rows; n: cross-fitted, n models on train and valid rows"
    )
    refit: bool = Field(
        default=False, description="without folds: train again on train and valid rows, as many rounds as were kept"
    )
    params: dict[str, Any] = Field(default_factory=dict, description="hyper-parameters over the family's defaults")
    search: Search = Search()


class Profile(Block):
    """The machine, as stated (never sniffed): the same profile gives the same bytes."""

    device: Literal["cpu", "cuda"] = "cpu"
    precision: Literal["fp32", "bf16"] = Field(default="fp32", description="autocast dtype while training nets")
    threads: int = Field(default=2, ge=1, description="CPU threads per stage")
