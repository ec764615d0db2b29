"""The export stage of a forecast: the chosen model as it is served, past the parity gate."""

from __future__ import annotations

import shutil
from typing import Any

import numpy as np

from pipelines.features.tabular import Derive
from pipelines.files import json_number, read_json, read_parquet, write_json
from pipelines.problems.common.explaining import spread
from pipelines.problems.common.frames import frame_columns
from pipelines.problems.common.trained import read_model
from pipelines.problems.forecast.answer.forecaster import Forecaster
from pipelines.problems.forecast.core.lags import Array
from pipelines.step import Step
from pipelines.verdicts import Check, Verdict, from_checks

LONE_ROWS = 25  # rows asked one at a time
NEXT_STEP = "raise export.max_difference on purpose, or leave that candidate out (use: never) and evaluate again"


def run(step: Step, derive: Derive | None) -> Verdict:
    """Write the model files and ``export.json``; blocked when raw rows are answered otherwise than what was judged.

    Asked are test rows all together, a few of them one at a time, and the same with the rows in another order: a row's
    answer may not depend on the rows beside it.
    """
    result, prepare = step.input("evaluate") / "result", step.input("prepare")
    choice = read_json(result / "choice.json")
    members = [_export(step, entry["model"]) for entry in choice["members"]]
    write_json(step.out / "export.json", {"members": members})
    forecaster = Forecaster.assemble(prepare, result / "choice.json", step.out / "export.json", lambda _: derive)
    judged = read_parquet(result / "predictions.parquet")
    judged = judged[judged["_split"] == "test"]
    judged = judged.iloc[spread(np.arange(len(judged), dtype=np.int64), step.product.export.rows)]
    frame = read_parquet(prepare / "rows.parquet").iloc[judged["_row"].to_numpy()]
    names = ["score", *(name for name in judged.columns if name.startswith("quantile_"))]
    wanted = judged[names].to_numpy(dtype=np.float64)
    columns = frame_columns(frame, forecaster.spec.fields)
    lone = spread(np.arange(len(frame), dtype=np.int64), LONE_ROWS)
    turned = np.arange(len(frame))[::-1]
    differences = {
        "together": _apart(_ask(forecaster, columns, np.arange(len(frame))), wanted),
        "turned": _apart(_ask(forecaster, columns, turned), wanted[turned]),
        "alone": max(
            _apart(_ask(forecaster, columns, lone[i : i + 1]), wanted[lone[i : i + 1]]) for i in range(len(lone))
        ),
    }
    for member in members:
        member["parity"] = {"rows": len(frame), "differences": {k: json_number(v, 3) for k, v in differences.items()}}
    write_json(step.out / "export.json", {"members": members})
    limit = step.product.export.max_difference
    checks = [
        Check(
            name=f"parity:{name}",
            ok=value <= limit,
            value=json_number(value, 3),
            limit=limit,
            unit="of a forecast, relative",
            detail=f"raw rows asked {name} are answered within {value:.2g} of what was judged",
        )
        for name, value in differences.items()
    ]
    return from_checks("parity", step.name, checks, NEXT_STEP)


def _export(step: Step, model: str) -> dict[str, Any]:
    member = read_model(model, step.input("train", model))
    record = read_json(member.folder / "model.json")
    files = []
    for name in record["files"]:
        (step.out / model).mkdir(exist_ok=True)
        shutil.copyfile(member.folder / name, step.out / model / name)
        files.append(f"{model}/{name}")
    kind = {"statistical": "table", "sequence": "sequence"}.get(member.family, "lightgbm")
    return {"model": model, "family": member.family, "format": kind, "files": files, "variants": []}


def _ask(forecaster: Forecaster, columns: dict[str, Any], rows: Any) -> Array:
    found = forecaster.predict({name: values[rows] for name, values in columns.items()})
    return np.column_stack([found.point, found.quantiles])


def _apart(given: Array, wanted: Array) -> float:
    difference = np.abs(given - wanted) / np.maximum(1.0, np.abs(wanted))
    return float("inf") if np.isnan(difference).any() else float(difference.max(initial=0.0))
