"""One finding of the doctor."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "note", "mend"]


@dataclass(frozen=True)
class Finding:
    """What one check found.

    Attributes:
        name: what was looked at.
        state: ``ok``; ``note``: works, but worth knowing; ``mend``: a night or the service would fail.
        detail: one clause.
        mend: what to do; empty when nothing must be done.
    """

    name: str
    state: State
    detail: str
    mend: str = ""


Check = Callable[[], Iterator[Finding]]
