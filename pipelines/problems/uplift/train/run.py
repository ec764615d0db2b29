"""The train stage of uplift: one learner, cross-fitted, so that every train and valid row has an answer by models that
have not seen it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pipelines.blocks.models import Candidate
from pipelines.errors import ConfigError, StageError
from pipelines.features.tabular import Derive
from pipelines.files import write_json, write_parquet
from pipelines.models import uplift_trees
from pipelines.models.base import FitSettings
from pipelines.models.uplift_trees import UpliftData, UpliftTrees
from pipelines.problems.uplift.core.arms import TASK
from pipelines.problems.uplift.core.prepared import Prepared, load_prepared
from pipelines.step import Step
from pipelines.verdicts import Check, Verdict

if TYPE_CHECKING:
    import pandas as pd

FAMILIES = ("uplift_trees",)
SIDES = ("train", "valid")


def run(step: Step, derive: Derive | None) -> Verdict:
    """Write the model's files, ``model.json`` and ``predictions.parquet``; or stand aside, by ``use: never``.

    Raises:
        ConfigError: a family that learns no uplift, no folds, or a hyper-parameter that there is not.
    """
    candidate = step.candidate
    if candidate is None:
        raise StageError("train needs a candidate", next_step="run it as `nightshift run train <product>-<model>`")
    if candidate.family not in FAMILIES or candidate.folds < 2:
        raise ConfigError(
            f"{candidate.family} with folds {candidate.folds} cannot learn uplift",
            where={"key": f"candidates.{step.name}-{candidate.model}"},
            next_step=f"set family to {FAMILIES[0]} and folds to 2 or more",
        )
    if candidate.use == "never":
        reason = "left out by rule: use: never in params.yaml"
        return Verdict(gate="train", product=step.name, status="stood_aside", reason=reason)
    prepared = load_prepared(step.input("prepare"), step.product.columns, derive)
    members = fit_members(prepared, candidate, step)
    files = [model.save(step.out) for model, _ in members]
    write_parquet(step.out / "predictions.parquet", predictions(prepared, members))
    record: dict[str, Any] = {
        "family": candidate.family,
        "model": candidate.model,
        "learner": members[0][0].learner,
        "task": TASK,
        "classes": list(prepared.arms.names),
        "seeds": list(candidate.seeds),
        "params": dict(candidate.params),
        "members": [
            {"fold": place, "rounds": list(model.rounds), "files": names}
            for place, ((model, _), names) in enumerate(zip(members, files, strict=True))
        ],
        "files": [name for names in files for name in names],
    }
    write_json(step.out / "model.json", record)
    how = f"cross-fitted on train and valid rows, {candidate.folds} folds, every arm and outcome spread evenly"
    return Verdict(
        gate="train", product=step.name, status="passed", checks=(Check(name="fitting", ok=True, detail=how),)
    )


def fit_members(prepared: Prepared, candidate: Candidate, step: Step) -> list[tuple[UpliftTrees, NDArray[np.int64]]]:
    """One model per seed and fold, each with the rows that it has not seen."""
    rows = prepared.rows(*SIDES)
    data = UpliftData(prepared.design, prepared.y, prepared.arm, prepared.shares)
    members: list[tuple[UpliftTrees, NDArray[np.int64]]] = []
    for seed in candidate.seeds:
        fold = folds_of(prepared, rows, candidate.folds, seed)
        for number in range(candidate.folds):
            held = rows[fold == number]
            settings = FitSettings(seed, candidate.params, step.params.profile, label=f"{seed}_{number}")
            members.append((uplift_trees.fit(data.take(rows[fold != number]), data.take(held), settings), held))
            step.progress("folds", len(members), len(candidate.seeds) * candidate.folds)
    return members


def folds_of(prepared: Prepared, rows: NDArray[np.int64], folds: int, seed: int) -> NDArray[np.int64]:
    """Fold of each row: every arm and outcome spread evenly, in an order of the seed."""
    order = np.random.Generator(np.random.PCG64(seed)).permutation(len(rows))
    strata = prepared.arm[rows] * 2 + prepared.y[rows]
    place = order[np.argsort(strata[order], kind="stable")]
    fold = np.empty(len(rows), dtype=np.int64)
    fold[place] = np.arange(len(rows)) % folds
    return fold


def predictions(prepared: Prepared, members: list[tuple[UpliftTrees, NDArray[np.int64]]]) -> pd.DataFrame:
    """``_row``, ``_split``, uplift ``score_1`` ... per arm and expected outcome ``mean_0`` ... of all rows.

    A test row's numbers are means over all members, another row's over those that have not seen it.
    """
    import pandas as pd

    n, k = len(prepared.y), len(prepared.arms.offers)
    uplift, means, counts = np.zeros((n, k)), np.zeros((n, k + 1)), np.zeros(n)
    test = prepared.rows("test")
    for model, held in members:
        fresh = np.concatenate([held, test])
        design = prepared.design.take(fresh)
        uplift[fresh] += model.uplift(design)
        means[fresh] += model.means(design)
        counts[fresh] += 1
    columns: dict[str, Any] = {"_row": np.arange(n), "_split": prepared.split.astype(object)}
    columns |= {f"score_{place + 1}": uplift[:, place] / counts for place in range(k)}
    columns |= {f"mean_{place}": means[:, place] / counts for place in range(k + 1)}
    return pd.DataFrame(columns)
