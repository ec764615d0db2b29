"""The lines of a model card about its labels: who gave them, and how far they are to be trusted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

NAMES = {
    "human": "as the source has them",
    "human_review": "by people in the review queue",
    "weak": "by labelling functions",
    "model": "by self-training",
}


def label_lines(found: Mapping[str, Any] | None) -> list[str]:
    """Lines of Markdown from the ``labels`` of ``card.json``; none where it has none."""
    if not found:
        return []
    train = {name: rows for name, rows in found["sources"]["train"].items() if rows}
    noise = "" if found.get("noise") is None else f"; {found['noise']:.1%} look wrong out of fold"
    given = ", ".join(f"{rows} {NAMES.get(name, name)}" for name, rows in sorted(train.items()))
    lines = [f"- labels of the train rows: {given}{noise}"]
    if "weak" in found:
        lines += _weak(found["weak"])
    if "model" in found:
        lines.append(_model(found["model"]))
    if "rows" in found:
        left = found["rows"]["left_without_label"]
        lines.append(f"- valid and test rows are judged by people's labels only; {left} rows stayed without a label")
    return lines


def _weak(weak: Mapping[str, Any]) -> list[str]:
    measured = weak["on_valid_rows"]
    lines = [
        f"- labelling functions: {len(weak['functions'])}, weighed by {weak['model']}; on {measured['rows']} valid rows"
        f" they cover {_share(measured['coverage'])}, right {_estimate(measured['label_model'])}"
        f" (plain majority {_estimate(measured['majority'])})"
    ]
    lines += [
        f"  - {one['name']} ({one['kind']}): coverage {_share(one['coverage'])}, overlap {_share(one['overlap'])},"
        f" conflict {_share(one['conflict'])}, accuracy estimated {_share(one['estimated_accuracy'])},"
        f" by people's labels {_estimate(one['people'])}"
        for one in weak["functions"]
    ]
    return lines


def _model(model: Mapping[str, Any]) -> str:
    if model["threshold"] is None:
        return (
            f"- self-training labelled nothing: on {model['valid_rows']} valid rows no confidence keeps the errors at"
            f" {model['max_risk']:.0%}"
        )
    return (
        f"- self-training from a confidence of {model['threshold']:.4f}: {model['labelled']} rows; on the valid rows"
        f" {_share(model['valid_coverage'])} lie above it, {_share(model['valid_risk'])} of them wrong"
    )


def _share(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.1%}"


def _estimate(found: Mapping[str, Any]) -> str:
    if found["accuracy"] is None:
        return "unknown"
    return f"{found['accuracy']:.1%} [{found['low']:.1%}, {found['high']:.1%}]"
