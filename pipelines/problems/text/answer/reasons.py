"""Which words speak for a class: exactly for a linear model, by leaving words out for an encoder."""

from __future__ import annotations

from typing import Any

import numpy as np

from pipelines.features.text import word_spans
from pipelines.problems.text.answer.predictor import Predictor

MOST_WORDS = 40  # words that are left out in turn; a longer text is left out in as many pieces
TINY = 1e-12


def reasons(predictor: Predictor, text: str, label: int, most: int) -> list[dict[str, Any]]:
    """The ``most`` words (or pieces) with the largest effect on a class, strongest first.

    Args:
        predictor: the model.
        text: cleaned.
        label: index of the class.
        most: entries at most.

    Returns:
        ``{"word", "effect", "method"}``; ``exact``: the word's part in the linear model's log-score against the mean of
        the classes; ``occlusion``: how much the log-probability falls where the word is left out.
    """
    if predictor.linear is not None:
        parts, method = predictor.linear.contributions(text, label), "exact"
    else:
        parts, method = _left_out(predictor, text, label), "occlusion"
    parts.sort(key=lambda part: (-abs(part[1]), part[0]))
    return [{"word": word, "effect": effect, "method": method} for word, effect in parts[:most]]


def _left_out(predictor: Predictor, text: str, label: int) -> list[tuple[str, float]]:
    spans = word_spans(text)
    if not spans:
        return []
    groups = np.array_split(np.arange(len(spans)), min(MOST_WORDS, len(spans)))
    pieces = [(spans[group[0]][1], spans[group[-1]][2]) for group in groups]
    without = [f"{text[:start]} {text[end:]}" for start, end in pieces]
    scores = np.log(predictor.of_clean([text, *without])[:, label] + TINY)
    return [
        (text[start:end][:80], float(scores[0] - left)) for (start, end), left in zip(pieces, scores[1:], strict=True)
    ]
