"""Tasks of Label Studio: the queue as its import takes it, and its JSON export as lines of ours.

A labelling interface for them: ``<View><Text name="text" value="$text"/><Choices name="label" toName="text">``, one
``<Choice value="..."/>`` per class; for numbers ``<Number name="label" toName="text"/>``.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from pipelines.records.review import Item
from pipelines.records.review_answers import Answer

NAME = "nightshift"  # key of ``data`` that holds the item's name


def is_task(content: Any) -> bool:
    """Whether this is a task of Label Studio that came from here."""
    return isinstance(content, dict) and isinstance(content.get("data"), dict) and NAME in content["data"]


def task_of(item: Item, shown: Mapping[str, Any], text: str | None, said: list[Answer]) -> dict[str, Any]:
    """One item with its proposals as predictions and what counts of each annotator as annotations."""
    alone = text is not None and text in shown
    words = str(shown[text]) if alone and text else "\n".join(f"{name}: {value}" for name, value in shown.items())
    best = item.proposed[0] if item.proposed else None
    predictions = []
    if best is not None:
        score = {"score": best["confidence"]} if "confidence" in best else {}
        predictions = [{"model_version": item.source, "result": [_result(best["label"])], **score}]
    annotations = [
        {"result": [_result(one.answer)], "completed_by": {"email": one.annotator}, "created_at": one.at}
        for one in said
    ]
    data = {**shown, "text": words, NAME: item.name, "why": item.why}
    return {"id": item.id, "data": data, "predictions": predictions, "annotations": annotations}


def _result(label: Any) -> dict[str, Any]:
    value: dict[str, Any] = {"choices": [str(label)]}
    kind = "choices"
    if isinstance(label, float):
        kind, value = "number", {"number": label}
    return {"from_name": "label", "to_name": "text", "type": kind, "value": value}


def line_of(task: Mapping[str, Any]) -> dict[str, Any]:
    """A task of Label Studio's JSON export as a line of ours; a cancelled annotation is a skip."""
    answers = []
    for one in task.get("annotations") or []:
        result = next((part for part in one.get("result") or [] if part.get("from_name") == "label"), None)
        cancelled = bool(one.get("was_cancelled")) or result is None
        at = str(one.get("updated_at") or one.get("created_at") or "")
        answer = None if cancelled or result is None else _value(result)
        stable = json.dumps([task["data"][NAME], one.get("id"), _who(one), at, answer], sort_keys=True)
        answers.append(
            {
                "annotator": _who(one),
                "action": "skip" if cancelled else "answer",
                "answer": answer,
                "at": _utc(at),
                "once": f"studio-{hashlib.blake2b(stable.encode(), digest_size=16).hexdigest()}",
            }
        )
    return {"name": task["data"][NAME], "answers": answers}


def _value(result: Mapping[str, Any]) -> Any:
    value = result.get("value") or {}
    if "number" in value:
        return float(value["number"])
    found = value.get("choices") or value.get("text") or [None]
    return found[0] if isinstance(found, list) else found


def _who(annotation: Mapping[str, Any]) -> str:
    who = annotation.get("completed_by")
    if isinstance(who, Mapping):
        return str(who.get("email") or who.get("id"))
    return f"label-studio-{who}"


def _utc(text: str) -> str | None:
    """A time as the records hold it; None where it cannot be read."""
    from datetime import UTC, datetime

    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
