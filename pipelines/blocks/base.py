"""What every block of ``params.yaml`` is made of."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

NAME_PATTERN = r"^[a-z][a-z0-9_]{0,47}$"
Share = Annotated[float, Field(ge=0.0, le=1.0)]


class Block(BaseModel):
    """A block of ``params.yaml``: frozen, and unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")
