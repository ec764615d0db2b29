"""The train stage of tables: one candidate, by rule; search; a model per seed and fold; answers on valid and test."""

from __future__ import annotations

import shutil
from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pipelines.blocks.models import Candidate
from pipelines.errors import ConfigError, StageError
from pipelines.features.tabular import Derive
from pipelines.files import json_number, write_json, write_parquet
from pipelines.models import fit_model
from pipelines.models.base import FitSettings, FloatArray, Model
from pipelines.problems.tabular.core.prepared import Prepared, load_prepared
from pipelines.problems.tabular.train import folds
from pipelines.problems.tabular.train.candidates import decide
from pipelines.problems.tabular.train.folds import Part
from pipelines.problems.tabular.train.search import Found, search
from pipelines.step import Step
from pipelines.verdicts import Check, Verdict

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Member:
    """One fitted model of the candidate: its seed, the rows it saw, the model."""

    seed: int
    part: Part
    model: Model


def run(step: Step, derive: Derive | None) -> Verdict:
    """Write the model's files, ``model.json`` and ``predictions.parquet``; or stand aside, with the rule's reason."""
    candidate = step.candidate
    if candidate is None:
        raise StageError("train needs a candidate", next_step="run it as `nightshift run train <product>-<model>`")
    prepared = load_prepared(step.input("prepare"), step.product.columns, derive)
    features = len(prepared.design.numeric_names) + len(prepared.design.categorical_names)
    choice = decide(candidate, step.params.profile, len(prepared.rows("train")), features)
    if not choice.train:
        reason = f"left out by rule: {choice.reason}"
        return Verdict(gate="train", product=step.name, status="stood_aside", reason=reason)
    candidate = without_dropped(candidate, prepared.state.dropped)
    data = prepared.fit_data(prepared.rows("train"), prepared.rows("valid"))
    found = search(candidate, data, step.params.profile, step.progress)
    parts, how = folds.parts(prepared, step.product, candidate.folds)
    members = tried = fit_members(prepared, candidate, found, parts, step)
    if candidate.refit and all(part.fold is None for part in parts):
        members = refit_members(prepared, candidate, found, tried, step)
        how = f"{how}, then trained again on train and valid rows, as many rounds as were kept"
    files = [member.model.save(step.out) for member in members]
    write_parquet(step.out / "predictions.parquet", predictions(prepared, members, tried))
    record = {**_record(candidate, prepared, found, members, files), "fitting": how}
    write_json(step.out / "model.json", record)
    shutil.rmtree(step.checkpoints, ignore_errors=True)
    checks = (Check(name="rule", ok=True, detail=choice.reason), Check(name="fitting", ok=True, detail=how))
    return Verdict(gate="train", product=step.name, status="passed", checks=checks)


def without_dropped(candidate: Candidate, dropped: Collection[str]) -> Candidate:
    """The candidate without directions (``params.monotone``) of features that prepare has left out, e.g. because they
    have one value only."""
    told = candidate.params.get("monotone")
    if not isinstance(told, dict) or not set(told) & set(dropped):
        return candidate
    kept = {name: way for name, way in told.items() if name not in dropped}
    return candidate.model_copy(update={"params": {**candidate.params, "monotone": kept}})


def fit_members(
    prepared: Prepared,
    candidate: Candidate,
    found: Found,
    parts: list[Part],
    step: Step,
    *,
    checkpoints: bool = True,
) -> list[Member]:
    """One model per seed and part, in that order; with ``checkpoints`` a killed training goes on where it was."""
    members: list[Member] = []
    count = len(candidate.seeds) * len(parts)
    for seed in candidate.seeds:
        for part in parts:
            label = str(seed) if part.fold is None else f"{seed}_{part.fold}"

            def progress(what: str, done: int, total: int, at: int = len(members) + 1) -> None:
                step.progress(f"model {at} of {count}: {what}", done, total)

            settings = FitSettings(
                seed=seed,
                params=found.params,
                profile=step.params.profile,
                checkpoints=step.checkpoints if checkpoints else None,
                progress=progress,
                label=label,
            )
            data = prepared.fit_data(part.train, part.held)
            members.append(Member(seed, part, fit_model(candidate.family, data, settings)))
    return members


def refit_members(
    prepared: Prepared, candidate: Candidate, found: Found, tried: list[Member], step: Step
) -> list[Member]:
    """Each member again, on train and valid rows, for the rounds that its own valid rows chose: where time decides the
    sides, the valid rows are the newest that there are, and a model may not go without them.

    Raises:
        ConfigError: a family that cannot be told how many rounds to train.
    """
    if candidate.family != "lightgbm":
        raise ConfigError(
            f"{candidate.family} cannot be trained again for a number of rounds",
            where={"key": "candidates.*.refit"},
            next_step="leave refit out for that candidate",
        )
    rows, valid = prepared.rows("train", "valid"), prepared.rows("valid")
    again = []
    for member in tried:
        rounds = max(1, member.model.best_iteration)
        params = {**found.params, "iterations": rounds, "patience": rounds}
        settings = FitSettings(member.seed, params, step.params.profile, label=f"{member.seed}_refit")
        model = fit_model(candidate.family, prepared.fit_data(rows, valid), settings)
        again.append(Member(member.seed, Part(rows, valid), model))
    return again


def predictions(prepared: Prepared, members: list[Member], tried: list[Member] | None = None) -> pd.DataFrame:
    """``_row``, ``_split`` and the score (multiclass: ``score_0`` ...) of the valid and test rows.

    A test row's score is the mean over all members; a valid row's the mean over those that have not seen it.

    Args:
        prepared: the rows.
        members: the models that are kept.
        tried: those whose answers on the valid rows count, where they are others.
    """
    import pandas as pd

    rows = prepared.rows("valid", "test")
    shape = (len(rows), len(prepared.classes)) if prepared.task == "multiclass" else (len(rows),)
    scores: FloatArray = np.zeros(shape)
    counts = np.zeros(len(rows))
    test = prepared.split[rows] == "test"
    sides = [(member, np.ones(len(rows), dtype=bool)) for member in members]
    if tried is not None and tried is not members:
        sides = [(member, test) for member in members] + [(member, ~test) for member in tried]
    for member, side in sides:
        fresh = side & ~np.isin(rows, member.part.train)
        scores[fresh] += member.model.predict(prepared.design.take(rows[fresh]))
        counts[fresh] += 1
    scores /= counts.reshape(-1, *[1] * (scores.ndim - 1))
    columns: dict[str, Any] = {"_row": rows, "_split": prepared.split[rows].astype(object)}
    if scores.ndim == 1:
        columns["score"] = scores
    else:
        columns |= {f"score_{index}": np.ascontiguousarray(scores[:, index]) for index in range(scores.shape[1])}
    return pd.DataFrame(columns)


def _record(
    candidate: Candidate, prepared: Prepared, found: Found, members: list[Member], files: list[list[str]]
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
            {
                "seed": member.seed,
                "fold": member.part.fold,
                "best_iteration": member.model.best_iteration,
                "files": names,
            }
            for member, names in zip(members, files, strict=True)
        ],
        "files": [name for names in files for name in names],
    }
