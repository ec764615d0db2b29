"""What is watched of a text: its length, how many of its words the model knows, how sure the answer is, the answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pipelines.features.text import clean, words
from pipelines.metrics.judges import Judge, judge
from pipelines.problems.common.targets import Targets

if TYPE_CHECKING:
    import pandas as pd

    from pipelines.config import Product

FEATURES = ("text_words", "text_unknown")
ANSWERS = ("decision", "confidence", "margin", "labels")
WORDS = "words.json"


def answered(schema: Mapping[str, Any], answers: Sequence[Mapping[str, Any] | None]) -> dict[str, Any]:
    """Answers as columns: ``score_0`` ... per class, NaN where there is none, and ``decision``, the class's place;
    for several labels per text see :func:`_labels`."""
    columns: dict[str, Any] = {}
    for number, label in enumerate(schema["classes"]):
        found = [np.nan if answer is None else answer["score"][str(label)] for answer in answers]
        columns[f"score_{number}"] = np.array(found, dtype=np.float64)
    if schema["task"] == "multilabel":
        return columns | _labels(schema, answers)
    place = {label: number for number, label in enumerate(schema["classes"])}
    columns["decision"] = [None if answer is None else place.get(answer.get("decision")) for answer in answers]
    return columns


def _labels(schema: Mapping[str, Any], answers: Sequence[Mapping[str, Any] | None]) -> dict[str, Any]:
    """Several labels per text: ``decided_0`` ... (0, 1), ``labels`` (how many), ``decision`` (the likeliest class)."""
    names = [str(label) for label in schema["classes"]]
    given = [None if answer is None else {str(label) for label in answer["decision"]} for answer in answers]
    columns: dict[str, Any] = {
        f"decided_{number}": np.array([np.nan if has is None else float(name in has) for has in given])
        for number, name in enumerate(names)
    }
    columns["labels"] = np.array([np.nan if has is None else float(len(has)) for has in given])
    columns["decision"] = [
        None if answer is None else int(np.argmax([answer["score"][name] for name in names])) for answer in answers
    ]
    return columns


def watched(product: Product, bundle: Path, frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with ``text_words`` (words per text), ``text_unknown`` (share of words that no train text held),
    ``confidence`` (largest probability) and ``margin`` (to the second largest), float64."""
    import json

    known = frozenset(json.loads((bundle / WORDS).read_text(encoding="utf-8")))
    texts = [words(clean(text)) if isinstance(text, str) else [] for text in frame[str(product.columns.text)].tolist()]
    added: dict[str, Any] = {
        "text_words": np.array([float(len(text)) for text in texts]),
        "text_unknown": np.array([sum(word not in known for word in text) / max(1, len(text)) for text in texts]),
    }
    names = [name for name in frame.columns if name.startswith("score_")]
    if len(names) > 1:
        ordered = np.sort(frame[names].to_numpy(dtype=np.float64), axis=1)
        added["confidence"] = ordered[:, -1]
        added["margin"] = ordered[:, -1] - ordered[:, -2]
    return frame.assign(**added)


def roles(product: Product, columns: Sequence[str]) -> dict[str, str]:
    """``{column: role}`` of the columns to watch: what is read off the text, protected columns, the answers."""
    protected = list(product.requirements.protected)
    found = {name: "feature" for name in (*FEATURES, *product.columns.numeric) if name in columns}
    found |= {name: "protected" for name in protected if name in columns}
    found |= {name: "prediction" for name in ANSWERS if name in columns}
    return found


def measured(product: Product, schema: Mapping[str, Any], frame: pd.DataFrame, outcomes: Sequence[Any]) -> Judge:
    """The key metric of answered rows whose outcomes are known; as for tables."""
    targets = Targets.from_schema(schema)
    y = targets.encode(np.asarray(outcomes, dtype=object))
    places = range(len(targets.classes))
    scores = frame[[f"score_{place}" for place in places]].to_numpy(dtype=np.float64)
    if targets.task == "multilabel":
        given = frame[[f"decided_{place}" for place in places]].to_numpy(dtype=np.float64)
        scores = np.stack([scores, given], axis=-1)
    return judge(targets.task, y, scores, [product.evaluate.metric])
