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
from pipelines.problems.text.core.originals import Original
from pipelines.problems.text.core.prepared import Prepared, load_prepared
from pipelines.problems.text.core.several import decided, set_confidence, stacked
from pipelines.problems.text.evaluate.behaviour import behave
from pipelines.problems.text.evaluate.behaviour import checks as behaviour_checks
from pipelines.problems.text.evaluate.importance import explain
from pipelines.problems.text.evaluate.several import choose as choose_several
from pipelines.problems.text.evaluate.several import labels_table
from pipelines.step import Step
from pipelines.verdicts import Verdict, from_checks

if TYPE_CHECKING:
    import pandas as pd

FloatArray = NDArray[np.float64]

NEXT_STEP = "read result/card.json and slices.json; mend the data or the candidates, or change requirements on purpose"
MEASURES = ("accuracy", "macro_f1", "log_loss", "brier", "ece")
SEVERAL = ("micro_f1", "macro_f1", "mean_average_precision", "subset_accuracy", "hamming_loss", "log_loss", "ece")


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
        return quality.nothing_trained(step, left_out)
    prepared = load_prepared(step.input("prepare"), product.columns)
    learned_on, side = judged_rows(prepared, answers)
    chosen = choose(product, prepared, answers, learned_on)
    choice = chosen.choice
    chosen.selection["side"] = side
    valid, test = prepared.rows("valid"), prepared.rows("test")
    rows = np.sort(np.concatenate([valid, test]))
    score = finish(choice, [member.at(rows) for member in chosen.members])
    is_test = prepared.split[rows] == "test"
    y, given = prepared.y[test], score[is_test]
    several = prepared.task == "multilabel"
    tested = stacked(given, choice["thresholds"]) if several else given
    sure, right = _confidence(y, tested)
    metrics = measure(product, y, tested, choice["selective"])
    choice["metric"] = {"name": product.evaluate.metric, **slicing.number(metrics[product.evaluate.metric])}
    parts = slicing.measure_slices(product, _slice_frame(prepared, test), y, tested, None)
    checks = quality.requirement_checks(product, metrics) + quality.fairness_checks(product, parts)
    asked = from_checks("quality", step.name, checks, NEXT_STEP)
    behaviour = _behaviour(product, prepared, test, chosen)
    verdict = (
        from_checks("quality", step.name, [*checks, *behaviour_checks(behaviour)], NEXT_STEP) if behaviour else asked
    )
    linear = next((one for one in answers if one.family == "linear_text"), None)
    explanations = explain(prepared, linear, test, given)
    lines = curves.series(prepared.task, y, tested)
    coverage, risk = risk_coverage(sure, right)
    lines["risk_coverage"] = [
        {"at": json_number(a, 6), "risk": json_number(b, 6)}
        for a, b in zip(coverage.tolist(), risk.tolist(), strict=True)
    ]
    facts = card.facts(step, prepared, choice, chosen.selection, left_out, metrics, asked, parts, explanations, 1)
    facts["verdict"] = {"status": verdict.status, "reason": verdict.reason}
    facts["behaviour"] = behaviour
    facts["selective"] = choice["selective"]
    facts["limits"] += _limits(choice, prepared, y, tested)
    result = out / "result"
    if several:
        facts["labels"] = labels_table(prepared, y, tested)
        write_json(result / "labels.json", facts["labels"])
    write_json(result / "choice.json", choice)
    write_json(result / "slices.json", {"columns": parts})
    write_json(result / "explanations.json", explanations)
    write_json(result / "card.json", facts)
    write_parquet(result / "predictions.parquet", _predictions(rows, prepared, score, choice.get("thresholds")))
    write_json(out / "metrics.json", slicing.numbers(metrics))
    for name, points in lines.items():
        write_json(out / "plots" / f"{name}.json", points)
    table = [(str(one["feature"]), float(one["mean_size"]), None) for one in explanations["importance"]]
    pictures.draw(out / "plots", prepared.task, lines, metrics, None, table, parts, explanations["unit"])
    return verdict


def _behaviour(product: Product, prepared: Prepared, test: NDArray[np.int64], chosen: Chosen) -> list[dict[str, Any]]:
    """The behavioural tests that the product asks for; none otherwise."""
    settings, choice = product.evaluate.behaviour, chosen.choice
    if settings is None:
        return []
    originals = [Original(one.family, one.folder) for one in chosen.members]

    def score(texts: Sequence[str]) -> FloatArray:
        return finish(choice, [one.score(texts) for one in originals])

    def decide(given: FloatArray) -> FloatArray:
        if choice.get("thresholds") is not None:
            return decided(given, choice["thresholds"]).astype(np.float64)
        return np.asarray(np.eye(given.shape[1])[np.argmax(given, axis=1)])

    return list(behave(settings, prepared, test, score, decide))


