"""The evaluate stage of texts: choose, calibrate and set the threshold on valid rows, then judge once on test rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pipelines.config import Product
from pipelines.features.tabular import Derive
from pipelines.features.text import words
from pipelines.files import json_number, write_json, write_parquet
from pipelines.metrics.intervals import Estimate, estimates, percentile_interval
from pipelines.metrics.judges import judge
from pipelines.metrics.resampling import draws
from pipelines.metrics.selective import choose_threshold, risk_coverage
from pipelines.problems.common import card, choosing, curves, pictures, quality, slicing
from pipelines.problems.common.blending import blend
from pipelines.problems.common.finishing import finish
from pipelines.problems.common.trained import Answers, read_answers
from pipelines.problems.text.core.prepared import Prepared, load_prepared
from pipelines.problems.text.evaluate.importance import explain
from pipelines.step import Step
from pipelines.verdicts import Verdict, from_checks

if TYPE_CHECKING:
    import pandas as pd

FloatArray = NDArray[np.float64]

NEXT_STEP = "read result/card.json and slices.json; mend the data or the candidates, or change requirements on purpose"
MEASURES = ("accuracy", "macro_f1", "log_loss", "brier", "ece")


@dataclass(frozen=True)
class Chosen:
    """The choice, made on the valid rows: ``choice.json`` but for its test metric, the models, how it came about."""

    choice: dict[str, Any]
    members: list[Answers]
    selection: dict[str, Any]


def run(step: Step, derive: Derive | None) -> Verdict:  # noqa: ARG001 - every problem's signature
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
        why = "; ".join(f"{model}: {reason}" for model, reason in left_out.items())
        return Verdict(
            gate="quality",
            product=step.name,
            status="blocked",
            reason=f"no candidate was trained ({why})",
            next_step=f"set use: always for one of candidates.{step.name}-*",
        )
    prepared = load_prepared(step.input("prepare"), product.columns)
    chosen = choose(product, prepared, answers)
    choice = chosen.choice
    valid, test = prepared.rows("valid"), prepared.rows("test")
    rows = np.sort(np.concatenate([valid, test]))
    score = finish(choice, [member.at(rows) for member in chosen.members])
    is_test = prepared.split[rows] == "test"
    y, tested = prepared.y[test], score[is_test]
    metrics = measure(product, y, tested, choice["selective"])
    choice["metric"] = {"name": product.evaluate.metric, **slicing.number(metrics[product.evaluate.metric])}
    parts = slicing.measure_slices(product, _slice_frame(prepared, test), y, tested, None)
    checks = quality.requirement_checks(product, metrics) + quality.fairness_checks(product, parts)
    verdict = from_checks("quality", step.name, checks, NEXT_STEP)
    linear = next((one for one in answers if one.family == "linear_text"), None)
    explanations = explain(prepared, linear, test, tested)
    lines = curves.series(prepared.task, y, tested)
    coverage, risk = risk_coverage(tested.max(axis=1), np.argmax(tested, axis=1) == y)
    lines["risk_coverage"] = [
        {"at": json_number(a, 6), "risk": json_number(b, 6)}
        for a, b in zip(coverage.tolist(), risk.tolist(), strict=True)
    ]
    facts = card.facts(step, prepared, choice, chosen.selection, left_out, metrics, verdict, parts, explanations, 1)
    facts["selective"] = choice["selective"]
    facts["limits"] += _limits(choice, prepared, y, tested)
    result = out / "result"
    write_json(result / "choice.json", choice)
    write_json(result / "slices.json", {"columns": parts})
    write_json(result / "explanations.json", explanations)
    write_json(result / "card.json", facts)
    write_parquet(result / "predictions.parquet", _predictions(rows, prepared, score))
    write_json(out / "metrics.json", slicing.numbers(metrics))
    for name, points in lines.items():
        write_json(out / "plots" / f"{name}.json", points)
    table = [(str(one["feature"]), float(one["mean_size"]), None) for one in explanations["importance"]]
    pictures.draw(out / "plots", prepared.task, lines, metrics, None, table, parts, explanations["unit"])
    return verdict


def choose(product: Product, prepared: Prepared, answers: Sequence[Answers]) -> Chosen:
    """Members, blend, temperature and the threshold of sure answers, all from the valid rows."""
    settings = product.evaluate
    valid = prepared.rows("valid")
    y = prepared.y[valid]
    picked = choosing.choose_members(prepared.task, y, answers, [one.at(valid) for one in answers], settings)
    members = [one for one in answers if one.model in picked.weights]
    weights = [picked.weights[one.model] for one in members]
    score = blend([one.at(valid) for one in members], weights, picked.how)
    calibration, losses = choosing.calibrate(prepared.task, y, score, settings.calibration)
    choice: dict[str, Any] = {
        "task": prepared.task,
        "classes": prepared.classes,
        "members": [{"model": one.model, "weight": weight} for one, weight in zip(members, weights, strict=True)],
        "blend": picked.how,
        "calibration": {
            key: json_number(value, 12) if isinstance(value, float) else value for key, value in calibration.items()
        },
        "threshold": None,
        "selective": None,
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
    if settings.selective is not None:
        calibrated = finish(choice, [one.at(valid) for one in members])
        right = np.argmax(calibrated, axis=1) == y
        asked = settings.selective
        found = choose_threshold(calibrated.max(axis=1), right, asked.max_risk, asked.confidence)
        choice["selective"] = {
            "threshold": json_number(found.threshold, 12),
            "max_risk": asked.max_risk,
            "confidence": asked.confidence,
            "valid": {
                "coverage": json_number(found.coverage),
                "risk": json_number(found.risk),
                "bound": json_number(found.bound),
            },
        }
    return Chosen(choice, members, selection)


def measure(product: Product, y: NDArray[np.int64], score: FloatArray, selective: Any) -> dict[str, Estimate]:
    """Every test metric with its interval; with a threshold also ``coverage`` and ``selective_risk``."""
    settings = product.evaluate
    asked = [settings.metric, *product.requirements.floors, *product.requirements.ceilings]
    names = list(dict.fromkeys([*MEASURES, *asked]))
    found = estimates(judge("multiclass", y, score, names), settings.resamples, settings.confidence)
    if selective is not None:
        sure = (score.max(axis=1) >= float(selective["threshold"])).astype(np.float64)
        wrong = sure * (np.argmax(score, axis=1) != y)
        parts = [(weights @ sure, weights @ wrong) for weights in draws(len(y), settings.resamples)]
        covered = np.concatenate([part[0] for part in parts]) / len(y)
        with np.errstate(divide="ignore", invalid="ignore"):
            risk = np.concatenate([part[1] / part[0] for part in parts])
        value = float(wrong.sum() / sure.sum()) if sure.any() else float("nan")
        found["coverage"] = Estimate(float(sure.mean()), *percentile_interval(covered, settings.confidence))
        found["selective_risk"] = Estimate(value, *percentile_interval(risk, settings.confidence))
    return found


def _slice_frame(prepared: Prepared, rows: NDArray[np.int64]) -> pd.DataFrame:
    """The test rows, and ``text_words``: words per text, for slices by length."""
    frame = prepared.frame.iloc[rows].reset_index(drop=True)
    return frame.assign(text_words=[len(words(text)) for text in prepared.at(rows)])


def _limits(choice: dict[str, Any], prepared: Prepared, y: NDArray[np.int64], score: FloatArray) -> list[str]:
    """What the card says of the weakest classes, of confusions and of texts of no class."""
    top = np.argmax(score, axis=1)
    limits = ["it knows no class but these: a text about something else gets one of them, at best as 'not sure'"]
    wrong = np.flatnonzero(top != y)
    if len(wrong):
        pairs, counts = np.unique(np.stack([y[wrong], top[wrong]]), axis=1, return_counts=True)
        shown = [
            f"{prepared.classes[pairs[0, place]]} taken for {prepared.classes[pairs[1, place]]} ({counts[place]})"
            for place in np.argsort(-counts, kind="stable")[:3].tolist()
        ]
        limits.append(f"most frequent confusions on the test rows: {'; '.join(shown)}")
    if choice["selective"] is not None and choice["selective"]["threshold"] > 1:
        limits.append("no threshold keeps the stated risk on the valid rows: every answer is 'not sure'")
    return limits


def _predictions(rows: NDArray[np.int64], prepared: Prepared, score: FloatArray) -> pd.DataFrame:
    import pandas as pd

    columns: dict[str, Any] = {"_row": rows, "_split": prepared.split[rows].astype(object)}
    columns |= {f"score_{index}": np.ascontiguousarray(score[:, index]) for index in range(score.shape[1])}
    columns["decision"] = np.argmax(score, axis=1).astype(np.int64)
    return pd.DataFrame(columns)
