"""The train stage of a forecast: one candidate, asked about the valid steps and the test steps from their origins."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from pipelines.blocks.models import Candidate
from pipelines.errors import ConfigError, StageError
from pipelines.features.tabular import Derive
from pipelines.files import write_json, write_parquet
from pipelines.problems.forecast.core.prepared import Prepared, load_prepared
from pipelines.problems.forecast.train import sequence, statistical, trees
from pipelines.problems.forecast.train.outcome import Outcome
from pipelines.step import Step
from pipelines.verdicts import Check, Verdict

if TYPE_CHECKING:
    import pandas as pd

FITS = {"statistical": statistical.fit, "lightgbm": trees.fit, "sequence": sequence.fit}


def run(step: Step, derive: Derive | None) -> Verdict:
    """Write the model's files, ``model.json`` and ``predictions.parquet``; or stand aside where ``use`` is never.

    Raises:
        ConfigError: the candidate asks for folds or a search.
    """
    candidate = step.candidate
    if candidate is None:
        raise StageError("train needs a candidate", next_step="run it as `nightshift run train <product>-<model>`")
    if candidate.folds or candidate.search.method != "none":
        raise ConfigError(
            "a forecast is fitted on rolling origins: it takes neither folds nor a search",
            where={"key": f"candidates.{step.name}-{candidate.model}"},
            next_step="set folds: 0 and search.method: none",
        )
    if candidate.use == "never":
        reason = "left out by rule: use: never in params.yaml"
        return Verdict(gate="train", product=step.name, status="stood_aside", reason=reason)
    prepared = load_prepared(step.input("prepare"), step.product.columns.target, derive)
    if candidate.family == "sequence":
        wanted, reason = sequence.decide(candidate, step.params.profile, prepared, step.product.prepare.forecast)
        if not wanted:
            reason = f"left out by rule: {reason}"
            return Verdict(gate="train", product=step.name, status="stood_aside", reason=reason)
    outcome = FITS[candidate.family](step, candidate, prepared)
    write_parquet(step.out / "predictions.parquet", _predictions(prepared, outcome))
    write_json(step.out / "model.json", _record(candidate, outcome))
    checks = (Check(name="fitting", ok=True, detail=outcome.how),)
    return Verdict(gate="train", product=step.name, status="passed", checks=checks)


def _predictions(prepared: Prepared, outcome: Outcome) -> pd.DataFrame:
    import pandas as pd

    parts = []
    for side, score in (("valid", outcome.valid), ("test", outcome.test)):
        rows = prepared.side(side)[1]
        parts.append(pd.DataFrame({"_row": rows, "_split": np.full(len(rows), side, dtype=object), "score": score}))
    return pd.concat(parts, ignore_index=True)


def _record(candidate: Candidate, outcome: Outcome) -> dict[str, Any]:
    return {
        "family": candidate.family,
        "model": candidate.model,
        "task": "regression",
        "classes": [],
        "seeds": list(candidate.seeds),
        "fitting": outcome.how,
        "files": outcome.files,
        **outcome.record,
    }
