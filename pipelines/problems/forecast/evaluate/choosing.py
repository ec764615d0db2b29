"""Which candidate is served: by the valid steps alone, the simplest that none beats beyond noise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pipelines.blocks.stages import Evaluate
from pipelines.metrics.forecast import ForecastJudge
from pipelines.metrics.intervals import Difference, Estimate, difference, estimates
from pipelines.metrics.judges import better
from pipelines.problems.common.trained import Answers
from pipelines.problems.forecast.answer.forecaster import blend
from pipelines.problems.forecast.core.lags import Array
from pipelines.problems.forecast.core.prepared import Prepared, Rows
from pipelines.problems.forecast.evaluate.measuring import judge_of


@dataclass(frozen=True)
class Picked:
    """The chosen models.

    Attributes:
        members: at least one, simplest first.
        weights: one each, summing to 1.
        ranking: model -> key metric on the valid rows.
        gain: of the mean of the best two over the single choice; None where it was not tried.
        reason: a sentence.
    """

    members: list[Answers]
    weights: list[float]
    ranking: dict[str, Estimate]
    gain: Difference | None
    reason: str


def choose(prepared: Prepared, answers: Sequence[Answers], rows: Rows, scale: Array, settings: Evaluate) -> Picked:
    """Choose among candidates.

    Args:
        prepared: the rows.
        answers: candidates, simplest first.
        rows: the valid rows.
        scale: of MASE, per series.
        settings: key metric, resamples, confidence, whether the mean of two may be chosen.
    """
    metric = settings.metric
    points = [one.at(rows) for one in answers]

    def judged(point: Array) -> ForecastJudge:
        return judge_of(prepared, rows, point, scale, names=[metric])

    def compared(first: Array, second: Array) -> Difference:
        return difference(judged(first), judged(second), metric, settings.resamples, settings.confidence)

    ranking = {
        one.model: estimates(judged(point), settings.resamples, settings.confidence)[metric]
        for one, point in zip(answers, points, strict=True)
    }
    best = 0
    for place in range(1, len(answers)):
        if better(metric, ranking[answers[place].model].value, ranking[answers[best].model].value):
            best = place
    single = next((place for place in range(best) if not compared(points[best], points[place]).better(
        settings.confidence)), best)  # fmt: skip
    name = answers[single].model
    reason = f"{name} has the best {metric}"
    if single != best:
        reason = f"{answers[best].model} is not better than the simpler {name} beyond noise"
    others = [place for place in range(len(answers)) if place != single]
    if not settings.ensemble or not others:
        return Picked([answers[single]], [1.0], ranking, None, reason)
    second = others[0]
    for place in others[1:]:
        if better(metric, ranking[answers[place].model].value, ranking[answers[second].model].value):
            second = place
    gain = compared(blend([points[single], points[second]], [0.5, 0.5]), points[single])
    if not gain.better(settings.confidence):
        reason += f"; its mean with {answers[second].model} is not better beyond noise"
        return Picked([answers[single]], [1.0], ranking, gain, reason)
    pair = [answers[place] for place in sorted((single, second))]
    reason = f"the mean of {pair[0].model} and {pair[1].model} is better than {name} alone beyond noise"
    return Picked(pair, [0.5, 0.5], ranking, gain, reason)
