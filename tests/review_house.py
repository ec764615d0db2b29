"""A checkout with one product of each kind of answer and a queue, without any lane: for the page, files and report."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from pipelines.config import Params, load_params
from pipelines.files import write_json
from pipelines.layout import Layout
from pipelines.records import review
from pipelines.records.review import Ask
from pipelines.records.store import Records

INTENTS = [f"intent_{number:02}" for number in range(74)] + ["card_lost", "card_stolen", "top_up_failed"]
WARDS = ["cardiac", "digestive", "urinary"]
MARKUP = '<img src=x onerror="window.ran=1"><b>bold</b> & "quotes"'
REQUIREMENTS = {
    "users": "testers", "decision": "none", "latency_p99_ms": 50, "bundle_size_mb": 10, "service_memory_mb": 500,
    "retention_days": 30, "protected": ["sex"],
}  # fmt: skip
KINDS: dict[str, dict[str, Any]] = {
    "intents": {"problem": "text", "columns": {"id": "id", "target": "intent", "task": "multiclass", "text": "text"}},
    "wards": {"problem": "text", "columns": {"id": "id", "target": "ward", "task": "multiclass", "text": "text"}},
    "topics": {"problem": "text", "columns": {"id": "id", "target": "topics", "task": "multilabel", "text": "text"}},
    "loans": {
        "problem": "tabular",
        "columns": {
            "id": "id", "target": "default", "task": "binary", "numeric": ["income", "sum"],
            "categorical": ["town", "sex"],
        },
    },
    "prices": {
        "problem": "tabular", "columns": {"id": "id", "target": "price", "task": "regression", "numeric": ["m2"]},
    },
    "chats": {"problem": "reply", "columns": {"id": "id", "target": "reply", "task": "multiclass", "text": "said"}},
}  # fmt: skip
FAMILY = {"text": "linear_text", "tabular": "lightgbm", "reply": "retrieval"}


def make_house(folder: Path, reviews: dict[str, dict[str, Any]] | None = None) -> tuple[Layout, Params]:
    """``params.yaml`` with all products; ``reviews``: product -> its ``label.review`` block."""
    products, candidates = {}, {}
    for name, kind in KINDS.items():
        family = FAMILY[kind["problem"]]
        products[name] = {
            "title": f"{name} {MARKUP if name == 'wards' else ''}", "data": "own", "requirements": REQUIREMENTS,
            "source": {"kind": "file", "path": "data/*.csv"}, "validation": {"suite": name},
            "label": {"review": (reviews or {}).get(name, {})}, "evaluate": {"metric": "accuracy"}, **kind,
        }  # fmt: skip
        candidates[f"{name}-{family}"] = {
            "product": name, "problem": kind["problem"], "model": family, "family": family,
        }  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "params.yaml").write_text(yaml.safe_dump({"products": products, "candidates": candidates}))
    layout = Layout(folder)
    for name, classes in {"intents": INTENTS, "wards": WARDS, "topics": WARDS, "loans": [0, 1]}.items():
        write_json(layout.stage("prepare", name) / "schema.json", {"classes": classes})
    return layout, load_params(layout.params)


def ask(product: str, number: int, **more: Any) -> Ask:
    """The ``number``-th row of a product, asked in this order."""
    shown: dict[str, Any] = {"text": f"text {number} {MARKUP}"}
    proposed: list[dict[str, Any]] = [
        {"label": "card_lost", "confidence": 0.6},
        {"label": "intent_01", "confidence": 0.3},
    ]
    if product in ("wards", "topics"):
        proposed = [{"label": "urinary", "confidence": 0.5}]
    if product == "loans":
        shown, proposed = {"income": 1000.5 + number, "sum": number, "town": "Köln", "sex": "f"}, []
    if product == "prices":
        shown, proposed = {"m2": 40 + number}, [{"label": 99.5}]
    if product == "chats":
        shown, proposed = {"messages": [{"from": "customer", "text": "Where is it?"}]}, [{"label": "I do not know."}]
    values: dict[str, Any] = {
        "source": "suspect", "kind": "row", "shown": shown, "proposed": proposed, "why": f"because {MARKUP}",
        "priority": -float(number), "given": None, "key": str(number), **more,
    }  # fmt: skip
    return Ask(product, **values)


def fill_house(records: Records, rows: int = 6, wanted: int = 1) -> None:
    """``rows`` questions of each product, each to ``wanted`` annotators."""
    for product in KINDS:
        kind = {"kind": "chat", "source": "chat"} if product == "chats" else {}
        review.add_items(records, [ask(product, number, wanted=wanted, **kind) for number in range(rows)])
