"""The evaluate stage of tables: choose, calibrate and decide on the valid rows, then judge once on the test rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pipelines.config import Product
from pipelines.features.tabular import Derive
from pipelines.files import canonical_json, json_number, write_json, write_parquet
from pipelines.metrics import slices as groups
from pipelines.metrics.decisions import costs
from pipelines.metrics.intervals import Estimate, estimates, percentile_interval
from pipelines.metrics.judges import judge, names_of
from pipelines.metrics.resampling import draws
from pipelines.problems.common import card, choosing, curves, explaining, pictures, quality, slicing
from pipelines.problems.common.blending import blend
from pipelines.problems.common.finishing import finish
from pipelines.problems.common.trained import Answers, read_answers
from pipelines.problems.tabular.answer.predictor import decide
from pipelines.problems.tabular.core.prepared import Prepared, load_prepared
from pipelines.problems.tabular.evaluate.explainers import explain_member
from pipelines.step import Step
from pipelines.verdicts import Verdict, from_checks

if TYPE_CHECKING:
    import pandas as pd

FloatArray = NDArray[np.float64]

NEXT_STEP = "read result/card.json and slices.json; mend the data or the candidates, or change requirements on purpose"


@dataclass(frozen=True)
class Chosen:
    """The choice, made on the valid rows.

    Attributes:
        choice: content of ``choice.json`` but for its test metric.
        members: the chosen models, in the order of ``choice["members"]``.
        selection: how it came about, for the card.
    """

    choice: dict[str, Any]
    members: list[Answers]
    selection: dict[str, Any]


def run(step: Step, derive: Derive | None) -> Verdict:
    """Write ``result/``, ``metrics.json`` and ``plots/``; blocked when a requirement is not met.

    Raises:
        ConfigError: the product's block names a metric or slice column that does not exist.
        StageError: a candidate was not trained on these rows.
    """
    product, out = step.product, step.out
    quality.require_known_metrics(product)
    folders = {model: step.input("train", model) for model in step.params.candidates_of(step.name)}
    answers, left_out = read_answers(folders)
    if not answers:
        return quality.nothing_trained(step, left_out)
    prepared = load_prepared(step.input("prepare"), product.columns, derive)
    chosen = choose(product, prepared, answers)
    choice = chosen.choice

    valid, test = prepared.rows("valid"), prepared.rows("test")
    rows = np.sort(np.concatenate([valid, test]))
    score = finish(choice, [member.at(rows) for member in chosen.members])
    decision = decide(choice, score)
    is_test = prepared.split[rows] == "test"
    y, test_score = prepared.y[test], score[is_test]
    acted = decision[is_test] == 1 if decision is not None and prepared.task == "binary" else None

    metrics = measure(product, y, test_score, acted)
    key = metrics[product.evaluate.metric]
    choice["metric"] = {"name": product.evaluate.metric, **slicing.number(key)}
    parts = slicing.measure_slices(product, prepared.frame.iloc[test], y, test_score, acted)
    checks = quality.requirement_checks(product, metrics) + quality.fairness_checks(product, parts)
    verdict = from_checks("quality", step.name, checks, NEXT_STEP)

    explanations = explain(prepared, chosen, test, test_score)
    features = len(prepared.design.numeric_names) + len(prepared.design.categorical_names)
    lines = curves.series(prepared.task, y, test_score)
    result = out / "result"
    write_json(result / "choice.json", choice)
    write_json(result / "slices.json", {"columns": parts})
    write_json(result / "explanations.json", explanations)
    write_json(
        result / "card.json",
        card.facts(step, prepared, choice, chosen.selection, left_out, metrics, verdict, parts, explanations, features),
    )
    write_parquet(result / "predictions.parquet", _predictions(rows, prepared, score, decision))
    write_json(out / "metrics.json", slicing.numbers(metrics))
    for name, points in lines.items():
        write_json(out / "plots" / f"{name}.json", points)
    pictures.draw(
        out / "plots",
        prepared.task,
        lines,
        metrics,
        choice["threshold"],
        explaining.table(explanations),
        parts,
        explanations["unit"],
    )
    return verdict


def choose(product: Product, prepared: Prepared, answers: Sequence[Answers]) -> Chosen:
    """Members, blend, calibration and threshold, all from the valid rows."""
    task, settings = prepared.task, product.evaluate
    valid = prepared.rows("valid")
    y = prepared.y[valid]
    picked = choosing.choose_members(task, y, answers, [one.at(valid) for one in answers], settings)
    members = [one for one in answers if one.model in picked.weights]
    weights = [picked.weights[one.model] for one in members]
    score = blend([one.at(valid) for one in members], weights, picked.how)
    calibration, losses = choosing.calibrate(task, y, score, settings.calibration)
    choice: dict[str, Any] = {
        "task": task,
        "classes": prepared.classes,
        "members": [{"model": one.model, "weight": weight} for one, weight in zip(members, weights, strict=True)],
        "blend": picked.how,
        "calibration": _rounded(dict(calibration)),
        "threshold": None,
        "reference": explaining.reference_row(prepared.design.take(prepared.rows("train"))),
    }
    selection: dict[str, Any] = {
        "rows": len(valid),
        "reason": picked.reason,
        "ranking": slicing.numbers(picked.ranking),
        "calibration_log_loss": {name: json_number(loss) for name, loss in losses.items()},
    }
    if picked.gain is not None:
        gain = picked.gain
        selection["ensemble_gain"] = {
            "value": json_number(gain.value),
            "low": json_number(gain.low),
            "high": json_number(gain.high),
            "chance_of_none": json_number(gain.chance),
        }
    if task == "binary":
        calibrated = finish(choice, [one.at(valid) for one in members])
        decision = _rounded(choosing.decide_threshold(y, calibrated, product.requirements.costs))
        choice["threshold"] = decision["threshold"]
        selection["decision"] = decision
    return Chosen(choice, members, selection)


def _rounded(value: dict[str, Any]) -> dict[str, Any]:
    """Floats as JSON will hold them, so that what is judged is what is served."""

    def one(item: Any) -> Any:
        if isinstance(item, float):
            return json_number(item, 12)
        return [one(part) for part in item] if isinstance(item, list) else item

    rounded = {key: one(item) for key, item in value.items()}
    canonical_json(rounded)
    return rounded


def measure(
    product: Product, y: NDArray[Any], score: FloatArray, acted: NDArray[np.bool_] | None
) -> dict[str, Estimate]:
    """Every test metric with its interval; binary also what the decisions at the threshold give and cost."""
    settings, task = product.evaluate, product.columns.task
    asked = [settings.metric, *product.requirements.floors, *product.requirements.ceilings]
    names = list(dict.fromkeys([*names_of(task), *(name for name in asked if name not in quality.DECISION_MEASURES)]))
    found = estimates(judge(task, y, score, names), settings.resamples, settings.confidence)
    if acted is None:
        return found
    found |= groups.rates(y, acted, settings.resamples, settings.confidence)[0]
    stated = product.requirements.costs
    if stated is not None:
        each = costs(y, acted, stated.false_positive, stated.false_negative)
        drawn = np.concatenate([weights @ each for weights in draws(len(y), settings.resamples)]) / len(y)
        found["cost"] = Estimate(float(each.mean()), *percentile_interval(drawn, settings.confidence))
    return found


def explain(prepared: Prepared, chosen: Chosen, test: NDArray[np.int64], score: FloatArray) -> dict[str, Any]:
    """The content of ``explanations.json``, on a spread of the test rows."""
    places = explaining.spread(np.arange(len(test), dtype=np.int64))
    rows = test[places]
    design = prepared.design.take(rows)
    explained = [
        explain_member(member, float(entry["weight"]), design, chosen.choice["reference"])
        for member, entry in zip(chosen.members, chosen.choice["members"], strict=True)
    ]
    outcomes = [_plain(prepared, value) for value in prepared.y[rows]]
    return explaining.report(prepared.task, explained, design, prepared.state, rows, score[places], outcomes)


def _plain(prepared: Prepared, value: Any) -> Any:
    return json_number(float(value)) if prepared.task == "regression" else prepared.classes[int(value)]


def _predictions(
    rows: NDArray[np.int64], prepared: Prepared, score: FloatArray, decision: NDArray[np.int64] | None
) -> pd.DataFrame:
    import pandas as pd

    columns: dict[str, Any] = {"_row": rows, "_split": prepared.split[rows].astype(object)}
    if score.ndim == 1:
        columns["score"] = score
    else:
        columns |= {f"score_{index}": np.ascontiguousarray(score[:, index]) for index in range(score.shape[1])}
    if decision is not None:
        columns["decision"] = decision
    return pd.DataFrame(columns)
