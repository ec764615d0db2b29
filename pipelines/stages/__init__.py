"""The stages of ``dvc.yaml``: one file each, one public function of the same name, ``stage(step) -> Verdict``."""

from __future__ import annotations

from collections.abc import Callable

from pipelines.step import Step
from pipelines.verdicts import Verdict

StageFunction = Callable[[Step], Verdict]
