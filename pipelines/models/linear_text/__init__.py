"""TF-IDF of words and character n-grams with a linear classifier: quick to fit, exact to explain."""

from __future__ import annotations

from pipelines.models.linear_text.scoring import LinearText, load

__all__ = ["LinearText", "load"]
