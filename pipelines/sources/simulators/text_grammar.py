"""Short texts from a written-down grammar, so that the best possible accuracy is known.

Generating process of one text in a world of ``K`` classes, each draw independent and uniform unless said otherwise:

1. The true class ``k``, by the world's shares. Classes come in pairs of equal share.
2. With probability ``vague`` the core of the text comes from phrases that both classes of its pair use, otherwise from
   phrases of ``k`` alone. Nothing else in the text depends on ``k``.
3. Opening, detail and ending from lists; slots (numbers, days, names) filled.
4. Each word of four letters or more is misspelt with probability ``typos``: two inner letters change places.
5. The label: ``k``, but with probability ``noise`` another class.

No classifier can tell the classes of a pair apart on a vague text, so the best accuracy is
``(1 - vague) (1 - noise) + vague ((1 - noise) / 2 + noise / (2 (K - 1)))``: :func:`best_accuracy`. On top come rows
that a contract must catch (``BAD_SHARE``: no text, an empty one, signs only, an unknown label, an id sent twice).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]

SHIFTS = ("none", "new_topic", "typos", "class_mix")
"""``new_topic``: one text in ten is about something no class covers. ``typos``: one long word in five is misspelt.
``class_mix``: the first pair of classes comes three times as often."""

BAD_SHARE = 0.004
NEW_TOPIC_SHARE = 0.1
OTHER = "other"
_DRAWS = 48
_CLASS, _VAGUE, _NOISE, _OTHER, _TOPIC, _FAULT, _KIND, _GROUP, _SECOND = range(9)
_SLOTS, _TYPOS = 9, 18
_PRODUCTION_ID = 100_000_000


@dataclass(frozen=True)
class World:
    """One product's grammar.

    Attributes:
        classes: names, paired: first with second, third with fourth and so on.
        shares: probability of each class; equal within a pair.
        cores: phrases of each class alone.
        vague: phrases of each pair, in the order of the pairs.
        openings, details, endings: phrases that say nothing of the class.
        new_topic: cores of the topic that no class covers.
        slots: what ``{name}`` in a phrase may become.
        vague_share, noise, typos: probabilities of the process.
        target, group: names of the label column and of a column for slices.
        groups: values of that column.
    """

    classes: tuple[str, ...]
    shares: tuple[float, ...]
    cores: Mapping[str, Sequence[str]]
    vague: Sequence[Sequence[str]]
    openings: Sequence[str]
    details: Sequence[str]
    endings: Sequence[str]
    new_topic: Sequence[str]
    slots: Mapping[str, Sequence[str]]
    target: str
    group: str
    groups: tuple[str, ...]
    vague_share: float = 0.08
    noise: float = 0.03
    typos: float = 0.02
    stream: int = field(default=0, kw_only=True)


def best_accuracy(world: World) -> float:
    """The accuracy that no classifier exceeds in the long run; see the module's text."""
    k, noise = len(world.classes), world.noise
    return (1 - world.vague_share) * (1 - noise) + world.vague_share * ((1 - noise) / 2 + noise / (2 * (k - 1)))


def history(
    world: World, seed: int, start: date, last_day: date, rows_at_start: int, rows_per_day: int
) -> pd.DataFrame:
    """All rows known at the end of ``last_day``, oldest first; a later ``last_day`` only adds rows at the end."""
    days = max(0, (last_day - start).days + 1)
    rows: list[dict[str, Any]] = []
    for number in range(days):
        day = start + timedelta(days=number)
        for draw in _draws(world, seed, day, rows_per_day if number else rows_at_start, "history"):
            row = {"id": len(rows) + 1, "day": day.isoformat(), **_row(world, draw, "none")}
            rows.append(_spoilt(row, world, draw, rows[-1]["id"] if rows else None))
    return _frame(rows, ["id", "day", world.group, "text", world.target])


def production_day(world: World, seed: int, day: date, rows: int, shift: str) -> pd.DataFrame:
    """Texts as clients send them on ``day``: no label, no faulty rows, ids never used before."""
    return _frame(_production(world, seed, day, rows, shift), ["id", "day", world.group, "text"])


