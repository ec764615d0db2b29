"""A model card in the Hugging Face format (YAML front matter, then Markdown), rendered from its facts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from pipelines.problems.card_labels import label_lines

HF_METRICS = {
    "roc_auc": "roc_auc",
    "accuracy": "accuracy",
    "macro_f1": "f1",
    "rmse": "rmse",
    "mae": "mae",
    "r2": "r_squared",
}
PIPELINE_TAGS = {
    "binary": "tabular-classification",
    "multiclass": "tabular-classification",
    "multilabel": "tabular-classification",
    "regression": "tabular-regression",
}
METHODS = {
    "linear": "the exact parts of a linear model",
    "shap": "exact SHAP values (TreeSHAP)",
    "integrated_gradients": "integrated gradients",
}


def render_card(facts: Mapping[str, Any], manifest: Mapping[str, Any] | None = None) -> str:
    """The card as text.

    Args:
        facts: ``card.json`` as the evaluate stage wrote it.
        manifest: ``{"files": {path: {"bytes", "sha256"}}}`` of the other files of the bundle; listed where given.
    """
    parts = [
        f"---\n{_front_matter(facts)}---\n",
        f"# {facts['title']}\n",
        f"`{facts['product']}` answers, for {facts['use']['users']}: {facts['use']['decision']}.\n",
        _verdict(facts),
        "## What was asked, and the answer\n",
        _requirements(facts),
        "## How good it is\n",
        _metrics(facts),
        "## The model\n",
        _model(facts),
        "## The data\n",
        _data(facts["data"]),
        "## Groups\n",
        _slices(facts["slices"], facts["task"]),
        *_text_parts(facts),
        "## What it goes by\n",
        _explanations(facts["explanations"]),
        "## Limits\n",
        "".join(f"- {limit}\n" for limit in facts["limits"]),
    ]
    if manifest is not None:
        parts += ["## Files\n", _files(manifest)]
    return "\n".join(parts)


def _front_matter(facts: Mapping[str, Any]) -> str:
    data, key = facts["data"], facts["key_metric"]
    libraries = sorted({member["family"] for member in facts["model"]["members"]})
    text = facts.get("problem") == "text"
    pipeline = "text-classification" if text else PIPELINE_TAGS[facts["task"]]
    front: dict[str, Any] = {
        "library_name": "lightgbm" if libraries == ["lightgbm"] else "onnx",
        "pipeline_tag": pipeline,
        "tags": ["text" if text else "tabular", "nightshift", *libraries],
        "model_name": facts["product"],
        "model-index": [
            {
                "name": facts["product"],
                "results": [
                    {
                        "task": {"type": pipeline},
                        "dataset": {"name": str(data["name"]), "type": data["source"], "split": "test"},
                        "metrics": [
                            {"type": HF_METRICS.get(name, name), "name": name, "value": found["value"]}
                            for name, found in facts["metrics"].items()
                            if found["value"] is not None
                        ],
                    }
                ],
            }
        ],
        "metrics": [HF_METRICS.get(key, key)],
    }
    return yaml.safe_dump(front, sort_keys=True, allow_unicode=True, default_flow_style=False)


def _verdict(facts: Mapping[str, Any]) -> str:
    verdict = facts["verdict"]
    said = "meets every requirement" if verdict["status"] == "passed" else f"is **blocked**: {_cell(verdict['reason'])}"
    return f"On the test rows it {said}.\n"


def _requirements(facts: Mapping[str, Any]) -> str:
    share = f"{100 * facts['confidence']:g}%"
    rows = [
        (
            entry["name"],
            f"{'at least' if entry['kind'] == 'floor' else 'at most'} {entry['limit']:g}",
            _number(entry["value"]),
            "" if entry["low"] is None else f"{_number(entry['low'])} to {_number(entry['high'])}",
            _met(entry),
        )
        for entry in facts["requirements"]
    ]
    text = _table(("requirement", "asked", "found", f"{share} interval", "met"), rows) if rows else "None is stated.\n"
    budgets = facts["budgets"]
    return (
        f"{text}\n"
        "A floor is judged by the lower end of the interval, a ceiling by the upper end, a fairness limit by the lower"
        " end of the gap.\n\n"
        "Asked of the service, and measured before promotion: one row within"
        f" {budgets['latency_p99_ms']:g} ms (99th percentile), at most {budgets['bundle_size_mb']:g} MiB on disk and"
        f" {budgets['service_memory_mb']:g} MiB resident."
        f" Logged predictions are kept {budgets['retention_days']} days.\n"
    )


def _met(entry: Mapping[str, Any]) -> str:
    if not entry["met"]:
        return "**no**"
    above = entry["kind"] == "fairness limit" and entry["value"] > entry["limit"]
    return "not broken beyond noise" if above else "yes"


def _metrics(facts: Mapping[str, Any]) -> str:
    rows = [
        (
            f"**{name}**" if name == facts["key_metric"] else name,
            _number(one["value"]),
            _number(one["low"]),
            _number(one["high"]),
        )
        for name, one in facts["metrics"].items()
    ]
    return _table(("test metric", "value", "low", "high"), rows)


def _model(facts: Mapping[str, Any]) -> str:
    model, selection = facts["model"], facts["selection"]
    lines = [
        f"- {member['model']} ({member['family']}), weight {member['weight']:g}, seeds {_list(member['seeds'])},"
        f" best iterations {_list(member['best_iterations'])}, search {member['search']['method']}"
        f" ({member['search']['trials']} trials)" + (f"; {member['fitting']}" if member["fitting"] else "")
        for member in model["members"]
    ]
    lines.append(f"- chosen on {selection['rows']} valid rows: {selection['reason']}")
    lines += [f"- not trained: {name}, {reason}" for name, reason in model["left_out"].items()]
    if facts["task"] != "regression":
        lines.append(f"- calibration: {model['calibration']}")
    if facts.get("selective"):
        lines.append(_selective(facts["selective"]))
    decision = selection.get("decision")
    if decision:
        lines.append(f"- acts from a probability of {decision['threshold']:.4g} ({decision['rule']})")
    if decision and "cheapest" in decision:
        costs = facts["costs"]
        lines.append(
            f"- a false alarm costs {costs['false_positive']:g}, a miss {costs['false_negative']:g}; per valid row:"
            f" {decision['cost_per_row']:.4f} at that threshold, {decision['cheapest_cost_per_row']:.4f} at the"
            f" cheapest one found there ({decision['cheapest']:.4g}),"
            f" {decision['cost_of_acting_on_all']:.4f} acting on all,"
            f" {decision['cost_of_acting_on_none']:.4f} on none"
        )
    return "\n".join(lines) + "\n"


def _selective(found: Mapping[str, Any]) -> str:
    valid = found["valid"]
    if found["threshold"] > 1:
        return f"- no threshold keeps the errors at {found['max_risk']:.0%} of the answers: every answer is 'not sure'"
    return (
        f"- 'not sure' below a confidence of {found['threshold']:.4f}: on the valid rows {valid['coverage']:.1%} are"
        f" answered with {valid['risk']:.1%} errors, at most {valid['bound']:.1%} at {found['confidence']:.0%}"
        f" confidence (asked: {found['max_risk']:.0%})"
    )


def _data(data: Mapping[str, Any]) -> str:
    rows = data["rows"]
    lines = [
        f"- source: {data['source']}" + (f", {data['name']}" if data["name"] else ""),
        f"- rows: {rows['train']} train, {rows['valid']} valid, {rows['test']} test, parted by {data['split']}",
        f"- features: {data['features']}",
        *label_lines(data.get("labels")),
        f"- kept for groups only, never features: {_list(data['protected']) or 'none'}",
    ]
    labels = {
        "licence": "licence", "attribution": "attribution", "homepage": "home page", "url": "file",
        "sha256": "SHA-256",
    }  # fmt: skip
    lines += [f"- {label}: {data[key]}" for key, label in labels.items() if data.get(key)]
    lines += [f"- protected, but a feature: {name}, {why}" for name, why in data["protected_as_features"].items()]
    return "\n".join(lines) + "\n"


def _text_parts(facts: Mapping[str, Any]) -> list[str]:
    """What only texts have: labels of several each, behaviour, scope."""
    parts: list[str] = []
    if facts.get("labels"):
        names = ("rows", "f1", "precision", "recall", "average_precision", "ece")
        rows = [(one["label"], *(str(one[name]) for name in names)) for one in facts["labels"]]
        parts += ["## Labels, on the test rows\n", _table(("label", *names), rows)]
    if facts.get("behaviour"):
        told = [
            (one["name"], one["kind"], f"{one['passed']} of {one['cases']}", str(one["limit"]), one["detail"])
            for one in facts["behaviour"]
        ]
        parts += ["## Behaviour\n", _table(("test", "kind", "passed", "least share", "what it asks"), told)]
    if facts.get("scope"):
        parts += ["## Texts out of scope\n", _scope(facts["scope"])]
    return parts


def _scope(scope: Mapping[str, Any]) -> str:
    lines = [
        f"- a text is out of scope where its similarity to the nearest packed case is below {scope['threshold']}: "
        f"{scope['share']:.0%} of {scope['valid_rows']} valid texts are",
        f"- of {scope['test_rows']} test texts {scope['test_share_in_scope']:.1%} count as in scope",
    ]
    held = scope["held_out"]
    if held is not None:
        auc = held["roc_auc"]
        lines.append(
            f"- with {len(held['classes'])} classes treated as unknown ({held['texts']} test texts): AUROC "
            f"{auc['value']:.3f} [{auc['low']:.3f}, {auc['high']:.3f}]; where 95% of the known texts are kept, "
            f"{held['fpr_at_95']:.1%} of the unknown ones pass"
        )
    return "\n".join(lines) + "\n"


def _slices(slices: Sequence[Mapping[str, Any]], task: str) -> str:
    metrics = {
        "binary": ("roc_auc", "recall", "selection_rate"),
        "multiclass": ("accuracy", "log_loss"),
        "multilabel": ("micro_f1", "subset_accuracy"),
        "regression": ("mae", "rmse"),
    }[task]
    rows = [
        (
            part["column"],
            group["name"] + ("" if group["judged"] else " (too few to judge)"),
            str(group["rows"]),
            *(_estimate(group["metrics"].get(name)) for name in metrics),
        )
        for part in slices
        for group in part["groups"]
    ]
    return _table(("column", "group", "rows", *metrics), rows) if rows else "None is named.\n"


def _explanations(found: Mapping[str, Any]) -> str:
    how = "; ".join(f"{model}: {METHODS.get(method, method)}" for model, method in found["methods"].items())
    rows = [
        (entry["feature"], _number(entry["mean_size"]), f"{100 * entry['share']:.1f}%", _direction(entry["direction"]))
        for entry in found["importance"]
    ]
    head = ("feature", f"mean size, {found['unit']}", "share", "more of it")
    return f"By {how}, on {found['rows']} test rows.\n\n{_table(head, rows)}"


def _direction(value: float | None) -> str:
    if value is None or abs(value) < 0.3:
        return ""
    return "raises" if value > 0 else "lowers"


def _files(manifest: Mapping[str, Any]) -> str:
    rows = [(path, str(item["bytes"]), item["sha256"][:16]) for path, item in sorted(manifest["files"].items())]
    return _table(("file", "bytes", "SHA-256, first 16"), rows)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [_line(head), _line(["---"] * len(head)), *(_line(row) for row in rows)]
    return "\n".join(lines) + "\n"


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(_cell(cell) for cell in cells) + " |"


def _cell(text: str) -> str:
    return " ".join(str(text).replace("|", "\\|").split())


def _estimate(found: Mapping[str, Any] | None) -> str:
    if found is None or found["value"] is None:
        return ""
    return f"{_number(found['value'])} [{_number(found['low'])}, {_number(found['high'])}]"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"


def _list(values: Sequence[Any]) -> str:
    return ", ".join(str(value) for value in values)
