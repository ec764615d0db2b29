"""The train stage of tables: one candidate, by rule; search; one model per seed; answers on valid and test."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from pipelines.config import Candidate
from pipelines.errors import StageError
from pipelines.features.tabular import Derive
from pipelines.files import json_number, write_json, write_parquet
from pipelines.models import fit_model
from pipelines.models.base import FitSettings, FloatArray, Model
from pipelines.models.mean import MeanModel
from pipelines.problems.tabular.candidates import decide
from pipelines.problems.tabular.prepared import Prepared, load_prepared
from pipelines.problems.tabular.search import Found, search
from pipelines.step import Step
from pipelines.verdicts import Check, Verdict

if TYPE_CHECKING:
    import pandas as pd


def run(step: Step, derive: Derive | None) -> Verdict:
    """Write the model's files, ``model.json`` and ``predictions.parquet``; or stand aside, with the rule's reason."""
    candidate = step.candidate
    if candidate is None:
        raise StageError("train needs a candidate", next_step="run it as `nightshift run train <product>-<model>`")
    prepared = load_prepared(step.input("prepare"), step.product.columns, derive)
    train, valid = prepared.rows("train"), prepared.rows("valid")
    features = len(prepared.design.numeric_names) + len(prepared.design.categorical_names)
    choice = decide(candidate, step.params.profile, len(train), features)
    if not choice.train:
        return Verdict(
            gate="train", product=step.name, status="stood_aside", reason=f"left out by rule: {choice.reason}"
        )
    data = prepared.fit_data(train, valid)
    found = search(candidate, data, step.params.profile, step.progress)
    members: list[Model] = []
    for seed in candidate.seeds:
        settings = FitSettings(
            seed=seed,
            params=found.params,
            profile=step.params.profile,
            checkpoints=step.checkpoints,
            progress=step.progress,
        )
        members.append(fit_model(candidate.family, data, settings))
    model = MeanModel(members, candidate.family, prepared.task)
    files = [member.save(step.out) for member in members]
    write_parquet(step.out / "predictions.parquet", predictions(prepared, model))
    write_json(step.out / "model.json", _record(candidate, prepared, found, members, files))
    return Verdict(
        gate="train",
        product=step.name,
        status="passed",
        checks=(Check(name="rule", ok=True, detail=choice.reason),),
    )


def predictions(prepared: Prepared, model: MeanModel) -> pd.DataFrame:
    """``_row``, ``_split`` and the score (multiclass: ``score_0`` ...) of the valid and test rows."""
    import pandas as pd

    rows = prepared.rows("valid", "test")
    scores: FloatArray = model.predict(prepared.design.take(rows))
    columns: dict[str, Any] = {"_row": rows, "_split": prepared.split[rows].astype(object)}
    if scores.ndim == 1:
        columns["score"] = scores
    else:
        columns |= {f"score_{index}": np.ascontiguousarray(scores[:, index]) for index in range(scores.shape[1])}
    return pd.DataFrame(columns)


def _record(
    candidate: Candidate, prepared: Prepared, found: Found, members: list[Model], files: list[list[str]]
) -> dict[str, Any]:
    return {
        "family": candidate.family,
        "model": candidate.model,
        "task": prepared.task,
        "classes": prepared.classes,
        "seeds": list(candidate.seeds),
        "params": found.params,
        "search": {
            "method": candidate.search.method,
            "trials": [
                {"params": trial.params, "loss": json_number(trial.loss), "chosen": trial.chosen}
                for trial in found.trials
            ],
        },
        "members": [
            {"seed": seed, "best_iteration": member.best_iteration, "files": names}
            for seed, member, names in zip(candidate.seeds, members, files, strict=True)
        ],
        "files": [name for names in files for name in names],
    }
