"""An uplift model's card as Markdown with YAML front matter, rendered from its facts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import yaml


def render(facts: Mapping[str, Any], files: Mapping[str, Any] | None = None) -> str:
    """The card.

    Args:
        facts: ``card.json``.
        files: ``{path: {"bytes", "sha256"}}`` of the other files of the bundle; listed where given.
    """
    verdict = facts["verdict"]
    said = "meets every requirement" if verdict["status"] == "passed" else f"is **blocked**: {_cell(verdict['reason'])}"
    parts = [
        f"---\n{_front(facts)}---\n",
        f"# {facts['title']}\n",
        f"`{facts['product']}` answers, for {facts['use']['users']}: {facts['use']['decision']}.\n",
        f"On the test rows it {said}.\n",
        "## What each offer changes\n",
        _effects(facts),
        "## What targeting gains\n",
        _policies(facts),
        "## What was asked\n",
        _requirements(facts),
        "## How good it is\n",
        _metrics(facts),
        "## The model\n",
        _model(facts),
        "## The data\n",
        _data(facts),
        "## Groups\n",
        _groups(facts),
        "## What it goes by\n",
        _explained(facts["explanations"]),
        "## Limits\n",
        "".join(f"- {limit}\n" for limit in facts["limits"]),
    ]
    if files is not None:
        rows = [(path, str(item["bytes"]), item["sha256"][:16]) for path, item in sorted(files.items())]
        parts += ["## Files\n", _table(("file", "bytes", "SHA-256, first 16"), rows)]
    return "\n".join(parts)


def _front(facts: Mapping[str, Any]) -> str:
    front = {
        "library_name": "lightgbm",
        "pipeline_tag": "tabular-regression",
        "tags": ["tabular", "uplift", "nightshift"],
        "model_name": facts["product"],
        "metrics": [facts["key_metric"]],
    }
    return yaml.safe_dump(front, sort_keys=True, allow_unicode=True, default_flow_style=False)


def _effects(facts: Mapping[str, Any]) -> str:
    rows = [
        (
            effect["arm"],
            _between(effect["average"]),
            "yes" if effect["average_told_from_zero"] else "**no**",
            _between(effect["slope"]),
            "yes" if effect["differences_told_from_zero"] else "**no**",
        )
        for effect in facts["effects"]
    ]
    head = ("offer", "average effect", "told from zero", "slope of the effect on the uplift", "customers told apart")
    text = "A slope of 1: differences of the uplift are as large as the effects'. 0: it tells nobody apart.\n"
    return f"{_table(head, rows)}\n{text}"


def _policies(facts: Mapping[str, Any]) -> str:
    campaign = facts["campaign"]
    rows = [
        (
            one["name"],
            f"{100 * one['contacted']:.1f}%",
            _between(one["value"]),
            _between(one["recommended_is_ahead_by"]),
        )
        for one in facts["policies"]
    ]
    costs = ", ".join(f"{arm} {cost:g}" for arm, cost in campaign["costs"].items()) or "nothing"
    text = f"An outcome is worth {campaign['value']:g}; a contact costs: {costs}. Gains: per customer.\n"
    return f"{text}\n{_table(('policy', 'contacted', 'gain', 'recommended is ahead by'), rows)}"


def _requirements(facts: Mapping[str, Any]) -> str:
    rows = [
        (
            entry["name"],
            _number(entry["limit"]),
            _number(entry["value"]),
            "yes" if entry["met"] else "**no**",
            entry["detail"],
        )
        for entry in facts["requirements"]
    ]
    budgets = facts["budgets"]
    return (
        f"{_table(('requirement', 'limit', 'judged', 'met', 'in words'), rows)}\n"
        f"Asked of the service: one row within {budgets['latency_p99_ms']:g} ms (99th percentile), at most"
        f" {budgets['bundle_size_mb']:g} MiB on disk and {budgets['service_memory_mb']:g} MiB resident. Logged"
        f" predictions are kept {budgets['retention_days']} days.\n"
    )


def _metrics(facts: Mapping[str, Any]) -> str:
    rows = [
        (name, _number(one["value"]), _number(one["low"]), _number(one["high"]))
        for name, one in facts["metrics"].items()
    ]
    return _table(("test metric", "value", "low", "high"), rows)


def _model(facts: Mapping[str, Any]) -> str:
    member, selection = facts["model"]["members"][0], facts["selection"]
    names = {"t": "T-learner: an outcome model per arm", "dr": "doubly robust learner"}
    ranking = ", ".join(f"{name} {_between(one)}" for name, one in selection["ranking"].items())
    lines = [
        f"- {member['model']}: {names[member['learner']]} on LightGBM, {member['folds']} cross-fitted folds",
        f"- chosen on {selection['rows']} train and valid rows: {selection['reason']}"
        f" ({facts['key_metric']}: {ranking})",
        *(f"- not trained: {name}, {reason}" for name, reason in facts["model"]["left_out"].items()),
    ]
    return "\n".join(lines) + "\n"


def _data(facts: Mapping[str, Any]) -> str:
    data, proof = facts["data"], facts["randomisation"]
    rows = data["rows"]
    lines = [
        f"- source: {data['source']}" + (f", {data['name']}" if data["name"] else ""),
        f"- customers: {rows['train']} train, {rows['valid']} valid, {rows['test']} test, parted by {data['split']}",
        f"- features: {data['features']}; none tells the arm",
    ]
    for arm, told in proof["told_apart"].items():
        lines.append(
            f"- {arm} against the control: largest standardised difference {proof['largest_difference'][arm]:.3f},"
            f" told apart by a classifier with AUC {told['auc']:.3f} (0.5: not at all)"
        )
    labels = {
        "licence": "licence",
        "attribution": "attribution",
        "homepage": "home page",
        "url": "file",
        "sha256": "SHA-256",
    }
    lines += [f"- {label}: {data[key]}" for key, label in labels.items() if data.get(key)]
    return "\n".join(lines) + "\n"


def _groups(facts: Mapping[str, Any]) -> str:
    arms = [str(name) for name in facts["classes"][1:]]
    rows = [
        (
            part["column"],
            group["name"] + ("" if group["judged"] else " (few)"),
            str(group["rows"]),
            *(_between(group["effects"][arm]) if "effects" in group else "" for arm in arms),
            _between(group.get("policy_value")),
        )
        for part in facts["slices"]
        for group in part["groups"]
    ]
    head = ("column", "group", "rows", *(f"effect of {arm}" for arm in arms), "gain of the recommended")
    return _table(head, rows) if rows else "None is named.\n"


def _explained(found: Mapping[str, Any]) -> str:
    text = [f"SHAP values of the difference between the offer's trees and the control's, {found['rows']} test rows.\n"]
    for arm in found["arms"]:
        rows = [
            (entry["feature"], _number(entry["mean_size"]), f"{100 * (entry['share'] or 0.0):.1f}%")
            for entry in arm["importance"][:8]
        ]
        text.append(f"{arm['arm']}:\n\n{_table(('feature', 'mean size, uplift', 'share'), rows)}")
    return "\n".join(text)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join("| " + " | ".join(_cell(cell) for cell in line) + " |\n" for line in lines)


def _cell(text: str) -> str:
    return " ".join(str(text).replace("|", "\\|").split())


def _between(found: Mapping[str, Any] | None) -> str:
    if found is None or found["value"] is None:
        return ""
    return f"{_number(found['value'])} [{_number(found['low'])}, {_number(found['high'])}]"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"
