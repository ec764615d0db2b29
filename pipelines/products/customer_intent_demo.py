"""Labelling functions of the simulated customer intents: what an agent would say of a message at first sight."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

LOST = re.compile(r"\b(lost|stolen|disappeared|cannot find|took my wallet|left my card)\b")
POST = re.compile(r"\b(arrived?|deliver\w*|letterbox|by post|waiting for the card)\b")
MONEY_BACK = re.compile(r"\b(refund\w*|money back|paid back)\b")


def card_lost(row: Mapping[str, Any]) -> str | None:
    """A card that was there and is gone."""
    text = _text(row)
    return "card_lost" if "card" in text and LOST.search(text) and not POST.search(text) else None


def card_not_arrived(row: Mapping[str, Any]) -> str | None:
    """A card that the bank sent."""
    text = _text(row)
    return "card_not_arrived" if "card" in text and POST.search(text) else None


def refund_missing(row: Mapping[str, Any]) -> str | None:
    """Money that a shop owes."""
    return "refund_missing" if MONEY_BACK.search(_text(row)) else None


def _text(row: Mapping[str, Any]) -> str:
    return str(row["text"]).casefold()


LABEL_FUNCTIONS: Mapping[str, Callable[[Mapping[str, Any]], str | None]] = {
    function.__name__: function for function in (card_lost, card_not_arrived, refund_missing)
}
