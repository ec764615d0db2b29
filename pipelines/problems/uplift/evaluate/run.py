"""The evaluate stage of uplift: choose the learner and scale it on train and valid rows, judge once on test rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.config import Product
from pipelines.errors import ConfigError, StageError
from pipelines.features.tabular import Derive
from pipelines.files import json_number, read_json, read_parquet, write_json, write_parquet
from pipelines.metrics.intervals import Difference, Estimate, difference, estimates
from pipelines.metrics.uplift import NAMES, ArmJudge, Stakes, Together, UpliftJudge, recommend
from pipelines.metrics.uplift_effects import Line, robust_scores
from pipelines.problems.common.quality import nothing_trained, requirement_checks
from pipelines.problems.common.slicing import number, numbers
from pipelines.problems.uplift.core.arms import TASK
from pipelines.problems.uplift.core.prepared import Prepared, load_prepared
from pipelines.problems.uplift.evaluate import card, pictures, policies
from pipelines.problems.uplift.evaluate.explaining import importance
from pipelines.problems.uplift.evaluate.groups import measure_groups
from pipelines.step import Step
from pipelines.verdicts import Check, Verdict, from_checks, read_verdict

FloatArray = NDArray[np.float64]

GRID = 200  # values of the rank tables
NEXT_STEP = "read result/card.json; contact by the simple policy that is ahead, or bring more randomised customers"


@dataclass(frozen=True)
class Told:
    """What one learner answered.

    Attributes:
        model: its name.
        folder: its train folder.
        uplift: as the trees have it, by models that have not seen the row, ``[n, k]``.
        means: expected outcomes, likewise, ``[n, k + 1]``.
        lines: per arm, how its uplift is put on scale.
    """

    model: str
    folder: Path
    uplift: FloatArray
    means: FloatArray
    lines: list[Line]

    def scaled(self) -> FloatArray:
        """Uplift as served ``[n, k]``."""
        return np.stack([line.trusted().apply(self.uplift[:, at]) for at, line in enumerate(self.lines)], axis=1)


def run(step: Step, derive: Derive | None) -> Verdict:
    """Write ``result/``, ``metrics.json`` and ``plots/``; blocked when a requirement is not met, or when a policy that
    needs no model gains more than the recommended one beyond noise.

    Raises:
        ConfigError: a metric that there is not.
        StageError: a candidate was not trained on these rows.
    """
    product, out = step.product, step.out
    _require_metrics(product)
    prepared = load_prepared(step.input("prepare"), product.columns, derive)
    learners, left_out = _read(step, prepared)
    if not learners:
        return nothing_trained(step, left_out)
    settings, stakes = product.evaluate, prepared.arms.stakes(product.evaluate.campaign)
    known, test = prepared.rows("train", "valid"), prepared.rows("test")
    chosen, selection = choose(product, prepared, learners, known, stakes)
    uplift = chosen.scaled()
    offer = recommend(uplift, stakes)
    judge = UpliftJudge(prepared.y[test], prepared.arm[test], uplift[test], stakes, _names(product))
    metrics = estimates(judge, settings.resamples, settings.confidence)
    metrics |= _per_arm(prepared, uplift, test, settings.resamples, settings.confidence)
    scores = robust_scores(prepared.y, prepared.arm, chosen.means, prepared.shares)
    metrics["policy_value_dr"] = policies.robust_value(scores[test], offer[test], stakes, settings.confidence)
    compared = _compared(product, prepared, chosen, scores, offer, stakes, known, test)
    effects = _effects(prepared, uplift, scores, test, settings.confidence)

    choice = _choice(product, prepared, chosen, stakes, uplift[known], metrics[settings.metric])
    checks = [*requirement_checks(product, metrics), *_policy_checks(compared)]
    verdict = from_checks("quality", step.name, checks, NEXT_STEP)
    explanations = importance(prepared, chosen.folder, chosen.lines, test)
    groups = measure_groups(product, prepared, scores, offer, stakes, test)
    result = out / "result"
    write_json(result / "choice.json", choice)
    write_json(result / "slices.json", {"columns": groups})
    write_json(result / "explanations.json", explanations)
    facts = card.facts(
        step, prepared, chosen.model, selection, left_out, metrics, compared, effects, groups, explanations, verdict
    )
    write_json(result / "card.json", facts)
    write_parquet(result / "predictions.parquet", _predictions(prepared, uplift, offer))
    write_json(out / "metrics.json", numbers(metrics))
    lines = pictures.series(prepared, uplift, test)
    for name, points in lines.items():
        write_json(out / "plots" / f"{name}.json", points)
    pictures.draw(out / "plots", prepared, uplift, test, compared)
    return verdict


def _require_metrics(product: Product) -> None:
    named = [product.evaluate.metric, *product.requirements.floors, *product.requirements.ceilings]
    for name in named:
        percent = name.removeprefix("uplift_")
        if name not in NAMES and not (percent != name and percent.isdigit() and 1 <= int(percent) <= 100):
            raise ConfigError(
                f"no metric {name!r} for an uplift problem",
                where={"key": "evaluate.metric or requirements"},
                next_step=f"choose one of: {', '.join(NAMES)}, uplift_<percent>",
            )


def _names(product: Product) -> list[str]:
    asked = [product.evaluate.metric, *product.requirements.floors, *product.requirements.ceilings]
    return list(dict.fromkeys([*NAMES, *asked]))


def _read(step: Step, prepared: Prepared) -> tuple[list[Told], dict[str, str]]:
    found, left_out = [], {}
    known = prepared.rows("train", "valid")
    for model in step.params.candidates_of(step.name):
        folder = step.input("train", model)
        verdict = read_verdict(folder)
        if not verdict.passed:
            left_out[model] = verdict.reason
            continue
        frame = read_parquet(folder / "predictions.parquet")
        k = len(prepared.arms.offers)
        uplift = frame[[f"score_{place + 1}" for place in range(k)]].to_numpy(dtype=np.float64)
        means = frame[[f"mean_{place}" for place in range(k + 1)]].to_numpy(dtype=np.float64)
        if len(frame) != len(prepared.y) or not np.isfinite(uplift).all():
            raise StageError(
                "the model's answers are for other rows than prepare's, or not numbers",
                where={"model": model},
                next_step="run prepare, train and evaluate again, in that order",
            )
        scores = robust_scores(prepared.y, prepared.arm, means, prepared.shares)[known]
        lines = [_rounded(Line.fit(scores[:, at], uplift[known, at])) for at in range(k)]
        found.append(Told(model, folder, uplift, means, lines))
    return found, left_out


def _rounded(line: Line) -> Line:
    """As JSON will hold it, so that what is judged is what is served."""

    def one(value: Any) -> Any:
        return [one(part) for part in value] if isinstance(value, list) else json_number(float(value), 12)

    content = line.to_json()
    return Line.from_json({name: one(value) if name != "rows" else value for name, value in content.items()})


def choose(
    product: Product, prepared: Prepared, learners: list[Told], known: NDArray[np.int64], stakes: Stakes
) -> tuple[Told, dict[str, Any]]:
    """The earliest candidate of params.yaml that none beats beyond noise, by the key metric on train and valid rows."""
    settings = product.evaluate
    metric = settings.metric
    judges = [
        UpliftJudge(prepared.y[known], prepared.arm[known], one.scaled()[known], stakes, [metric]) for one in learners
    ]
    ranking = {
        one.model: estimates(judge, settings.resamples, settings.confidence)[metric]
        for one, judge in zip(learners, judges, strict=True)
    }
    best = max(range(len(learners)), key=lambda at: ranking[learners[at].model].value)
    picked = best
    reason = f"{learners[best].model} has the best {metric}" if len(learners) > 1 else "the only candidate"
    for at in range(best):
        found: Difference = difference(judges[best], judges[at], metric, settings.resamples, settings.confidence)
        if not found.better(settings.confidence):
            picked = at
            reason = f"{learners[best].model} is not better than {learners[at].model} beyond noise"
            break
    selection = {"rows": len(known), "reason": reason, "ranking": numbers(ranking)}
    return learners[picked], selection


def _per_arm(
    prepared: Prepared, uplift: FloatArray, test: NDArray[np.int64], resamples: int, confidence: float
) -> dict[str, Estimate]:
    y, arm, names = prepared.y[test], prepared.arm[test], ("ate", "qini", "uplift_10", "uplift_30")
    judges = {
        f":{name}": ArmJudge(y, arm, uplift[test, place - 1], place, names)
        for place, name in enumerate(prepared.arms.offers, start=1)
    }
    return estimates(Together(judges), resamples, confidence)


def _compared(
    product: Product, prepared: Prepared, chosen: Told, scores: FloatArray, offer: NDArray[np.int64], stakes: Stakes,
    known: NDArray[np.int64], test: NDArray[np.int64],
) -> list[policies.Compared]:  # fmt: skip
    settings = product.evaluate
    average = stakes.value * scores[known].mean(axis=0) - np.asarray(stakes.costs)
    best = int(np.argmax(average)) + 1
    share = float((offer[test] > 0).mean())
    others = policies.simple_policies(
        [str(name) for name in prepared.arms.offers], len(test), best, chosen.means[test, best], share
    )
    return policies.compare(
        prepared.y[test], prepared.arm[test], offer[test], others, stakes, settings.resamples, settings.confidence
    )


def _policy_checks(compared: list[policies.Compared]) -> list[Check]:
    checks = []
    for one in compared:
        if one.ahead is None:
            continue
        gap = one.ahead
        checks.append(
            Check(
                name=f"policy:{one.name}",
                ok=not gap.high < 0.0,
                value=json_number(gap.high, 6),
                limit=0.0,
                unit="gain per customer, upper end of the interval",
                detail=f"the recommended offers gain {gap.value:+.4f} [{gap.low:+.4f}, {gap.high:+.4f}] per customer"
                f" against {one.name}",
            )
        )
    return checks


def _effects(
    prepared: Prepared, uplift: FloatArray, scores: FloatArray, test: NDArray[np.int64], confidence: float
) -> list[dict[str, Any]]:
    """Per arm, on the test rows: the average effect, and the slope that says whether uplift tells customers apart."""
    found = []
    for at, name in enumerate(prepared.arms.offers):
        line = Line.fit(scores[test, at], uplift[test, at])
        average, slope = line.interval("intercept", confidence), line.interval("slope", confidence)
        constant = bool(np.ptp(uplift[test, at]) == 0.0)
        found.append(
            {
                "arm": str(name),
                "average": number(Estimate(*average)),
                "slope": None if constant else number(Estimate(*slope)),
                "average_told_from_zero": average[1] > 0 or average[2] < 0,
                "differences_told_from_zero": not constant and slope[1] > 0,
            }
        )
    return found


def _choice(
    product: Product, prepared: Prepared, chosen: Told, stakes: Stakes, known: FloatArray, key: Estimate
) -> dict[str, Any]:
    record = read_json(chosen.folder / "model.json")
    steps = np.linspace(0.0, 1.0, GRID)
    return {
        "task": TASK,
        "classes": list(prepared.arms.names),
        "members": [{"model": chosen.model, "weight": 1.0, "learner": record["learner"]}],
        "calibration": {"method": "best linear predictor", "lines": [line.to_json() for line in chosen.lines]},
        "campaign": {"value": stakes.value, "costs": list(stakes.costs)},
        "confidence": product.evaluate.confidence,
        "ranks": [[json_number(v) for v in np.quantile(known[:, at], steps).tolist()] for at in range(known.shape[1])],
        "threshold": None,
        "metric": {"name": product.evaluate.metric, **number(key)},
    }


def _predictions(prepared: Prepared, uplift: FloatArray, offer: NDArray[np.int64]) -> Any:
    import pandas as pd

    rows = prepared.rows("valid", "test")
    columns: Mapping[str, Any] = {"_row": rows, "_split": prepared.split[rows].astype(object)}
    scores = {f"score_{at + 1}": uplift[rows, at] for at in range(uplift.shape[1])}
    return pd.DataFrame({**columns, **scores, "decision": offer[rows]})
