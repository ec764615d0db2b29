"""The train stage of texts: one candidate, by rule; a model per seed; answers on valid and test."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pipelines.blocks.models import Candidate
from pipelines.errors import ConfigError, StageError
from pipelines.features.tabular import Derive
from pipelines.files import write_json, write_parquet
from pipelines.models.encoder.options import DEFAULTS as ENCODER
from pipelines.models.linear_text.fitting import DEFAULTS as LINEAR
from pipelines.models.text import FloatArray, TextData, TextModel, TextSettings
from pipelines.problems.text.core.prepared import Prepared, load_prepared
from pipelines.problems.text.train.candidates import decide
from pipelines.problems.text.train.folding import assign
from pipelines.step import Step
from pipelines.verdicts import Check, Verdict

if TYPE_CHECKING:
    import pandas as pd


def run(step: Step, derive: Derive | None) -> Verdict:  # noqa: ARG001 - every problem's signature
    """Write the model's files, ``model.json`` and ``predictions.parquet``; or stand aside, with the rule's reason."""
    candidate = step.candidate
    if candidate is None:
        raise StageError("train needs a candidate", next_step="run it as `nightshift run train <product>-<model>`")
    defaults = _defaults(candidate)
    prepared = load_prepared(step.input("prepare"), step.product.columns)
    data = prepared.folded_data() if candidate.folds else prepared.fit_data()
    letters = float(np.mean([len(text) for text in data.texts]))
    choice = decide(candidate, step.params.profile, len(data.texts), letters, {**defaults, **candidate.params})
    if not choice.train:
        reason = f"left out by rule: {choice.reason}"
        return Verdict(gate="train", product=step.name, status="stood_aside", reason=reason)
    fitting = f"{len(data.texts)} train texts"
    unseen: FloatArray | None = None
    if candidate.folds:
        fold = assign(list(data.texts), data.y, candidate.folds, step.product.prepare.split.salt)
        pairs = [_fit_folded(candidate, data, fold, seed, step) for seed in candidate.seeds]
        members = [pair[0] for pair in pairs]
        unseen = np.asarray(np.mean([pair[1] for pair in pairs], axis=0), dtype=np.float64)
        fitting = f"{len(data.texts)} train and valid texts; its answers on them are out of {candidate.folds} folds"
    else:
        members = [_fit(candidate, data, seed, step) for seed in candidate.seeds]
    files = [member.save(step.out) for member in members]
    write_parquet(step.out / "predictions.parquet", predictions(prepared, members, unseen))
    write_json(
        step.out / "model.json",
        {
            "family": candidate.family,
            "model": candidate.model,
            "task": prepared.task,
            "classes": prepared.classes,
            "seeds": list(candidate.seeds),
            "params": {**defaults, **candidate.params},
            "search": {"method": "none", "trials": []},
            "fitting": fitting,
            "members": [
                {"seed": seed, "fold": None, "best_iteration": member.best_iteration, "files": names}
                for seed, member, names in zip(candidate.seeds, members, files, strict=True)
            ],
            "files": [name for names in files for name in names],
        },
    )
    shutil.rmtree(step.checkpoints, ignore_errors=True)
    return Verdict(
        gate="train", product=step.name, status="passed", checks=(Check(name="rule", ok=True, detail=choice.reason),)
    )


def _defaults(candidate: Candidate) -> Mapping[str, Any]:
    known = {"linear_text": LINEAR, "encoder": ENCODER}
    if candidate.family not in known:
        raise ConfigError(
            f"no text model of the family {candidate.family!r}",
            where={"key": f"candidates.{candidate.product}-{candidate.model}.family"},
            next_step=f"choose one of: {', '.join(known)}",
        )
    if candidate.refit or candidate.search.method != "none":
        raise ConfigError(
            "refit and search are not for text models",
            where={"key": f"candidates.{candidate.product}-{candidate.model}"},
            next_step="leave refit out and search.method at none; folds refit, and seeds make several models",
        )
    return known[candidate.family]


def _settings(candidate: Candidate, seed: int, step: Step) -> TextSettings:
    return TextSettings(
        seed, candidate.params, step.params.profile, step.checkpoints, step.progress, str(seed), step.layout.root
    )


def _fit_folded(
    candidate: Candidate, data: TextData, fold: NDArray[np.int64], seed: int, step: Step
) -> tuple[TextModel, FloatArray]:
    """The model of all these texts, and its like's probabilities ``[n, k]`` of each text out of fold."""
    settings = _settings(candidate, seed, step)
    if candidate.family == "linear_text":
        from pipelines.models.linear_text import fitting

        return fitting.fit_folded(data, fold, settings)
    from pipelines.models.encoder import fitting as tuning

    return tuning.fit_folded(data, fold, settings)


def _fit(candidate: Candidate, data: TextData, seed: int, step: Step) -> TextModel:
    settings = _settings(candidate, seed, step)
    if candidate.family == "linear_text":
        from pipelines.models.linear_text import fitting

        return fitting.fit(data, settings)
    from pipelines.models.encoder import fitting as tuning

    return tuning.fit(data, settings)


def predictions(prepared: Prepared, members: Sequence[TextModel], unseen: FloatArray | None = None) -> pd.DataFrame:
    """``_row``, ``_split`` and ``score_0`` ... of the valid and test rows: the mean over the members.

    Args:
        prepared: the rows.
        members: the models.
        unseen: out-of-fold answers of the rows of :meth:`Prepared.learned` ``[m, k]``; then these train rows are there
            too, and the valid rows' answers are these.
    """
    import pandas as pd

    rows = prepared.rows("valid", "test") if unseen is None else prepared.rows("test")
    texts = prepared.at(rows)
    scores: FloatArray = np.mean([member.predict(texts) for member in members], axis=0)
    if unseen is not None:
        both = np.concatenate([prepared.learned(), rows])
        order = np.argsort(both, kind="stable")
        rows, scores = both[order], np.concatenate([unseen, scores])[order]
    columns: dict[str, Any] = {"_row": rows, "_split": prepared.split[rows].astype(object)}
    columns |= {f"score_{index}": np.ascontiguousarray(scores[:, index]) for index in range(scores.shape[1])}
    return pd.DataFrame(columns)
