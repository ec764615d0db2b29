"""How numbers are written in a file: decimal sign and thousands separator, from the values themselves."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pipelines.onboarding.asking import Asker
from pipelines.sources.local import BLANK

MARKS = re.compile(r"[+-]?\s*\d[\d.,'’ \u00a0\u2009\u202f]*(?:[eE][+-]?\d+)?%?")
SPACE = "[ \u00a0\u2009\u202f]"
SHAPES = (
    # name, pattern: the first that fits is the value's shape
    ("whole", re.compile(r"\d+(?:[eE][+-]?\d+)?|\d+\.0{1,2}")),  # 7.0 is how programs write whole numbers
    ("groups . fraction ,", re.compile(r"[1-9]\d{0,2}(?:\.\d{3})+,\d+")),
    ("groups , fraction .", re.compile(r"[1-9]\d{0,2}(?:,\d{3})+\.\d+(?:[eE][+-]?\d+)?")),
    ("groups .", re.compile(r"[1-9]\d{0,2}(?:\.\d{3}){2,}")),
    ("groups ,", re.compile(r"[1-9]\d{0,2}(?:,\d{3}){2,}")),
    ("three after .", re.compile(r"[1-9]\d{0,2}\.\d{3}")),
    ("three after ,", re.compile(r"[1-9]\d{0,2},\d{3}")),
    ("fraction .", re.compile(r"\d*\.\d+(?:[eE][+-]?\d+)?|\d+\.")),
    ("fraction ,", re.compile(r"\d*,\d+(?:[eE][+-]?\d+)?")),
    ("spaces", re.compile(rf"[1-9]\d{{0,2}}(?:{SPACE}\d{{3}})+")),
    ("spaces fraction ,", re.compile(rf"[1-9]\d{{0,2}}(?:{SPACE}\d{{3}})+,\d+")),
    ("spaces fraction .", re.compile(rf"[1-9]\d{{0,2}}(?:{SPACE}\d{{3}})+\.\d+")),
    ("marks", re.compile(r"[1-9]\d{0,2}(?:['’]\d{3})+")),
    ("marks fraction ,", re.compile(r"[1-9]\d{0,2}(?:['’]\d{3})+,\d+")),
    ("marks fraction .", re.compile(r"[1-9]\d{0,2}(?:['’]\d{3})+\.\d+")),
)
NUMBERS = 0.9  # share of a column's values that have one of the shapes before it has a say


@dataclass(frozen=True)
class Writing:
    """Decimal sign, thousands separator (may be empty), and why."""

    decimal: str
    thousands: str
    why: str


def shape(text: str) -> str | None:
    """The name of the shape of one value, or None when it is no number in any writing."""
    bare = text.strip().lstrip("+-").strip()
    if not bare or not (bare[0].isdigit() or bare[0] in ".,"):
        return None
    return next((name for name, pattern in SHAPES if pattern.fullmatch(bare)), None)


def decide(columns: Mapping[str, Sequence[str]], asker: Asker) -> Writing:
    """The writing of a file from values of its columns.

    A column has a say when nearly all of its values are numbers in some writing. ``1,5`` is a decimal comma,
    ``1,234,567`` are thousands; ``1,234`` alone could be either, and is then decided by the other columns, or asked.
    """
    votes: Counter[str] = Counter()
    shown: dict[str, str] = {}
    for name, texts in columns.items():
        present = [text for text in texts if text.strip() and text not in BLANK]
        shapes = [shape(text) for text in present]
        if not present or sum(found is not None for found in shapes) < NUMBERS * len(present):
            continue
        for text, found in zip(present, shapes, strict=True):
            if found is not None and found not in shown:
                shown[found] = f"{text.strip()!r} in {name}"
        votes.update({found for found in shapes if found is not None})
    return _decided(votes, shown, asker)


def _decided(votes: Counter[str], shown: Mapping[str, str], asker: Asker) -> Writing:
    def some(*names: str) -> str:
        return next((shown[name] for name in names if votes[name]), "")

    comma = some("fraction ,", "groups . fraction ,", "spaces fraction ,", "marks fraction ,")
    point = some("fraction .", "groups , fraction .", "spaces fraction .", "marks fraction .")
    dots, commas = some("groups ."), some("groups ,")
    spaces = some("spaces", "spaces fraction ,", "spaces fraction .")
    marks = some("marks", "marks fraction ,", "marks fraction .")
    odd_comma, odd_point = some("three after ,"), some("three after .")
    if (comma or dots) and (point or commas):
        decimal = asker.choose(
            f"{comma or dots} speaks for a decimal comma, {point or commas} for a decimal point",
            [".", ","],
            "--decimal",
        )
    elif comma or dots:
        decimal = ","
    elif point or commas or not odd_comma:
        decimal = "."
    else:
        decimal = asker.choose(f"whether {odd_comma} is a decimal comma or thousands", [".", ","], "--decimal")
    if marks or spaces:
        return Writing(decimal, "'" if marks else " ", marks or spaces)
    if decimal == ",":
        grouped = some("groups . fraction ,", "groups .") or odd_point
        return Writing(",", "." if grouped else "", f"{comma or dots or odd_comma}{f', {grouped}' if grouped else ''}")
    grouped = some("groups , fraction .", "groups ,") or odd_comma
    return Writing(".", "," if grouped else "", grouped or point)
