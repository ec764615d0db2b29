"""The facts of the model card, and the page of errors: worst replies and confused actions, with what was known."""

from __future__ import annotations

import html
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pipelines.files import json_number, read_json
from pipelines.metrics.intervals import Estimate
from pipelines.metrics.replies import signature
from pipelines.problems.reply.answer.ranking import Pick
from pipelines.problems.reply.core.dialogue import Situation
from pipelines.problems.reply.core.prepared import SPLITS, Prepared
from pipelines.problems.reply.evaluate.ranking import quality
from pipelines.step import Step
from pipelines.verdicts import Verdict

EXAMPLES = 30
CONFUSED = 20
SHOWN_MESSAGES = 4


def facts(
    step: Step, prepared: Prepared, choice: Mapping[str, Any], selection: Mapping[str, Any],
    left_out: Mapping[str, str], metrics: Mapping[str, Estimate], verdict: Verdict, trained: Mapping[str, Path],
) -> dict[str, Any]:  # fmt: skip
    """The content of ``card.json``."""
    product, needs = step.product, step.product.requirements
    source = product.source.model_dump()
    keys = ("url", "homepage", "sha256", "licence", "attribution")
    members = []
    for member in choice["members"]:
        record = read_json(trained[member["family"]] / "model.json")
        members.append({**member, **{key: record[key] for key in ("params", "seeds", "fitting")}})
    return {
        "product": step.name, "problem": product.problem, "title": product.title, "task": "reply",
        "use": {"users": needs.users, "decision": needs.decision},
        "requirements": [
            {"name": one.name, "limit": one.limit, "value": one.value, "met": one.ok, "detail": one.detail}
            for one in verdict.checks
        ],
        "budgets": {
            "latency_p99_ms": needs.latency_p99_ms, "bundle_size_mb": needs.bundle_size_mb,
            "service_memory_mb": needs.service_memory_mb, "retention_days": needs.retention_days,
        },
        "verdict": {"status": verdict.status, "reason": verdict.reason},
        "metrics": {
            name: {"value": json_number(m.value), "low": json_number(m.low), "high": json_number(m.high)}
            for name, m in metrics.items()
        },
        "bleu_signature": signature(),
        "confidence": product.evaluate.confidence, "key_metric": product.evaluate.metric,
        "model": {"members": members, "left_out": dict(left_out), "threshold": choice["threshold"]},
        "selection": dict(selection),
        "data": {
            "source": source["kind"], "name": source.get("name") or source.get("path"),
            **{key: source.get(key) for key in keys},
            "rows": {name: len(prepared.rows(name)) for name in SPLITS}, "split": product.prepare.split.by,
        },
        "limits": _limits(step, verdict),
    }  # fmt: skip


def _limits(step: Step, verdict: Verdict) -> list[str]:
    limits = [f"{check.name} is not met: {check.detail}" for check in verdict.checks if not check.ok]
    if step.product.source.kind == "simulator":
        limits.append("the dialogues are simulated: nothing here speaks about real people")
    return [
        *limits,
        "it says what agents of the train dialogues have said, with the names, numbers and times of the case at hand:"
        " what nobody ever said it hands over",
        f"a standard phrase, said in at least {_common()} train dialogues, may hold a number or name of its own",
        "languages other than that of the train dialogues are handed over where the script or the words are foreign",
        "valid and test dialogues are of the same time as the train dialogues: later drift is not measured here",
    ]


def _common() -> int:
    from pipelines.problems.reply.core.templates import COMMON

    return COMMON


def examples(
    references: Sequence[str], actions: Sequence[str], chosen: Sequence[Pick], names: Sequence[str],
    situations: Sequence[Situation],
) -> list[dict[str, Any]]:  # fmt: skip
    """The worst replies that would have gone out, surest first, then the surest bad ones that were handed over."""
    found = []
    for place, one in enumerate(chosen):
        score = quality(one.text, references[place])
        if score < 0.5:
            found.append((one.hand_over, -one.confidence, place, score))
    return [
        {
            "history": [list(line) for line in situations[place].messages[-SHOWN_MESSAGES:]],
            "said": chosen[place].text, "wanted": references[place], "quality": json_number(score, 3),
            "action": names[chosen[place].action] if chosen[place].action >= 0 else "", "true_action": actions[place],
            "confidence": json_number(chosen[place].confidence, 4), "sent": not handed,
        }
        for handed, _, place, score in sorted(found)[:EXAMPLES]
    ]  # fmt: skip


def confused(actions: Sequence[str], chosen: Sequence[Pick], names: Sequence[str]) -> list[tuple[str, str, int]]:
    """``(true action, chosen action, turns)`` of the most frequent mistakes."""
    pairs = Counter((true, names[p.action] if p.action >= 0 else "") for true, p in zip(actions, chosen, strict=True))
    wrong = [(true, said, count) for (true, said), count in pairs.items() if true != said]
    return sorted(wrong, key=lambda item: (-item[2], item[0], item[1]))[:CONFUSED]


def page(title: str, worst: Sequence[Mapping[str, Any]], mixed: Sequence[tuple[str, str, int]]) -> str:
    """The error analysis as one page of HTML without scripts."""
    rows = "".join(f"<tr><td>{_safe(a)}</td><td>{_safe(b)}</td><td>{n}</td></tr>" for a, b, n in mixed)
    blocks = "".join(_block(one) for one in worst)
    return (
        f"<!doctype html><html lang='en'><meta charset='utf-8'><title>Errors of {_safe(title)}</title>"
        "<style>body{font:15px sans-serif;max-width:60em;margin:2em auto}td,th{padding:.2em .8em;text-align:left}"
        "article{border-top:1px solid #999;margin:1em 0}</style>"
        f"<h1>Errors of {_safe(title)}</h1><h2>Actions that are taken for others</h2>"
        f"<table><tr><th>true</th><th>chosen</th><th>turns</th></tr>{rows}</table>"
        f"<h2>Bad replies, surest first</h2>{blocks}</html>\n"
    )


def _block(one: Mapping[str, Any]) -> str:
    lines = "".join(f"<li>{_safe(who)}: {_safe(text)}</li>" for who, text in one["history"])
    sent = "sent" if one["sent"] else "handed over"
    return (
        f"<article><ul>{lines}</ul><p>said ({_safe(one['action'])}, confidence {one['confidence']}, {sent}):"
        f" <b>{_safe(one['said'])}</b></p><p>wanted ({_safe(one['true_action'])}): <b>{_safe(one['wanted'])}</b></p>"
        "</article>"
    )


def _safe(text: Any) -> str:
    return html.escape(str(text))
