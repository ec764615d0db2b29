"""CamRest676 as rows of replies, with the look-ups that an agent would make in a table of the restaurants.

The data hold no table. One is read off the train dialogues alone: names by the words around them, what is said of a
name (kind of food, area, price) by majority, telephone, postcode and address by their form. A situation's look-up goes
by what the customer has said so far: it never sees the reply, nor a label of the turn.
"""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

Dialogues = list[dict[str, Any]]
TRAIN, VALID = 405, 135  # dialogues in file order; the rest is test
NAME = re.compile(
    r"((?:[\w&'.-]+ ){0,5}?[\w&'-]+?)(?:'s|s')? (?:is (?:a|an|the|in|located|at|moderately|cheap|expensive|another"
    r"|available)|serves|would be|phone|address|postcode|has|can be|offers|restaurant is|food is)\b",
    re.IGNORECASE,
)
LEAD = re.compile(
    r"^(how about|i (?:would )?recommend|you could try|try|and|there is|the (?:phone number|address) (?:for|of))\b ?",
    re.IGNORECASE,
)
NO_NAME = frozenset(re.findall(
    r"\w+", "there their they it its this that which what you i we do would is are me my the a an price range area food"
))  # fmt: skip
PHONE = re.compile(r"\b0\d{3,4} ?\d{3} ?\d{3,4}\b")
POSTCODE = re.compile(r"\bC\.B \d+, \d [A-Z]\.[A-Z]")
ADDRESS = re.compile(
    r"(?:located (?:at|on|in)|address (?:is|for [\w ]+ is)|is (?:at|on)) ((?:\d|[A-Z])[\w' -]*?)"
    r"(?= ?[.,;?!]| and | with | in the |, |$)"
)
ANOTHER = re.compile(r"\b(else|another|other|different|instead)\b", re.IGNORECASE)
PRICES = {"cheap": "cheap", "inexpensive": "cheap", "moderate": "moderate", "moderately": "moderate",
          "expensive": "expensive"}  # fmt: skip
AREAS = {"north": "north", "south": "south", "east": "east", "west": "west", "centre": "centre", "center": "centre"}
FEW = 3  # restaurants
TOLD = ("name", "address", "phone", "postcode", "food", "area", "pricerange")
BYE = re.compile(r"\b(goodbye|good ?bye|bye|enjoy|welcome|thank|have a)\b", re.IGNORECASE)
SORRY = re.compile(r"\b(sorry|no|not|unfortunately|don't)\b", re.IGNORECASE)
SLOTS = ("food", "area", "pricerange")


