"""One exported model in memory: LightGBM's own text, or an ONNX graph. Needs numpy and that runtime, nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from pipelines.errors import BundleError
from pipelines.features.design import Design
from pipelines.models.lightgbm import matrix
from pipelines.problems.common.opening import onnx_session

FloatArray = NDArray[np.float64]


class Scorer(Protocol):
    """Answers as the model that was trained."""

    def score(self, design: Design) -> FloatArray:
        """P(positive) ``[n]``, probabilities ``[n, k]``, or values ``[n]``."""
        ...


class LightgbmScorer:
    """The mean of boosters (one per seed), each read from LightGBM's text."""

    def __init__(self, paths: Sequence[Path]) -> None:
        import lightgbm as lgb

        self.boosters: list[Any] = []
        for path in paths:
            try:
                self.boosters.append(lgb.Booster(model_str=path.read_text(encoding="utf-8")))
            except (lgb.basic.LightGBMError, UnicodeDecodeError) as error:
                raise BundleError(
                    f"not a LightGBM model: {error}", where={"file": path.name}, next_step="export the model again"
                ) from error

    def score(self, design: Design) -> FloatArray:
        """See :meth:`Scorer.score`; one thread, since a row is too little work for two."""
        inputs = matrix(design)
        return _mean([booster.predict(inputs, num_threads=1) for booster in self.boosters])

    def contributions(self, design: Design) -> FloatArray:
        """Exact SHAP values of the raw score (log-odds; several classes: log-scores; regression: the value).

        TreeSHAP (Lundberg et al., 2020) as LightGBM computes it, mean over the boosters.

        Returns:
            ``[n, p + q + 1]``, several classes ``[n, k, p + q + 1]``; the last column is the expected raw score, and
            each row sums to the raw score.
        """
        inputs = matrix(design)
        width = inputs.shape[1] + 1
        found = _mean([booster.predict(inputs, pred_contrib=True, num_threads=1) for booster in self.boosters])
        return found if found.shape[1] == width else found.reshape(len(inputs), -1, width)

    def raw(self, design: Design) -> FloatArray:
        """The raw score whose parts are :meth:`contributions`: ``[n]`` or ``[n, k]``."""
        inputs = matrix(design)
        return _mean([booster.predict(inputs, raw_score=True, num_threads=1) for booster in self.boosters])


class OnnxScorer:
    """The mean of ONNX graphs (one per seed).

    A graph's inputs are ``numeric`` (float32 ``[n, p]``, NaN where missing) and ``categorical`` (int64 ``[n, q]``),
    each only where the design has such columns; its one output is ``score``, float32 ``[n]`` or ``[n, k]``.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        self._sessions = [onnx_session(path) for path in paths]
        self._inputs = [item.name for item in self._sessions[0].get_inputs()]

    def score(self, design: Design) -> FloatArray:
        """See :meth:`Scorer.score`."""
        given = {"numeric": design.numeric, "categorical": design.categorical.astype(np.int64)}
        feed = {name: np.ascontiguousarray(given[name]) for name in self._inputs}
        return _mean([session.run(["score"], feed)[0] for session in self._sessions])


def load_scorer(folder: Path, member: Mapping[str, Any]) -> Scorer:
    """The scorer of one entry of ``export.json``'s ``members``.

    Raises:
        BundleError: a file is missing or unreadable, or the format is unknown.
    """
    paths = [folder / name for name in member["files"]]
    missing = [path.name for path in paths if not path.is_file()]
    if missing or not paths:
        raise BundleError(
            f"model file {missing[0]} is missing" if missing else "no model file is listed",
            where={"model": member["model"]},
            next_step="export and pack the model again",
        )
    if member["format"] == "lightgbm":
        return LightgbmScorer(paths)
    if member["format"] == "onnx":
        return OnnxScorer(paths)
    raise BundleError(
        f"unknown model format {member['format']!r}",
        where={"model": member["model"]},
        next_step="serve it with the code that exported it",
    )


def _mean(answers: Sequence[Any]) -> FloatArray:
    total = np.zeros(())
    for answer in answers:
        total = total + np.asarray(answer, dtype=np.float64)
    return np.asarray(total / len(answers), dtype=np.float64)
