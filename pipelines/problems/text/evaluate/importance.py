"""What the chosen model goes by, over a spread of the test texts: words by their mean effect on the answered class."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.files import json_number
from pipelines.models.linear_text import load
from pipelines.problems.common.trained import Answers
from pipelines.problems.text.core.prepared import Prepared

TEXTS = 300
SHOWN = 30
EXAMPLES = 5
FEWEST = 3  # texts that a word must be in


def explain(prepared: Prepared, linear: Answers | None, rows: NDArray[np.int64], score: Any) -> dict[str, Any]:
    """The content of ``explanations.json``.

    Args:
        prepared: the rows.
        linear: the linear candidate, chosen or not: its words are exact; without it nothing is told here.
        rows: test rows.
        score: calibrated probabilities of them ``[n, k]``.
    """
    unit = "log-score of the answered class"
    if linear is None:
        return {"unit": unit, "rows": 0, "models": [], "importance": [], "examples": []}
    files = sorted(path.name for path in linear.folder.glob("linear_*"))[:2]
    model = load(linear.folder, files)
    picked = np.unique(np.linspace(0, len(rows) - 1, min(TEXTS, len(rows))).astype(int))
    effects: defaultdict[str, list[float]] = defaultdict(list)
    examples: list[dict[str, Any]] = []
    for place in picked.tolist():
        label = int(np.argmax(score[place]))
        parts = model.contributions(prepared.texts[int(rows[place])], label)
        for word, effect in parts:
            effects[word].append(effect)
        if len(examples) < EXAMPLES:
            parts.sort(key=lambda part: -abs(part[1]))
            examples.append(
                {
                    "row": int(rows[place]),
                    "answered": prepared.classes[label],
                    "true": prepared.labels(int(rows[place])),
                    "words": [{"word": word, "effect": json_number(effect, 6)} for word, effect in parts[:8]],
                }
            )
    sizes = {word: float(np.mean(np.abs(found))) for word, found in effects.items() if len(found) >= FEWEST}
    total = sum(sizes.values()) or 1.0
    ranked = sorted(sizes.items(), key=lambda item: (-item[1], item[0]))[:SHOWN]
    importance = [
        {"feature": word, "mean_size": json_number(size, 6), "share": json_number(size / total, 6), "direction": None}
        for word, size in ranked
    ]
    return {
        "unit": unit,
        "rows": len(picked),
        "models": [{"model": linear.model, "method": "linear"}],
        "importance": importance,
        "examples": examples,
    }
