"""What a gate says, with its numbers. A blocked gate is a result, not a crash."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from pipelines.errors import StageError
from pipelines.files import read_json, write_json

Status = Literal["passed", "blocked", "stood_aside"]


class Check(BaseModel):
    """One number against one limit.

    ``value`` and ``limit`` are in ``unit`` (free text, e.g. "share of rows", "ms"); both are None for a check
    that is not a comparison of numbers. ``detail`` is a sentence for a person.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    ok: bool
    value: float | None = None
    limit: float | None = None
    unit: str = ""
    detail: str = ""


class Verdict(BaseModel):
    """A gate's answer for one stage of one product.

    ``blocked``: the lane stops here, ``reason`` says why and ``next_step`` what to do.
    ``stood_aside``: an earlier gate blocked, or the candidate was left out by rule; ``reason`` names it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    gate: str
    product: str
    status: Status
    checks: tuple[Check, ...] = ()
    reason: str = ""
    next_step: str = ""

    @property
    def passed(self) -> bool:
        return self.status == "passed"

    def line(self) -> str:
        """One line for a terminal: gate, status and, unless passed, why and what next."""
        if self.passed:
            return f"{self.gate}: passed"
        tail = f" -> {self.next_step}" if self.next_step else ""
        return f"{self.gate}: {self.status}: {self.reason}{tail}"


def from_checks(gate: str, product: str, checks: list[Check], next_step: str) -> Verdict:
    """Passed when every check is ok; otherwise blocked, the reason naming each failed check."""
    failed = [check for check in checks if not check.ok]
    reason = "; ".join(check.detail or check.name for check in failed)
    return Verdict(
        gate=gate,
        product=product,
        status="blocked" if failed else "passed",
        checks=tuple(checks),
        reason=reason,
        next_step=next_step if failed else "",
    )


def write_verdict(folder: Path, verdict: Verdict) -> None:
    """Write ``verdict.json`` into a stage's folder."""
    write_json(folder / "verdict.json", verdict.model_dump(mode="json"))


def read_verdict(folder: Path) -> Verdict:
    """The verdict of a stage's folder.

    Raises:
        StageError: the stage has not run.
    """
    path = folder / "verdict.json"
    if not path.is_file():
        raise StageError(
            "the stage has not run yet: no verdict",
            where={"folder": folder.name, "lane": folder.parent.name},
            next_step="run the night, or `dvc repro` for this lane",
        )
    return Verdict.model_validate(read_json(path))
