"""The evaluate stage of replies: members, ranker and hand-over by the valid rows, one judgement on the test rows."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pipelines.config import Product
from pipelines.errors import ConfigError, StageError
from pipelines.features.tabular import Derive
from pipelines.files import json_number, read_json, read_parquet, write_json, write_parquet, write_text
from pipelines.metrics import replies as measures
from pipelines.metrics.intervals import Difference, Estimate, difference, estimates
from pipelines.models.retrieval import head
from pipelines.problems.common.quality import requirement_checks
from pipelines.problems.reply.answer.ranking import Pick, Ranker, picks
from pipelines.problems.reply.core import templates
from pipelines.problems.reply.core.candidates import FEATURES, Proposals, Proposer
from pipelines.problems.reply.core.dialogue import Situation
from pipelines.problems.reply.core.prepared import Prepared, load_prepared
from pipelines.problems.reply.core.slots import foreign_parts
from pipelines.problems.reply.evaluate import errors, ranking
from pipelines.step import Step
from pipelines.verdicts import Verdict, from_checks, read_verdict

NEXT_STEP = "read result/card.json and errors.html; mend the data or the candidates, or change requirements on purpose"
BINS = 10


@dataclass(frozen=True)
class Side:
    """The rows of one side with what may be said to them."""

    rows: Any
    situations: list[Situation]
    proposals: list[Proposals]
    references: list[str]
    dialogues: list[str]
    actions: list[str]

    def judge(
        self, chosen: list[Pick], names: list[str], asked: tuple[str, ...] = measures.NAMES
    ) -> measures.ReplyJudge:
        """A judge of picked replies."""
        said = [names[one.action] if one.action >= 0 else "" for one in chosen]
        right = np.array([a == b for a, b in zip(said, self.actions, strict=True)], dtype=np.float64)
        sent = np.array([not one.hand_over for one in chosen], dtype=np.float64)
        return measures.ReplyJudge(self.dialogues, [one.text for one in chosen], self.references, right, sent, asked)


def run(step: Step, derive: Derive | None) -> Verdict:  # noqa: ARG001 - every problem's signature
    """Write ``result/`` (choice, predictions, card, page of errors), ``metrics.json`` and
    ``plots/``; blocked when a requirement is not met.

    Raises:
        ConfigError: the product's block names a metric that does not exist.
    """
    product = step.product
    _require_metrics(product)
    trained, left_out = _trained(step)
    if "retrieval" not in trained:
        return Verdict(
            gate="quality", product=step.name, status="blocked",
            reason="no candidate of the family retrieval was trained",
            next_step=f"set use: always for candidates.{step.name}-retrieval",
        )  # fmt: skip
    prepared = load_prepared(step.input("prepare"), product)
    told = templates.load(trained["retrieval"])
    record = read_json(trained["retrieval"] / "model.json")
    proposer = Proposer(head.load(trained["retrieval"]), told, record["neighbours"])
    valid, members, reason, gains = _choose(step, prepared, proposer, trained)
    wanted = ranking.qualities(valid.proposals, valid.references)
    ranker = Ranker.from_json(ranking.fit(valid.proposals, wanted).to_json())
    honest = ranking.cross_fitted(valid.situations, valid.proposals, wanted, valid.dialogues)
    good = np.array([ranking.quality(p.text, r) >= ranking.GOOD for p, r in zip(honest, valid.references, strict=True)])
    confidence = np.array([one.confidence for one in honest])
    threshold, sending = ranking.threshold_for(confidence, good, product.evaluate.sent_good)
    test = _side(prepared, proposer, trained if "seq2seq" in members else {}, "test")
    chosen = picks(test.situations, test.proposals, ranker, threshold)
    judge = test.judge(chosen, told.names)
    metrics = estimates(judge, product.evaluate.resamples, product.evaluate.confidence)
    metrics |= _points([one.text for one in chosen], chosen, test)
    choice: dict[str, Any] = {
        "task": "reply",
        "members": [{"model": trained[family].name, "family": family, "weight": 1.0} for family in members],
        "neighbours": record["neighbours"],
        "decoding": read_json(trained["seq2seq"] / "model.json")["decoding"] if "seq2seq" in members else None,
        "features": list(FEATURES),
        "ranker": ranker.to_json(),
        "threshold": threshold,
        "metric": {"name": product.evaluate.metric, **_number(metrics[product.evaluate.metric])},
    }
    verdict = from_checks("quality", step.name, requirement_checks(product, metrics), NEXT_STEP)
    selection = {
        "rows": len(valid.rows),
        "reason": reason,
        "alone": gains,
        "sending": _rounded(sending),
        "threshold": threshold,
    }
    _write(step, choice, test, chosen, told.names, metrics)
    facts = errors.facts(step, prepared, choice, selection, left_out, metrics, verdict, trained)
    write_json(step.out / "result" / "card.json", facts)
    worst = errors.examples(test.references, test.actions, chosen, told.names, test.situations)
    write_text(
        step.out / "result" / "errors.html",
        errors.page(product.title, worst, errors.confused(test.actions, chosen, told.names)),
    )
    _plots(step, chosen, test)
    return verdict


def _require_metrics(product: Product) -> None:
    known = (*measures.NAMES, "distinct_1", "distinct_2", "sent_good", "foreign")
    asked = [product.evaluate.metric, *product.requirements.floors, *product.requirements.ceilings]
    unknown = [name for name in asked if name not in known]
    if unknown:
        raise ConfigError(
            f"no metric {unknown[0]!r} for replies", where={"key": "evaluate.metric, requirements"},
            next_step=f"choose one of: {', '.join(known)}",
        )  # fmt: skip


def _trained(step: Step) -> tuple[dict[str, Path], dict[str, str]]:
    found: dict[str, Path] = {}
    left_out: dict[str, str] = {}
    for model in step.params.candidates_of(step.name):
        folder = step.input("train", model)
        verdict = read_verdict(folder)
        if verdict.passed:
            found[read_json(folder / "model.json")["family"]] = folder
        else:
            left_out[model] = verdict.reason
    return found, left_out


def _side(prepared: Prepared, proposer: Proposer, trained: dict[str, Path], name: str) -> Side:
    rows = prepared.rows(name)
    situations = prepared.situations(rows)
    written = _written(trained["seq2seq"], rows) if "seq2seq" in trained else None
    chosen = rows.tolist()
    return Side(
        rows,
        situations,
        proposer.propose(situations, written),
        [prepared.replies[row] for row in chosen],
        [prepared.dialogues[row] for row in chosen],
        [prepared.actions[row] for row in chosen],
    )


def _written(folder: Path, rows: Any) -> list[dict[str, float]]:
    frame = read_parquet(folder / "predictions.parquet").set_index("_row")
    if not set(rows.tolist()) <= set(frame.index.tolist()):
        raise StageError(
            "the encoder-decoder wrote for other rows than prepare's", next_step="run prepare, train and evaluate again"
        )
    return [json.loads(text) for text in frame.loc[rows]["texts"].tolist()]


def _choose(
    step: Step, prepared: Prepared, proposer: Proposer, trained: dict[str, Path]
) -> tuple[Side, list[str], str, dict[str, Any]]:
    """The valid side with the members that are kept: the encoder-decoder only where it helps beyond noise."""
    names, evaluate = proposer.templates.names, step.product.evaluate
    searched = _side(prepared, proposer, {}, "valid")
    alone = _honest(searched, names)
    gains: dict[str, Any] = {"retrieval": json_number(float(alone.measure(np.ones((1, alone.n)))["bleu"][0]))}
    if "seq2seq" not in trained:
        return searched, ["retrieval"], "the only family that was trained", gains
    both = _side(prepared, proposer, trained, "valid")
    together = _honest(both, names)
    gains["retrieval and seq2seq"] = json_number(float(together.measure(np.ones((1, together.n)))["bleu"][0]))
    found: Difference = difference(together, alone, "bleu", evaluate.resamples, evaluate.confidence)
    size = f"{found.value:+.2f} [{found.low:.2f}, {found.high:.2f}]"
    words = f"what the encoder-decoder writes changes BLEU by {size} on valid"
    if found.better(evaluate.confidence):
        return both, ["retrieval", "seq2seq"], f"{words}: a gain beyond noise", gains
    return searched, ["retrieval"], f"{words}: no gain beyond noise, so it is not served", gains


def _honest(side: Side, names: list[str]) -> measures.ReplyJudge:
    wanted = ranking.qualities(side.proposals, side.references)
    chosen = ranking.cross_fitted(side.situations, side.proposals, wanted, side.dialogues)
    return side.judge(chosen, names, ("bleu",))


def _points(said: list[str], chosen: list[Pick], test: Side) -> dict[str, Estimate]:
    """Measures without an interval: variety, how good the sent replies are, foreign numbers and names among them."""
    sent = [place for place, one in enumerate(chosen) if not one.hand_over]
    good = [ranking.quality(said[place], test.references[place]) >= ranking.GOOD for place in sent]
    strange = [bool(foreign_parts(said[place], test.situations[place])) for place in range(len(said))]
    values = {
        "distinct_1": measures.distinct(said, 1),
        "distinct_2": measures.distinct(said, 2),
        "sent_good": float(np.mean(good)) if good else float("nan"),
        "foreign": float(np.mean(strange)),
    }
    return {name: Estimate(value, value, value) for name, value in values.items()}


def _write(
    step: Step, choice: dict[str, Any], test: Side, chosen: list[Pick], names: list[str], metrics: dict[str, Estimate]
) -> None:
    import pandas as pd

    result = step.out / "result"
    write_json(result / "choice.json", choice)
    columns: dict[str, Any] = {
        "_row": test.rows,
        "_split": np.array(["test"] * len(chosen), dtype=object),
        "confidence": np.array([one.confidence for one in chosen]),
        "hand_over": ["yes" if one.hand_over else "no" for one in chosen],
        "next_action": [names[one.action] if one.action >= 0 else None for one in chosen],
        "reply_given": [one.text or None for one in chosen],
    }
    write_parquet(result / "predictions.parquet", pd.DataFrame(columns))
    write_json(step.out / "metrics.json", {name: _number(found) for name, found in metrics.items()})


def _plots(step: Step, chosen: list[Pick], test: Side) -> None:
    """How often replies of a confidence are good: points of ``at`` and ``good``."""
    confidence = np.array([one.confidence for one in chosen])
    good = np.array([ranking.quality(p.text, r) >= ranking.GOOD for p, r in zip(chosen, test.references, strict=True)])
    points = []
    for part in np.array_split(np.argsort(confidence, kind="stable"), BINS):
        if len(part):
            at, share = float(confidence[part].mean()), float(good[part].mean())
            points.append({"at": json_number(at), "good": json_number(share)})
    (step.out / "plots").mkdir(exist_ok=True)
    write_json(step.out / "plots" / "confidence.json", points)


def _number(found: Estimate) -> dict[str, Any]:
    return {"value": json_number(found.value), "low": json_number(found.low), "high": json_number(found.high)}


def _rounded(values: dict[str, float]) -> dict[str, Any]:
    return {name: json_number(value) for name, value in values.items()}
