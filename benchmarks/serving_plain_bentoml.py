"""What one would write with BentoML without Nightshift: the same bundle, no log, no checks beyond BentoML's own."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import bentoml

from pipelines.serving.lean import refuse_heavy_imports

refuse_heavy_imports()


@bentoml.service(workers=1)
class Plain:
    def __init__(self) -> None:
        from pipelines.serving.loaded import load

        self.loaded = load(os.environ["BENCHMARK_PRODUCT"], None, Path(os.environ["BENCHMARK_BUNDLE"]))

    @bentoml.api(route="/predict")
    async def predict(self, rows: list[dict[str, Any]], explain: bool = False) -> dict[str, Any]:
        return {
            "product": self.loaded.product,
            "version": self.loaded.version,
            "answers": self.loaded.answer(rows, explain),
        }
