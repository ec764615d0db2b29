"""A minimal FastAPI app: the same bundle, no log, no checks beyond pydantic's, no metrics."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel

from pipelines.serving.lean import refuse_heavy_imports

refuse_heavy_imports()

from pipelines.serving.loaded import load  # noqa: E402 - after the refusal

LOADED = load(os.environ["BENCHMARK_PRODUCT"], None, Path(os.environ["BENCHMARK_BUNDLE"]))
app = FastAPI()


class Request(BaseModel):
    rows: list[dict[str, Any]]
    explain: bool = False


@app.post("/predict")
async def predict(request: Request) -> dict[str, Any]:
    return {
        "product": LOADED.product,
        "version": LOADED.version,
        "answers": LOADED.answer(request.rows, request.explain),
    }
