"""``policy.yaml``: what may be installed, and what is known and kept all the same, with reasons."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pipelines.errors import ConfigError
from pipelines.strict_yaml import load_yaml

FILE = Path(__file__).with_name("policy.yaml")


class Part(BaseModel):
    """Base of the parts: frozen, and unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Exceptional(Part):
    """A package whose licence is not on the list. ``licence`` is what its metadata says: with another the exception
    holds no longer."""

    licence: str
    reason: str = Field(min_length=10)


class Known(Part):
    """A known vulnerability that is lived with until a day."""

    package: str
    reason: str = Field(min_length=10)
    until: date


class Policy(Part):
    """The whole file."""

    licences: tuple[str, ...]
    exceptions: dict[str, Exceptional] = Field(default_factory=dict)
    advisories: dict[str, Known] = Field(default_factory=dict)


def read_policy(path: Path = FILE) -> Policy:
    """The policy.

    Raises:
        ConfigError: it cannot be read, or says what a policy does not.
    """
    try:
        return Policy.model_validate(load_yaml(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise ConfigError(
            f"the policy cannot be read: {error.strerror}", where={"file": path}, next_step="restore it from git"
        ) from error
    except yaml.YAMLError as error:
        raise ConfigError(f"not YAML: {error}", where={"file": path}, next_step="mend that line") from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise ConfigError(f"{place}: {first['msg']}", where={"file": path}, next_step="mend that entry") from error
