"""The train stage of replies: the search with its next-action head, or the encoder-decoder."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from pipelines.errors import ConfigError, StageError
from pipelines.features.tabular import Derive
from pipelines.features.text import clean
from pipelines.files import json_number, write_json, write_parquet
from pipelines.problems.reply.core.candidates import Proposer, bags_of
from pipelines.problems.reply.core.dialogue import Situation
from pipelines.problems.reply.core.prepared import Prepared, load_prepared
from pipelines.problems.reply.core.slots import Values, delexicalise, realise
from pipelines.problems.reply.core.templates import Templates, learn
from pipelines.step import Step
from pipelines.verdicts import Check, Verdict


def run(step: Step, derive: Derive | None) -> Verdict:  # noqa: ARG001 - every problem's signature
    """Write the model's files, ``model.json`` and ``predictions.parquet``; or stand aside, with the reason.

    ``predictions.parquet`` holds ``_row``, ``_split``, ``reply`` and ``action`` of this model alone and, of the
    encoder-decoder, ``texts``: JSON ``{template: mean log-probability per token}``.
    """
    candidate = step.candidate
    if candidate is None:
        raise StageError("train needs a candidate", next_step="run it as `nightshift run train <product>-<model>`")
    if candidate.use == "never":
        return Verdict(
            gate="train", product=step.name, status="stood_aside", reason="left out by rule: its use is set to never"
        )
    prepared = load_prepared(step.input("prepare"), step.product)
    rows = prepared.rows("train")
    situations = prepared.situations(rows)
    bags, values = bags_of(situations)
    templates = [
        delexicalise(clean(prepared.replies[row]), held) for row, held in zip(rows.tolist(), values, strict=True)
    ]
    if candidate.family == "retrieval":
        record, frame = _retrieval(step, prepared, bags, templates)
    elif candidate.family == "seq2seq":
        record, frame = _seq2seq(step, prepared, situations, values, templates)
    else:
        raise ConfigError(
            f"the family {candidate.family!r} gives no replies",
            where={"key": f"candidates.{step.name}-{candidate.model}.family"},
            next_step="choose retrieval or seq2seq",
        )
    shared = {"family": candidate.family, "task": "reply", "classes": [], "seeds": [candidate.seeds[0]]}
    write_json(step.out / "model.json", {**shared, **record})
    write_parquet(step.out / "predictions.parquet", frame)
    return Verdict(
        gate="train",
        product=step.name,
        status="passed",
        checks=(Check(name="rows", ok=True, value=len(rows), unit="train rows", detail=record["fitting"]),),
    )


def _learned(prepared: Prepared, templates: list[str]) -> Templates:
    rows = prepared.rows("train").tolist()
    return learn(
        templates,
        [prepared.actions[row] for row in rows],
        [prepared.dialogues[row] for row in rows],
        [prepared.ids[row] for row in rows],
        sorted({prepared.actions[row] for row in rows}),
    )


def _retrieval(
    step: Step, prepared: Prepared, bags: list[list[str]], templates: list[str]
) -> tuple[dict[str, Any], Any]:
    from pipelines.models.retrieval import fitting

    assert step.candidate is not None
    options = fitting.settings(step.candidate.params)
    told = _learned(prepared, templates)
    place = {name: number for number, name in enumerate(told.names)}
    y = np.array([place[prepared.actions[row]] for row in prepared.rows("train").tolist()], dtype=np.int64)
    profile, seed = step.params.profile, step.candidate.seeds[0]
    head = fitting.fit(bags, y, len(told.names), options, seed, profile.threads, step.progress)
    files = [*head.save(step.out), *told.save(step.out)]
    judged = prepared.rows("valid", "test")
    said, acted = [], []
    for proposals in Proposer(head, told, options["neighbours"]).propose(prepared.situations(judged)):
        nearest = max(proposals.candidates, key=lambda one: one.features[3], default=None)
        said.append(nearest.text if nearest is not None else "")
        acted.append(told.names[proposals.action])
    kept = sum(number >= 0 for number in told.past)
    record = {
        "params": options,
        "files": files,
        "neighbours": options["neighbours"],
        "fitting": f"{len(told.texts)} templates; {kept} of {len(told.past)} past replies may be said again",
    }
    return record, _frame(prepared, judged, said, acted, None)


def _seq2seq(
    step: Step, prepared: Prepared, situations: list[Situation], values: list[Values], templates: list[str]
) -> tuple[dict[str, Any], Any]:
    from pipelines.models.seq2seq import training
    from pipelines.problems.reply.core.writing import KNOWN, SPEAKERS, Writer, mark_of, source_text, target_text

    assert step.candidate is not None
    options, seed = training.settings(step.candidate.params), step.candidate.seeds[0]
    told = _learned(prepared, templates)
    actions = [prepared.actions[row] for row in prepared.rows("train").tolist()]
    usable = [row for row, place in enumerate(told.past) if place >= 0]
    rng = np.random.Generator(np.random.PCG64(seed))
    usable = sorted(rng.permutation(usable)[: options["rows"]].tolist())
    texts = [(source_text(situations[row], values[row]), target_text(actions[row], templates[row])) for row in usable]
    slots = sorted({f"{{{slot}}}" for held in values for slot, _ in held})
    marks = [KNOWN, *SPEAKERS.values(), *(mark_of(name) for name in told.names)]
    network, seen = _network(step, texts, [*marks, *slots], options)
    how = training.decoding_of(options, seed)
    judged = prepared.rows("valid", "test")
    asked = prepared.situations(judged)
    held = bags_of(asked)[1]
    written = Writer(network, how)(asked, held)
    said = [
        realise(max(texts, key=texts.__getitem__), own) or "" if texts else ""
        for texts, own in zip(written, held, strict=True)
    ]
    record = {
        "params": options,
        "files": network.save(step.out),
        "decoding": vars(how),
        "training": seen,
        "fitting": f"{seen['steps']} steps on {len(texts)} replies, {len(network.pieces.tokens)} pieces,"
        f" loss {seen['loss']}",
    }  # fmt: skip
    return record, _frame(prepared, judged, said, None, written)


def _network(
    step: Step, texts: list[tuple[str, str]], whole: list[str], options: dict[str, Any]
) -> tuple[Any, dict[str, Any]]:
    """A trained network, from scratch or from pretrained weights, and what was seen; ``whole``: pieces never split."""
    from pipelines.models.seq2seq import training, tuning, weights
    from pipelines.models.seq2seq.pieces import learn

    assert step.candidate is not None
    seed, profile, root = step.candidate.seeds[0], step.params.profile, step.layout.root
    if options["weights"] != weights.SCRATCH:
        subwords = tuning.pieces_of(options["weights"], root, whole)
        tuned = [(subwords.encode(source), subwords.encode(target)) for source, target in texts]
        return tuning.train(tuned, subwords, options, root, seed, profile, step.progress)
    learned = learn([text for pair in texts for text in pair], whole, options["pieces"] + len(whole))
    pairs = [(learned.encode(source), learned.encode(target)) for source, target in texts]
    return training.train(pairs, learned, options, seed, profile, step.progress)


def _frame(
    prepared: Prepared, rows: Any, said: list[str], acted: list[str] | None, written: list[dict[str, float]] | None
) -> Any:
    import pandas as pd

    columns: dict[str, Any] = {"_row": rows, "_split": prepared.split[rows].astype(object), "reply": said}
    if acted is not None:
        columns["action"] = acted
    if written is not None:
        columns["texts"] = [
            json.dumps({text: json_number(score, 6) for text, score in one.items()}, ensure_ascii=False, sort_keys=True)
            for one in written
        ]
    return pd.DataFrame(columns)