def read(mirror: Path) -> Dialogues:
    """All dialogues in file order."""
    lines = (mirror / "camrest676" / "camrest676.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def rows(mirror: Path, look_up: bool) -> list[dict[str, Any]]:
    """One row per reply; ``look_up``: with the restaurant that fits what was said, of the table of the train side."""
    dialogues = read(mirror)
    table = Table(dialogues[:TRAIN]) if look_up else None
    found: list[dict[str, Any]] = []
    for place, dialogue in enumerate(dialogues):
        side = "train" if place < TRAIN else "valid" if place < TRAIN + VALID else "test"
        said: list[tuple[str, str]] = []
        for turn in dialogue["dial"]:
            said.append(("customer", " ".join(turn["usr"]["transcript"].split())))
            reply = " ".join(turn["sys"]["sent"].split())
            knowledge = None if table is None else table.look_up(said)
            found.append({
                "turn_id": f"{place}-{len(said)}", "dialogue_id": place, "split": side,
                "history": "\n".join(f"{who}: {text}" for who, text in said),
                "knowledge": json.dumps(knowledge) if knowledge else None, "looked_up": int(bool(knowledge)),
                "draft": None, "reply": reply, "action": act(reply, knowledge or {}, turn["sys"].get("DA", [])),
            })  # fmt: skip
            said.append(("agent", reply))
    return found


def act(reply: str, knowledge: dict[str, Any], asked: Sequence[Any]) -> str:
    """What a reply does: which fields it tells, which it asks for (the data's own labels), or that it says goodbye."""
    told = [field for field in TOLD if str(knowledge.get(field, "\n")).lower() in reply.lower()]
    parts = [f"tell {field}" for field in told] + [f"ask {slot}" for slot in sorted(map(str, asked))]
    if SORRY.search(reply):
        parts.append("sorry")
    return "+".join(parts) or ("bye" if BYE.search(reply) else "none")


class Table:
    """Restaurants as train dialogues tell of them: ``{name: {field: value}}``."""

    def __init__(self, dialogues: Dialogues) -> None:
        self.foods = sorted(_foods(dialogues), key=lambda food: (-len(food), food))
        self.names = sorted(_names(dialogues), key=lambda name: (-len(name), name))
        self.restaurants: dict[str, dict[str, str]] = {}
        votes: dict[str, dict[str, Counter[str]]] = defaultdict(lambda: defaultdict(Counter))
        written: dict[str, Counter[str]] = defaultdict(Counter)
        for dialogue in dialogues:
            current = ""
            for turn in dialogue["dial"]:
                reply = " ".join(turn["sys"]["sent"].split())
                spans = self._spans(reply)
                current = spans[-1][0] if spans else current
                for name, text in spans:
                    written[name][text] += 1
                if current and len({name for name, _ in spans}) < 2:
                    for field, value in self._facts(reply, turn):
                        votes[current][field][value] += 1
        for name in sorted(votes):
            facts = {field: _usual(votes[name][field]) for field in sorted(votes[name])}
            self.restaurants[name] = {"name": _usual(written[name]), **facts}

    def look_up(self, said: Sequence[tuple[str, str]]) -> dict[str, Any] | None:
        """What the systems show after what was said: how many fit, and one of them; the one spoken of, if it fits."""
        wanted = self.wanted([text for who, text in said if who == "customer"])
        told = [name for who, text in said if who == "agent" for name, _ in self._spans(text)]
        asked = [name for name, _ in self._spans(said[-1][1])]
        if not wanted and not told and not asked:
            return None
        fitting = [
            name for name, facts in self.restaurants.items()
            if all(facts.get(field) == value for field, value in wanted.items())
        ]  # fmt: skip
        shown: dict[str, Any] = {}
        other = bool(ANOTHER.search(said[-1][1]))
        fresh = [name for name in fitting if name not in told]
        current = asked[-1] if asked else told[-1] if told else ""
        if not (current in self.restaurants and (asked or (current in fitting and not other))):
            current = fresh[0] if fresh else current if current in self.restaurants else ""
        if current:
            shown |= self.restaurants[current] | {"offered": current in told}
        counts = {"none": not fitting, "one": len(fitting) == 1, "few": 1 < len(fitting) <= FEW}
        return shown | counts | {f"wanted_{field}": value for field, value in wanted.items()}

    def wanted(self, texts: Sequence[str]) -> dict[str, str]:
        """The latest kind of food, area and price that a customer named."""
        found: dict[str, str] = {}
        for text in texts:
            low = f" {' '.join(re.findall(r'[a-z]+', text.lower()))} "
            for food in self.foods:
                if f" {food} " in low:
                    found["food"] = food
                    break
            for field, words in (("area", AREAS), ("pricerange", PRICES)):
                for word, value in words.items():
                    if f" {word} " in low:
                        found[field] = value
        return found

    def _spans(self, text: str) -> list[tuple[str, str]]:
        """``(name, as it stands there)`` of every restaurant in a text, in order."""
        places: list[tuple[int, str, str]] = []
        low = text.lower()
        taken = [False] * len(text)
        for name in self.names:
            for found in re.finditer(rf"(?<!\w){re.escape(name)}(?!\w)", low):
                if not any(taken[found.start() : found.end()]):
                    taken[found.start() : found.end()] = [True] * len(name)
                    places.append((found.start(), name, text[found.start() : found.end()]))
        return [(name, written) for _, name, written in sorted(places)]

    def _facts(self, reply: str, turn: dict[str, Any]) -> Iterator[tuple[str, str]]:
        yield from self.wanted([reply]).items()
        for act in turn["usr"]["slu"]:  # of train dialogues only
            for slot, value in act["slots"]:
                if act["act"] == "inform" and slot in SLOTS and value != "dontcare":
                    yield slot, value
        for field, form in (("phone", PHONE), ("postcode", POSTCODE)):
            yield from ((field, found[0]) for found in form.finditer(reply))
        yield from (("address", found[1].strip()) for found in ADDRESS.finditer(reply) if len(found[1]) > 5)


def _foods(dialogues: Dialogues) -> set[str]:
    told = [slot for d in dialogues for turn in d["dial"] for act in turn["usr"]["slu"] for slot in act["slots"]]
    return {value for slot, value in told if slot == "food" and value != "dontcare"}


def _names(dialogues: Dialogues) -> set[str]:
    count: Counter[str] = Counter()
    for dialogue in dialogues:
        found: set[str] = set()
        for turn in dialogue["dial"]:
            for sentence in re.split(r"[.?!,;:] +|\s+-\s+", " ".join(turn["sys"]["sent"].split())):
                match = NAME.match(sentence)
                name = LEAD.sub("", match[1].lower()).removeprefix("the ") if match else ""
                if name and not NO_NAME & set(name.split()) and name.split()[0] != "and":
                    found.add(name)
        count.update(found)
    return {name for name, times in count.items() if times > 1}


def _usual(votes: Counter[str]) -> str:
    return min(votes, key=lambda value: (-votes[value], value))
