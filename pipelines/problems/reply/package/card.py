"""The model card of replies in the Hugging Face format (YAML front matter, then Markdown)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import yaml


def render(facts: Mapping[str, Any], files: Mapping[str, Mapping[str, Any]]) -> str:
    """The card as text; ``files`` are the other files of the bundle."""
    data, rows = facts["data"], facts["data"]["rows"]
    members = [
        f"- {member['model']} ({member['family']}), seed {member['seeds'][0]}: {member['fitting']}"
        for member in facts["model"]["members"]
    ]
    said = (
        "meets every requirement"
        if facts["verdict"]["status"] == "passed"
        else f"is **blocked**: {facts['verdict']['reason']}"
    )
    sending = facts["selection"]["sending"]
    parts = [
        f"---\n{_front(facts)}---\n",
        f"# {facts['title']}\n",
        f"`{facts['product']}` answers, for {facts['use']['users']}: {facts['use']['decision']}.\n",
        f"On the test dialogues it {said}.\n",
        "## What was asked, and the answer\n",
        _table(("requirement", "limit", "found", "met"), [
            (one["name"], f"{one['limit']:g}", _shown(one["value"]), "yes" if one["met"] else "**no**")
            for one in facts["requirements"]
        ]),
        _budgets(facts["budgets"]),
        "## How good it is\n",
        f"BLEU is sacreBLEU's, `{facts['bleu_signature']}`, on replies as they are said (lexicalised). Intervals are"
        f" {100 * facts['confidence']:g}% bootstrap intervals over dialogues.\n",
        _table(("test metric", "value", "low", "high"), [
            (name, *(_shown(found[key]) for key in ("value", "low", "high")))
            for name, found in facts["metrics"].items()
        ]),
        "## The model\n",
        "\n".join(members) + "\n",
        f"- chosen on {facts['selection']['rows']} valid rows: {facts['selection']['reason']}\n",
        "".join(f"- not trained: {name}, {why}\n" for name, why in facts["model"]["left_out"].items()),
        "The reply is a past reply of an agent, with slots filled from the case at hand, or a text of the"
        " encoder-decoder where it is a member; a ranker chooses. It is served in numpy, the encoder-decoder"
        " with a key-value cache: no torch, no ONNX.\n",
        f"A reply goes out without a person from a confidence of {facts['model']['threshold']:.4g}: on valid dialogues"
        f" {_shown(sending['sent'])} of the replies, of which {_shown(sending['good'])} were good.\n",
        "## The data\n",
        f"- source: {data['source']}, {data['name']}\n- replies: {rows['train']} train, {rows['valid']} valid,"
        f" {rows['test']} test, parted by {data['split']}, whole dialogues\n",
        "".join(f"- {key}: {data[key]}\n" for key in ("licence", "attribution", "homepage", "sha256") if data.get(key)),
        "## Limits\n",
        "".join(f"- {limit}\n" for limit in facts["limits"]),
        "## Files\n",
        _table(("file", "bytes", "SHA-256, first 16"), [
            (name, str(one["bytes"]), one["sha256"][:16]) for name, one in sorted(files.items())
        ]),
    ]  # fmt: skip
    return "\n".join(part for part in parts if part)


def _front(facts: Mapping[str, Any]) -> str:
    data = facts["data"]
    results = {
        "task": {"type": "text-generation"},
        "dataset": {"name": str(data["name"]), "type": data["source"], "split": "test"},
        "metrics": [
            {"type": name, "name": name, "value": found["value"]}
            for name, found in facts["metrics"].items()
            if found["value"] is not None
        ],
    }
    front = {
        "library_name": "numpy",
        "pipeline_tag": "text-generation",
        "tags": ["dialogue", "nightshift"],
        "model_name": facts["product"],
        "model-index": [{"name": facts["product"], "results": [results]}],
        "metrics": [facts["key_metric"]],
    }
    return yaml.safe_dump(front, sort_keys=True, allow_unicode=True, default_flow_style=False)


def _budgets(budgets: Mapping[str, Any]) -> str:
    return (
        f"Asked of the service, and measured before promotion: one reply within {budgets['latency_p99_ms']:g} ms (99th"
        f" percentile), at most {budgets['bundle_size_mb']:g} MiB on disk and"
        f" {budgets['service_memory_mb']:g} MiB resident."
        f" Logged predictions are kept {budgets['retention_days']} days.\n"
    )


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return (
        "\n".join(
            "| " + " | ".join(" ".join(str(c).replace("|", "\\|").split()) for c in line) + " |" for line in lines
        )
        + "\n"
    )


def _shown(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"
