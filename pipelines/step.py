"""What one run of one stage is given: the product's parameters, where its inputs lie, where its outs go."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from pipelines.blocks.models import Candidate
from pipelines.config import Params, Product
from pipelines.layout import Layout

Progress = Callable[[str, int, int], None]
"""``progress(what, done, total)``: called often, shown seldom."""


@dataclass(frozen=True)
class Step:
    """One stage of one product (and, for train, one candidate).

    ``out`` is an empty folder that takes the place of the stage's out folder when the stage returns;
    nothing else may be written, except checkpoints.
    """

    stage: str
    name: str
    params: Params
    layout: Layout
    out: Path
    candidate: Candidate | None = None
    progress: Progress = field(default=lambda *_: None)

    @property
    def product(self) -> Product:
        return self.params.product(self.name)

    def input(self, stage: str, model: str | None = None) -> Path:
        """The out folder of an earlier stage of the same product (train: of one model, or their common folder)."""
        return self.layout.stage(stage, self.name, model)

    @property
    def checkpoints(self) -> Path:
        """Where train keeps checkpoints: survives a kill, is not hashed."""
        model = self.candidate.model if self.candidate else "-"
        return self.layout.checkpoints(self.name, model)


class TerminalProgress:
    """Progress on standard error: a line that is redrawn on a terminal, a plain line every 10 s elsewhere."""

    def __init__(self, label: str, every_seconds: float = 10.0) -> None:
        self.label = label
        self.terminal = sys.stderr.isatty()
        self.every_seconds = 0.1 if self.terminal else every_seconds
        self.last = time.monotonic() if not self.terminal else 0.0

    def __call__(self, what: str, done: int, total: int) -> None:
        now = time.monotonic()
        if now - self.last < self.every_seconds and not (self.terminal and done >= total):
            return
        self.last = now
        share = done / total if total else 0.0
        if self.terminal:
            bar = "=" * round(24 * share)
            end = "\n" if done >= total else ""
            sys.stderr.write(f"\r{self.label} {what} [{bar:<24}] {done}/{total}{end}")
        else:
            sys.stderr.write(f"{self.label} {what} {done}/{total}\n")
        sys.stderr.flush()
