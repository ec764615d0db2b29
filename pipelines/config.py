"""``params.yaml`` as typed models: an unknown key, a wrong type or value is named with what is allowed."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import Field, ValidationError, field_validator, model_validator

from pipelines.blocks.base import NAME_PATTERN, Block
from pipelines.blocks.columns import Columns
from pipelines.blocks.models import Candidate, Profile
from pipelines.blocks.operations import Mail, Night, Release, Service, Watch
from pipelines.blocks.requirements import Requirements
from pipelines.blocks.sources import Source
from pipelines.blocks.stages import Evaluate, Export, Label, Prepare, Validate
from pipelines.complaints import complaint
from pipelines.errors import ConfigError
from pipelines.strict_yaml import load_yaml


class Product(Block):
    """One product: its requirements first, then how they are met."""

    title: str
    data: Literal["demo", "public", "own"] = Field(description="which set of nights it belongs to")
    problem: Literal["tabular", "forecast", "uplift", "text", "reply"]
    requirements: Requirements
    source: Source
    columns: Columns
    validation: Validate
    label: Label = Label()
    prepare: Prepare = Prepare()
    evaluate: Evaluate
    export: Export = Export()
    release: Release = Release()
    watch: Watch = Watch()

    @model_validator(mode="after")
    def _labels_by_others_fit(self) -> Product:
        for key, block in (("weak", self.label.weak), ("self_training", self.label.self_training)):
            if block is None:
                continue
            allowed = ("tabular", "text") if key == "weak" else ("text",)
            if self.problem not in allowed:
                raise ValueError(f"label.{key}: is for {' and '.join(allowed)} products, not {self.problem}")
            if self.columns.task not in ("binary", "multiclass"):
                raise ValueError(f"label.{key}: is for one class per row, not {self.columns.task}")
            if self.prepare.split.by in ("time", "position"):
                raise ValueError(
                    f"label.{key}: needs sides that do not move: prepare.split.by hash, group or official,"
                    f" not {self.prepare.split.by}"
                )
        return self

    @property
    def feature_columns(self) -> tuple[str, ...]:
        """Raw columns that may become features, in order: numeric, then categorical."""
        barred = set(self.requirements.protected) - set(self.requirements.protected_as_features)
        return tuple(c for c in (*self.columns.numeric, *self.columns.categorical) if c not in barred)


class Params(Block):
    """All of ``params.yaml``."""

    night: Night = Night()
    mail: Mail = Mail()
    service: Service = Service()
    profile: Profile = Profile()
    products: dict[Annotated[str, Field(pattern=NAME_PATTERN)], Product]
    candidates: dict[str, Candidate]

    @field_validator("products")
    @classmethod
    def _at_least_one(cls, value: dict[str, Product]) -> dict[str, Product]:
        if not value:
            raise ValueError("no product: add a block under products")
        return value

    @model_validator(mode="after")
    def _candidates_fit(self) -> Params:
        for key, candidate in self.candidates.items():
            if candidate.product not in self.products:
                raise ValueError(f"candidates.{key}.product: no product {candidate.product!r}")
            problem = self.products[candidate.product].problem
            if candidate.problem != problem:
                raise ValueError(f"candidates.{key}.problem: must be {problem}, as in products.{candidate.product}")
            label = self.products[candidate.product].label
            if candidate.folds and (label.weak is not None or label.self_training is not None):
                raise ValueError(f"candidates.{key}.folds: must be 0: folds would judge by labels that no person gave")
            if key != f"{candidate.product}-{candidate.model}":
                raise ValueError(f"candidates.{key}: the key must be {candidate.product}-{candidate.model}")
        for name in self.products:
            if not any(candidate.product == name for candidate in self.candidates.values()):
                raise ValueError(f"products.{name}: no candidate; add candidates.{name}-<model>")
        return self

    def product(self, name: str) -> Product:
        """The block of a product.

        Raises:
            ConfigError: no such product.
        """
        if name not in self.products:
            raise ConfigError(
                f"no product {name!r}",
                where={"file": "params.yaml"},
                next_step=f"choose one of: {', '.join(sorted(self.products))}",
            )
        return self.products[name]

    def candidates_of(self, product: str) -> dict[str, Candidate]:
        """``{model: candidate}`` of one product, in the order of the file."""
        return {c.model: c for c in self.candidates.values() if c.product == product}

    def select(self, data: str) -> list[str]:
        """Products of one set of nights: ``demo`` or ``public`` (each with ``own``), or ``all``; in file order."""
        return [name for name, product in self.products.items() if data == "all" or product.data in {data, "own"}]


def load_params(path: Path) -> Params:
    """Read and check ``params.yaml``.

    Raises:
        ConfigError: the file is missing, not YAML, or a key or value is not allowed; names the first few.
    """
    try:
        stamp = path.stat()
    except FileNotFoundError as error:
        raise ConfigError("no such file", where={"file": path}, next_step="restore it from git") from error
    return _load(path, stamp.st_mtime_ns, stamp.st_size)


@cache
def _load(path: Path, _mtime: int, _size: int) -> Params:
    try:
        content = load_yaml(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"not readable as YAML: {error}", where={"file": path.name}, next_step="mend the line named above"
        ) from error
    return parse_params(content, path.name)


def parse_params(content: object, file: str = "params.yaml") -> Params:
    """Check already-read YAML content; errors as :func:`load_params`."""
    try:
        return Params.model_validate(content)
    except ValidationError as error:
        problems = error.errors(include_url=False)
        lines = [complaint(Params, item) for item in problems[:5]]
        more = f" (and {len(problems) - 5} more)" if len(problems) > 5 else ""
        raise ConfigError(
            "; ".join(lines) + more, where={"file": file}, next_step="mend the keys named above"
        ) from error