def judged_rows(prepared: Prepared, answers: Sequence[Answers]) -> tuple[NDArray[np.int64], str]:
    """The rows that the choice is made on, and what they are: all that are learned from where every candidate answered
    them out of fold, otherwise the valid rows."""
    learned = prepared.learned()
    if all(np.isin(learned, one.rows).all() for one in answers):
        return learned, "train and valid rows, answered out of fold"
    return prepared.rows("valid"), "valid rows"


def choose(
    product: Product, prepared: Prepared, answers: Sequence[Answers], valid: NDArray[np.int64] | None = None
) -> Chosen:
    """Members, blend, temperature and the threshold of sure answers, all from the rows ``valid`` (the valid rows)."""
    settings = product.evaluate
    valid = prepared.rows("valid") if valid is None else valid
    if prepared.task == "multilabel":
        return Chosen(*choose_several(product, prepared, answers, valid))
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
    task = product.columns.task
    if task == "multilabel":
        names = list(dict.fromkeys([*SEVERAL, *asked]))
    found = estimates(judge(task, y, score, names), settings.resamples, settings.confidence)
    if selective is not None:
        confidence, right = _confidence(y, score)
        sure = (confidence >= float(selective["threshold"])).astype(np.float64)
        wrong = sure * ~right
        parts = [(weights @ sure, weights @ wrong) for weights in draws(len(y), settings.resamples)]
        covered = np.concatenate([part[0] for part in parts]) / len(y)
        with np.errstate(divide="ignore", invalid="ignore"):
            risk = np.concatenate([part[1] / part[0] for part in parts])
        value = float(wrong.sum() / sure.sum()) if sure.any() else float("nan")
        found["coverage"] = Estimate(float(sure.mean()), *percentile_interval(covered, settings.confidence))
        found["selective_risk"] = Estimate(value, *percentile_interval(risk, settings.confidence))
    return found


def _confidence(y: NDArray[np.int64], score: FloatArray) -> tuple[FloatArray, NDArray[np.bool_]]:
    """How sure each answer is and whether it is right; several labels: the whole set of them."""
    if score.ndim == 3:
        given = score[..., 1] == 1
        return set_confidence(score[..., 0], given), np.asarray((given == (y == 1)).all(axis=1))
    return np.asarray(score.max(axis=1)), np.asarray(np.argmax(score, axis=1) == y)


def _slice_frame(prepared: Prepared, rows: NDArray[np.int64]) -> pd.DataFrame:
    """The test rows, and ``text_words``: words per text, for slices by length."""
    frame = prepared.frame.iloc[rows].reset_index(drop=True)
    return frame.assign(text_words=[len(words(text)) for text in prepared.at(rows)])


def _limits(choice: dict[str, Any], prepared: Prepared, y: NDArray[np.int64], score: FloatArray) -> list[str]:
    """What the card says of the weakest classes, of confusions and of texts of no class."""
    if score.ndim == 3:
        weakest = [f"{one['label']} ({one['f1']})" for one in labels_table(prepared, y, score)[:3]]
        return [
            "it knows no label but these: a text about something else gets none, or a wrong one",
            f"labels with the lowest F1 on the test rows: {', '.join(weakest)}",
            *_never_sure(choice),
        ]
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
    return limits + _never_sure(choice)


def _never_sure(choice: dict[str, Any]) -> list[str]:
    if choice["selective"] is not None and choice["selective"]["threshold"] > 1:
        return ["no threshold keeps the stated risk on the valid rows: every answer is 'not sure'"]
    return []


def _predictions(
    rows: NDArray[np.int64], prepared: Prepared, score: FloatArray, thresholds: Sequence[float] | None
) -> pd.DataFrame:
    """Scores and ``decision`` (the most probable class); several labels: also ``labels``, how many are given."""
    import pandas as pd

    columns: dict[str, Any] = {"_row": rows, "_split": prepared.split[rows].astype(object)}
    columns |= {f"score_{index}": np.ascontiguousarray(score[:, index]) for index in range(score.shape[1])}
    columns["decision"] = np.argmax(score, axis=1).astype(np.int64)
    if thresholds is not None:
        columns["labels"] = decided(score, thresholds).sum(axis=1).astype(np.float64)
    return pd.DataFrame(columns)
