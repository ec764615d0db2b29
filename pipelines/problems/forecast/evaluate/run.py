"""The evaluate stage of a forecast: choose and make quantiles on the valid steps, then judge once on the test steps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from pipelines.features.tabular import Derive
from pipelines.files import json_number, write_json, write_parquet
from pipelines.metrics.forecast import POINT
from pipelines.problems.common import card, quality, slicing
from pipelines.problems.common.trained import read_answers
from pipelines.problems.forecast.answer import quantiles
from pipelines.problems.forecast.answer.forecaster import blend
from pipelines.problems.forecast.core.lags import Array
from pipelines.problems.forecast.core.prepared import Prepared, Rows, load_prepared
from pipelines.problems.forecast.evaluate import explaining, measuring, pictures, rolling
from pipelines.problems.forecast.evaluate.choosing import Picked, choose
from pipelines.step import Step
from pipelines.verdicts import Verdict, from_checks

if TYPE_CHECKING:
    import pandas as pd

NEXT_STEP = "read result/card.json and slices.json; mend the data or the candidates, or change requirements on purpose"


def run(step: Step, derive: Derive | None) -> Verdict:
    """Write ``result/``, ``metrics.json`` and ``plots/``; blocked when a requirement is not met.

    Raises:
        ConfigError: the product's block names a metric or slice column that does not exist.
        StageError: a candidate was not trained on these rows.
    """
    product, out = step.product, step.out
    prepared = load_prepared(step.input("prepare"), product.columns.target, derive)
    measuring.require_known_metrics(product, prepared.spec.quantiles)
    answers, left_out = read_answers({m: step.input("train", m) for m in step.params.candidates_of(step.name)})
    if not answers:
        return quality.nothing_trained(step, left_out)
    _, valid = prepared.side("valid")
    _, test = prepared.side("test")
    picked = choose(prepared, answers, valid, measuring.scales(prepared, "valid"), product.evaluate)
    points = {
        side: blend([one.at(rows) for one in picked.members], picked.weights)
        for side, rows in (("valid", valid), ("test", test))
    }
    learned = _learn(prepared, valid, points["valid"])
    found = {
        side: _quantiles(prepared, side, rows, points[side], learned)
        for side, rows in (("valid", valid), ("test", test))
    }
    scale = measuring.scales(prepared, "test")
    judge = measuring.judge_of(prepared, test, points["test"], scale, found["test"])
    metrics = measuring.measure(product, judge)
    choice = _choice(picked, learned, product.evaluate.metric, metrics)
    parts = measuring.measure_slices(product, prepared, test, points["test"], found["test"], scale)
    verdict = from_checks("quality", step.name, quality.requirement_checks(product, metrics), NEXT_STEP)
    others = {
        one.model: measuring.as_points(
            measuring.measure(product, measuring.judge_of(prepared, test, one.at(test), scale, names=_shown(product)))
        )
        for one in answers
    }
    explanations = explaining.explain(prepared, picked.members, picked.weights, test)
    rolled = rolling.evaluate(step, prepared, choice, picked)
    selection = _selection(picked, len(valid))
    result = out / "result"
    write_json(result / "choice.json", choice)
    write_json(result / "slices.json", {"columns": parts})
    write_json(result / "explanations.json", explanations)
    write_json(result / "candidates.json", {"test": others, "rolling_origins": rolled})
    features = len(prepared.state.numeric) + len(prepared.state.derived) + len(prepared.state.categorical)
    facts = card.facts(step, prepared, choice, selection, left_out, metrics, verdict, parts, explanations, features)
    facts["limits"] += _beside(product.evaluate.metric, others, rolled)
    write_json(result / "card.json", facts)
    write_parquet(result / "predictions.parquet", _predictions(prepared, points, found))
    write_json(out / "metrics.json", slicing.numbers(metrics))
    lines = {
        "error_by_step_ahead": measuring.by_step_ahead(prepared, test, points["test"]),
        "quantiles": measuring.reliability(prepared.y[test], found["test"], prepared.spec.quantiles),
    }
    for name, series in lines.items():
        write_json(out / "plots" / f"{name}.json", series)
    pictures.draw(out / "plots", prepared, test, points["test"], found["test"], lines, explanations, metrics, parts)
    return verdict


def _beside(metric: str, others: dict[str, Any], rolled: list[dict[str, Any]]) -> list[str]:
    """What the other candidates reached on the same test rows, and the chosen one from later origins."""
    shown = "; ".join(f"{model} {found[metric]['value']:.4f}" for model, found in others.items() if metric in found)
    lines = [f"{metric} of every candidate on the same test rows: {shown}"] if shown else []
    later = "; ".join(
        f"after {entry['after']} steps {entry['metrics'][metric]['value']:.4f}"
        for entry in rolled
        if metric in entry["metrics"]
    )
    return lines + ([f"{metric} of the same model from later origins: {later}"] if later else [])


def _shown(product: Any) -> list[str]:
    metric = product.evaluate.metric
    return list(dict.fromkeys([*([metric] if metric in POINT else []), "rmspe", "mase", "rmsse", "wape", "bias"]))


def _learn(prepared: Prepared, rows: Rows, point: Array) -> dict[str, Any]:
    spec, (origin, _) = prepared.spec, prepared.side("valid")
    series = prepared.series[rows]
    error = quantiles.errors(origin, series, prepared.y[rows], point)
    ahead = (prepared.steps[rows] - origin.step).astype(np.float64)
    return quantiles.learn(error, series, quantiles.kinds(origin, series), ahead, spec.horizon, spec.quantiles)


def _quantiles(prepared: Prepared, side: str, rows: Rows, point: Array, learned: dict[str, Any]) -> Array:
    origin, _ = prepared.side(side)
    return quantiles.spread_around(learned, origin, prepared.series[rows], point, prepared.steps[rows])


def _choice(picked: Picked, learned: dict[str, Any], metric: str, metrics: Any) -> dict[str, Any]:
    return {
        "task": "regression",
        "classes": [],
        "members": [
            {"model": one.model, "weight": weight} for one, weight in zip(picked.members, picked.weights, strict=True)
        ],
        "blend": "mean",
        "calibration": {"method": "none"},
        "threshold": None,
        "quantiles": learned,
        "metric": {"name": metric, **slicing.number(metrics[metric])},
    }


def _selection(picked: Picked, rows: int) -> dict[str, Any]:
    selection: dict[str, Any] = {
        "rows": rows,
        "reason": picked.reason,
        "ranking": slicing.numbers(picked.ranking),
    }
    if picked.gain is not None:
        selection["ensemble_gain"] = {
            "value": json_number(picked.gain.value),
            "low": json_number(picked.gain.low),
            "high": json_number(picked.gain.high),
            "chance_of_none": json_number(picked.gain.chance),
        }
    return selection


def _predictions(prepared: Prepared, points: dict[str, Array], found: dict[str, Array]) -> pd.DataFrame:
    import pandas as pd

    parts = []
    for side in ("valid", "test"):
        rows = prepared.side(side)[1]
        columns: dict[str, Any] = {"_row": rows, "_split": np.full(len(rows), side, dtype=object)}
        columns["score"] = points[side]
        for place, level in enumerate(prepared.spec.quantiles):
            columns[f"quantile_{level:g}"] = np.ascontiguousarray(found[side][:, place])
        parts.append(pd.DataFrame(columns))
    return pd.concat(parts, ignore_index=True).sort_values("_row", ignore_index=True)
