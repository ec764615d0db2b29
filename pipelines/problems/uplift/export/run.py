"""The export stage of uplift: LightGBM's own text as served, past the parity gate."""

from __future__ import annotations

import shutil
from typing import Any

import numpy as np

from pipelines.features.tabular import Derive
from pipelines.files import json_number, read_json, read_parquet, write_json
from pipelines.problems.common.frames import frame_columns
from pipelines.problems.uplift.answer.predictor import Predictor
from pipelines.problems.uplift.core.prepared import load_prepared
from pipelines.step import Step
from pipelines.verdicts import Check, Verdict, from_checks

NEXT_STEP = "train and evaluate again with this code; the served form must answer as the judged one"
LONE_ROWS = 25  # rows asked one at a time


def run(step: Step, derive: Derive | None) -> Verdict:
    """Write the model files and ``export.json``; blocked when the served form answers otherwise than judged."""
    result = step.input("evaluate") / "result"
    choice = read_json(result / "choice.json")
    model = choice["members"][0]["model"]
    folder = step.input("train", model)
    record = read_json(folder / "model.json")
    (step.out / model).mkdir(parents=True, exist_ok=True)
    for name in record["files"]:
        shutil.copyfile(folder / name, step.out / model / name)
    entry: dict[str, Any] = {
        "model": model,
        "family": record["family"],
        "format": "lightgbm",
        "learner": record["learner"],
        "folds": [[f"{model}/{name}" for name in member["files"]] for member in record["members"]],
        "files": [f"{model}/{name}" for name in record["files"]],
        "variants": [],
    }
    write_json(step.out / "export.json", {"members": [entry]})

    prepared = load_prepared(step.input("prepare"), step.product.columns, derive)
    test = prepared.rows("test")
    test = test[np.unique(np.linspace(0, len(test) - 1, min(len(test), step.product.export.rows)).astype(np.int64))]
    predictor = Predictor.assemble(
        result / "choice.json", step.input("prepare") / "features.json", step.out / "export.json", lambda _: derive
    )
    judged = read_parquet(result / "predictions.parquet").set_index("_row").loc[test]
    wanted = judged[[f"score_{at + 1}" for at in range(len(prepared.arms.offers))]].to_numpy(dtype=np.float64)
    columns = frame_columns(prepared.frame.iloc[test], predictor.fields)
    served = predictor.uplift(predictor.told(columns))
    together = float(np.max(np.abs(served - wanted)))
    lone = np.linspace(0, len(test) - 1, min(LONE_ROWS, len(test))).astype(np.int64)
    alone = max(float(np.max(np.abs(_one(predictor, columns, place) - wanted[place]))) for place in lone.tolist())
    differences = {"raw rows": json_number(together, 3), "alone": json_number(alone, 3)}
    entry["parity"] = {"rows": len(test) + len(lone), "largest": json_number(max(together, alone), 3),
                       "differences": differences}  # fmt: skip
    write_json(step.out / "export.json", {"members": [entry]})
    limit = step.product.export.max_difference
    check = Check(
        name=f"parity:{model}:lightgbm",
        ok=max(together, alone) <= limit,
        value=json_number(max(together, alone), 3),
        limit=limit,
        unit="of an uplift",
        detail=f"the served trees answer raw rows within {max(together, alone):.2g} of what was judged",
    )
    return from_checks("parity", step.name, [check], NEXT_STEP)


def _one(predictor: Predictor, columns: dict[str, Any], place: int) -> Any:
    return predictor.uplift(predictor.told({name: values[place : place + 1] for name, values in columns.items()}))[0]