def outcomes(world: World, seed: int, day: date, rows: int, shift: str) -> pd.DataFrame:
    """What the texts of :func:`production_day` were about, same order; ``other`` for the new topic."""
    return _frame(_production(world, seed, day, rows, shift), ["id", world.target])


def _production(world: World, seed: int, day: date, rows: int, shift: str) -> list[dict[str, Any]]:
    if shift not in SHIFTS:
        raise ValueError(f"no shift {shift!r}; choose one of: {', '.join(SHIFTS)}")
    first = _PRODUCTION_ID + day.toordinal() * 100_000
    draws = _draws(world, seed, day, rows, "production")
    return [
        {"id": first + place, "day": day.isoformat(), **_row(world, draw, shift)} for place, draw in enumerate(draws)
    ]


def _draws(world: World, seed: int, day: date, rows: int, use: str) -> Floats:
    """The random numbers of one day, one row per text, from a seed of its own."""
    stream = {"history": 0, "production": 1}[use] + 2 * world.stream
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, stream, day.toordinal()]))).random(
        (rows, _DRAWS)
    )


def _row(world: World, draw: Floats, shift: str) -> dict[str, Any]:
    k = _class_of(world, draw[_CLASS], shift)
    label, name = world.classes[k], world.classes[k]
    cores = world.vague[k // 2] if draw[_VAGUE] < world.vague_share else world.cores[name]
    if draw[_NOISE] < world.noise:
        others = [other for other in world.classes if other != name]
        label = _pick(others, draw[_NOISE] / world.noise)
    if shift == "new_topic" and draw[_TOPIC] < NEW_TOPIC_SHARE:
        cores, label = world.new_topic, OTHER
    parts = [
        _pick(world.openings, draw[_SLOTS]),
        _pick(cores, draw[_SLOTS + 1]),
        _pick(world.details, draw[_SLOTS + 2]),
        _pick(world.endings, draw[_SLOTS + 3]),
    ]
    text = _filled(" ".join(part for part in parts if part), world, draw)
    typos = 0.2 if shift == "typos" else world.typos
    text = _misspelt(text, draw, typos)
    return {"text": text[:1].upper() + text[1:], world.target: label, world.group: _pick(world.groups, draw[_GROUP])}


def _class_of(world: World, u: float, shift: str) -> int:
    shares = np.array(world.shares)
    if shift == "class_mix":
        shares[:2] *= 3.0
    edges = np.cumsum(shares / shares.sum())
    return min(int(np.searchsorted(edges, u, side="right")), len(edges) - 1)


def _pick(choices: Sequence[str], u: float) -> str:
    return choices[min(int(u * len(choices)), len(choices) - 1)]


def _filled(text: str, world: World, draw: Floats) -> str:
    for place, (name, choices) in enumerate(world.slots.items()):
        text = text.replace(f"{{{name}}}", _pick(choices, draw[_SLOTS + 4 + place % 5]))
    return text


def _misspelt(text: str, draw: Floats, typos: float) -> str:
    words = text.split(" ")
    for place, word in enumerate(words):
        u = draw[_TYPOS + place % (_DRAWS - _TYPOS)]
        if len(word) >= 4 and word.isalpha() and u < typos:
            at = 1 + int(u / typos * (len(word) - 3))
            words[place] = word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    return " ".join(words)


def _spoilt(row: dict[str, Any], world: World, draw: Floats, before: int | None) -> dict[str, Any]:
    if draw[_FAULT] >= BAD_SHARE:
        return row
    kind = int(draw[_KIND] * 5)
    if kind == 0:
        row["text"] = None
    elif kind == 1:
        row["text"] = ""
    elif kind == 2:
        row["text"] = "...!"
    elif kind == 3:
        row[world.target] = "unknown_label"
    elif before is not None:
        row["id"] = before
    return row


def _frame(rows: list[dict[str, Any]], columns: list[str]) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame({name: [row[name] for row in rows] for name in columns}, columns=columns)
