"""Which model or ensemble is chosen, how it is calibrated and where it decides: on the valid rows alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.blocks.requirements import Costs
from pipelines.blocks.stages import Evaluate
from pipelines.metrics import decisions
from pipelines.metrics.calibration import NONE, Calibration
from pipelines.metrics.calibrators import choose as choose_calibration
from pipelines.metrics.intervals import Difference, Estimate, difference, estimates
from pipelines.metrics.judges import Task, better, judge, log_losses
from pipelines.problems.common.blending import Blend, blend
from pipelines.problems.common.trained import Answers

FloatArray = NDArray[np.float64]

GREEDY_ROUNDS = 20  # weights are multiples of 1/20
FOLDS = 5


@dataclass(frozen=True)
class Members:
    """The chosen models and how they came to be chosen.

    Attributes:
        weights: model -> weight, summing to 1.
        how: kind of blend.
        ranking: model -> key metric on the valid rows, as estimated for every candidate.
        gain: the ensemble's gain over the single choice, None where none was tried.
        reason: a sentence.
    """

    weights: dict[str, float]
    how: Blend
    ranking: dict[str, Estimate]
    gain: Difference | None
    reason: str


def choose_members(
    task: Task, y: NDArray[Any], answers: Sequence[Answers], scores: Sequence[FloatArray], settings: Evaluate
) -> Members:
    """The simplest model that none beats beyond noise; an ensemble where it beats that one beyond noise.

    The ensemble is compared by its out-of-fold answers: its weights for a fifth of the rows come from the others.

    Args:
        task: kind of problem.
        y: outcomes of the valid rows ``[n]``.
        answers: candidates, simplest first.
        scores: their scores on the valid rows, in the same order.
        settings: key metric, resamples, confidence, whether an ensemble may be chosen.
    """
    metric = settings.metric
    judges = [judge(task, y, score, [metric]) for score in scores]
    ranking = {
        model.model: estimates(one, settings.resamples, settings.confidence)[metric]
        for model, one in zip(answers, judges, strict=True)
    }
    how: Blend = "mean" if task == "regression" else "logit"
    best = 0
    for place in range(1, len(answers)):
        if better(metric, ranking[answers[place].model].value, ranking[answers[best].model].value):
            best = place
    single, reason = best, f"{answers[best].model} is the only candidate"
    if len(answers) > 1:
        for place in range(best):
            if not _compare(judges, best, place, settings).better(settings.confidence):
                single = place
                break
        name = answers[single].model
        reason = f"{name} has the best {metric}"
        if single != best:
            reason = f"{answers[best].model} is not better than the simpler {name} beyond noise"
    alone = {answers[single].model: 1.0}
    if len(answers) < 2 or not settings.ensemble:
        return Members(alone, how, ranking, None, reason)
    blended = _out_of_fold(task, y, scores, how)
    gain = difference(
        judge(task, y, blended, [metric]), judges[single], metric, settings.resamples, settings.confidence
    )
    if not gain.better(settings.confidence):
        return Members(alone, how, ranking, gain, f"{reason}; an ensemble is not better beyond noise")
    weights = greedy_weights(task, y, scores, how)
    if sum(weight > 0 for weight in weights) < 2:
        return Members(alone, how, ranking, gain, f"{reason}; an ensemble of several would be one model")
    chosen = {model.model: weight for model, weight in zip(answers, weights, strict=True) if weight > 0}
    return Members(chosen, how, ranking, gain, f"an ensemble is better than {answers[single].model} beyond noise")


def _compare(judges: Sequence[Any], first: int, second: int, settings: Evaluate) -> Difference:
    return difference(judges[first], judges[second], settings.metric, settings.resamples, settings.confidence)


def greedy_weights(task: Task, y: NDArray[Any], scores: Sequence[FloatArray], how: Blend) -> list[float]:
    """Weights by greedy selection with replacement (Caruana et al., Ensemble Selection from Libraries of Models, 2004).

    Minimises log loss, for regression the squared error. Ties go to the earlier, simpler model.
    """
    loss = _loss(task, y)
    counts = np.zeros(len(scores))
    for _ in range(GREEDY_ROUNDS):
        losses = []
        for place in range(len(scores)):
            tried = counts + np.eye(len(scores))[place]
            losses.append(loss(blend(scores, (tried / tried.sum()).tolist(), how)))
        counts[int(np.argmin(losses))] += 1
    return [float(count) for count in counts / counts.sum()]


def _loss(task: Task, y: NDArray[Any]) -> Callable[[FloatArray], float]:
    if task == "regression":
        return lambda score: float(np.mean((score - y) ** 2))
    return lambda score: float(np.mean(log_losses(y, score)))


def _out_of_fold(task: Task, y: NDArray[Any], scores: Sequence[FloatArray], how: Blend) -> FloatArray:
    fold = np.random.Generator(np.random.PCG64(0)).permutation(len(y)) % FOLDS
    answer = np.empty_like(scores[0])
    for k in range(FOLDS):
        inside = fold == k
        weights = greedy_weights(task, y[~inside], [score[~inside] for score in scores], how)
        answer[inside] = blend([score[inside] for score in scores], weights, how)
    return answer


def calibrate(task: Task, y: NDArray[Any], score: FloatArray, method: str) -> tuple[Calibration, dict[str, float]]:
    """The calibration of a blended score on the valid rows, and each compared method's cross-fitted log loss."""
    if task == "regression":
        return NONE, {}
    return choose_calibration(y, score, "platt" if task == "multiclass" and method == "isotonic" else method)


def decide_threshold(y: NDArray[Any], p: FloatArray, costs: Costs | None) -> dict[str, Any]:
    """Where a binary model decides, from the two error costs; 0.5 where none are stated.

    Args:
        y: outcomes 0/1 of the valid rows.
        p: calibrated probabilities of the valid rows.
        costs: per wrong case, in one currency unit.

    Returns:
        ``threshold`` (used: by the costs, which true probabilities make the cheapest), ``cheapest`` (found on the
        valid rows, for comparison), and the cost per valid row of each, of acting on all and of acting on none.
    """
    if costs is None:
        return {"threshold": 0.5, "rule": "no costs are stated: the more likely class"}
    false, missed = costs.false_positive, costs.false_negative
    threshold = decisions.best_threshold(false, missed)
    cheapest, least = decisions.cheapest_threshold(y, p, false, missed)
    return {
        "threshold": threshold,
        "rule": "cost_fp / (cost_fp + cost_fn), for calibrated probabilities",
        "cost_per_row": decisions.mean_cost(y, p, threshold, false, missed),
        "cheapest": cheapest,
        "cheapest_cost_per_row": least,
        "cost_of_acting_on_all": decisions.mean_cost(y, p, 0.0, false, missed),
        "cost_of_acting_on_none": decisions.mean_cost(y, p, 2.0, false, missed),
    }
