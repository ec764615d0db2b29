"""Customer-service dialogues from a grammar: booking a table, a bank, a parcel. What the agent says next is known.

Generating process of one dialogue: a scene (``booking``, ``bank``, ``parcel``) with its facts (names, times, amounts,
numbers) is drawn; customer and agent take turns after the scene's script, each line from a few wordings; parts are left
out or added by chance (small talk, a repeated question). One row per agent turn: the history so far, the fields that
the agent's systems show (``knowledge``), the reply and the name of the action that it carries out. Every name, number
and time of a reply stands in the history or in the knowledge, so that it must be copied, never remembered.

On top come rows that a contract must catch (``BAD_SHARE``: a history without any speaker).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

    Generator = np.random.Generator

TARGET, ACTION = "reply", "action"
COLUMNS = ("turn_id", "dialogue_id", "turn", "history", "knowledge", "looked_up", "draft", ACTION, TARGET)
INPUTS = COLUMNS[:7]
SHIFTS = ("none", "new_subject", "other_language", "long_messages")
"""``new_subject``: many ask about parking, which nobody ever answered. ``other_language``: many write Spanish.
``long_messages``: customers tell much more than is asked."""

BAD_SHARE = 0.002
CUSTOMER, AGENT = "customer", "agent"
FIRST = ("Ana", "Bruno", "Chen", "Dalia", "Emil", "Farid", "Greta", "Hugo", "Ines", "Jonas", "Kira", "Liam", "Mona")
LAST = ("Abel", "Berg", "Costa", "Duran", "Eklund", "Faber", "Gupta", "Horn", "Ito", "Jansen", "Kaya", "Lund", "Moreau")
PLACES = ("Lucca", "Blue Door", "Old Mill", "Saffron", "Harbour House", "Green Fork", "Casa Sol", "North Star")
FOODS = ("Italian", "Thai", "Greek", "Indian", "Mexican", "French")
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
CARRIERS = ("Swift Post", "Red Van", "Parcel One")
STREETS = ("Mill Road", "Park Street", "Castle Lane", "Station Road", "Oak Avenue")


@dataclass
class _Talk:
    """A dialogue while it is made: what was said, what the systems show, and the agent turns so far."""

    rng: Generator
    shift: str
    said: list[tuple[str, str]] = field(default_factory=list)
    turns: list[dict[str, Any]] = field(default_factory=list)
    knowledge: dict[str, Any] | None = None
    looked_up: int = 0

    def pick(self, options: Sequence[str]) -> str:
        return options[int(self.rng.integers(len(options)))]

    def chance(self, share: float) -> bool:
        return bool(self.rng.random() < share)

    def customer(self, *options: str) -> None:
        text = self.pick(options)
        if self.shift == "other_language" and self.chance(0.7):
            text = self.pick(
                ("Hola, necesito ayuda con esto, por favor", "No entiendo nada, quiero hablar en mi idioma")
            )
        if self.shift == "long_messages":
            text += ". I have tried this many times before and it never worked the way that I was promised" * 6
        self.said.append((CUSTOMER, text))

    def lookup(self, **fields: Any) -> None:
        self.knowledge, self.looked_up = fields, self.looked_up + 1

    def agent(self, action: str, *options: str) -> None:
        known = None if self.knowledge is None else json.dumps(self.knowledge, sort_keys=True)
        reply = self.pick(options)
        draft = " ".join(reply.lower().rstrip(".?!").split()[:4]) if self.chance(0.3) else None
        self.turns.append({
            "turn": len(self.turns), "history": "\n".join(f"{who}: {text}" for who, text in self.said),
            "knowledge": known, "looked_up": self.looked_up, "draft": draft, ACTION: action, TARGET: reply,
        })  # fmt: skip
        self.said.append((AGENT, reply))
        self.looked_up = 0


def history(
    seed: int, start: date, last_day: date, rows_at_start: int, rows_per_day: int,
    shift: str = "none", shift_from: date | None = None,
) -> pd.DataFrame:  # fmt: skip
    """All agent turns up to ``last_day``, oldest first; a later ``last_day`` only adds rows."""
    import pandas as pd

    rows: list[dict[str, Any]] = []
    for number in range(max(0, (last_day - start).days + 1)):
        day = start + timedelta(days=number)
        moved = shift if shift_from is not None and day >= shift_from else "none"
        block = _turns(seed, day, rows_per_day if number else rows_at_start, "history", moved)
        rng = _generator(seed, day, 7)
        for row in block:
            if rng.random() < BAD_SHARE:
                row["history"] = ""
        rows += block
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype({"turn": "int64", "looked_up": "int64"})


def production_day(seed: int, day: date, rows: int, shift: str = "none") -> pd.DataFrame:
    """``rows`` situations of ``day`` in which an agent must answer, ids never used before."""
    return _production(seed, day, rows, shift)[list(INPUTS)]


def outcomes(seed: int, day: date, rows: int, shift: str = "none") -> pd.DataFrame:
    """What the agents did say: ``turn_id``, ``action``, ``reply``."""
    return _production(seed, day, rows, shift)[["turn_id", ACTION, TARGET]]


def _production(seed: int, day: date, rows: int, shift: str) -> pd.DataFrame:
    import pandas as pd

    if shift not in SHIFTS:
        raise ValueError(f"no shift {shift!r}; choose one of: {', '.join(SHIFTS)}")
    made = pd.DataFrame(_turns(seed, day, rows, "production", shift), columns=list(COLUMNS))
    return made.astype({"turn": "int64", "looked_up": "int64"})


def _generator(seed: int, day: date, stream: int) -> Generator:
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, 61, stream, day.toordinal()])))


def _turns(seed: int, day: date, rows: int, use: str, shift: str = "none") -> list[dict[str, Any]]:
    rng = _generator(seed, day, {"history": 0, "production": 1}[use])
    made: list[dict[str, Any]] = []
    number = 0
    while len(made) < rows:
        talk = _Talk(rng, shift)
        scene = _parking if shift == "new_subject" and talk.chance(0.5) else SCENES[int(rng.integers(len(SCENES)))]
        scene(talk)
        name = f"{use[0]}{day:%Y%m%d}-{number:05d}"
        made += [{"turn_id": f"{name}-{turn['turn']}", "dialogue_id": name, **turn} for turn in talk.turns]
        number += 1
    return made[:rows]


def _hello(talk: _Talk) -> None:
    if talk.chance(0.6):
        talk.customer("Hello", "hi", "Hi there", "Good morning", "hey")
        talk.agent("hello", "Hello, how can I help?", "Hello, how can I help?", "Hello, what can I do for you?")


def _bye(talk: _Talk) -> None:
    talk.customer("ok thanks", "great", "perfect, thank you", "thanks a lot", "wonderful")
    talk.agent("anything_else", "Is there anything else that I can do for you?")
    talk.customer("no that is all", "No, thanks", "nope, bye", "that was it")
    talk.agent("goodbye", "Thank you and goodbye.", "Thank you and goodbye.", "Have a nice day, goodbye!")


def _name(talk: _Talk) -> str:
    return f"{talk.pick(FIRST)} {talk.pick(LAST)}"


def _clock(talk: _Talk) -> str:
    return f"{int(talk.rng.integers(5, 11))}:{talk.pick(('00', '15', '30', '45'))} pm"


def _booking(talk: _Talk) -> None:
    place, food, guest, when, day = talk.pick(PLACES), talk.pick(FOODS), _name(talk), _clock(talk), talk.pick(DAYS)
    people, code = int(talk.rng.integers(2, 10)), f"R{int(talk.rng.integers(10_000, 99_999))}"
    _hello(talk)
    talk.customer(
        f"I want a table at a {food} restaurant", f"can you find me somewhere {food} to eat", f"Looking for {food} food"
    )
    rating = int(talk.rng.integers(2, 6))
    talk.lookup(Name=place, Food=food, Rating=rating)
    talk.agent(
        "restaurant_offer",
        f"I have found {place}, it serves {food} food and has a rating of {rating}. Shall I book it?",
    )
    if talk.chance(0.3):
        talk.customer("what was its rating again?", "how good is it?")
        talk.agent("restaurant_rating", f"{place} has a rating of {rating}.")
    talk.customer("yes please", "sounds good, book it", "ok let us go there")
    talk.agent("ask_day", "What day would you like to book for?")
    talk.customer(f"{day}", f"on {day} please", f"{day} would be best")
    talk.agent(
        "ask_time", f"At what time on {day}?", "What time would you like to come?", "What time would you like to come?"
    )
    talk.customer(f"at {when}", f"{when}", f"around {when} if possible")
    talk.agent("ask_guests", "For how many people?")
    talk.customer(f"{people}", f"{people} people", f"we are {people}")
    talk.agent("ask_name", "May I have your name, please?")
    talk.customer(f"{guest}", f"my name is {guest}", f"It's {guest}")
    if talk.chance(0.8):
        talk.lookup(Name=place, Guest=guest, Day=day, Time=when, People=people, Code=code)
        talk.agent("booked", f"Done, {guest}: a table for {people} at {place} on {day} at {when}. Your code is {code}.")
    else:
        talk.lookup(Name=place, Day=day, Time=when, Status="full")
        talk.agent("full", f"I am sorry, {place} is full on {day} at {when}.")
    _bye(talk)


def _bank(talk: _Talk) -> None:
    who, account = _name(talk), f"{int(talk.rng.integers(1000, 9999))}"
    balance = f"{int(talk.rng.integers(10, 9000))}.{int(talk.rng.integers(0, 100)):02d}"
    wish = talk.pick(("balance", "transfer", "block"))
    _hello(talk)
    talk.customer(*{
        "balance": ("What is my balance?", "how much money do I have", "check my account please"),
        "transfer": ("I want to send money", "Please make a transfer", "can you transfer some money for me"),
        "block": ("I lost my card", "my card was stolen", "please block my card"),
    }[wish])  # fmt: skip
    talk.agent("ask_full_name", "Could I get your full name, please?")
    talk.customer(who, f"I am {who}", f"{who} is my name")
    talk.agent("ask_account", "And the last four digits of your account number?")
    talk.customer(account, f"it is {account}", f"they are {account}")
    if talk.chance(0.15):
        talk.lookup(Holder=who, Account=account, Status="unknown")
        talk.agent("not_verified", f"I could not verify you with the account {account}, {who}.")
    elif wish == "balance":
        talk.lookup(Holder=who, Account=account, Balance=balance)
        talk.agent("balance", f"Thank you, {who}. The balance of the account {account} is {balance} dollars.")
    elif wish == "transfer":
        talk.agent("ask_amount", "How much would you like to transfer?")
        amount, to = int(talk.rng.integers(5, 900)), _name(talk)
        talk.customer(f"{amount} dollars", f"{amount}", f"${amount}")
        talk.agent("ask_receiver", "To whom should the money go?")
        talk.customer(to, f"to {to}", f"{to} please")
        talk.lookup(Holder=who, Account=account, Amount=amount, Receiver=to, Status="sent")
        talk.agent("transferred", f"{amount} dollars were sent from the account {account} to {to}.")
    else:
        talk.lookup(Holder=who, Account=account, Status="blocked")
        talk.agent("blocked", f"The card of the account {account} is blocked, {who}. A new one is on its way.")
    _bye(talk)


def _parcel(talk: _Talk) -> None:
    number, carrier = f"P{int(talk.rng.integers(100_000, 999_999))}", talk.pick(CARRIERS)
    street = f"{int(talk.rng.integers(1, 99))} {talk.pick(STREETS)}"
    _hello(talk)
    talk.customer("Where is my parcel?", "my package has not arrived", "I want to track a delivery", "parcel is late")
    talk.agent("ask_parcel", "Could you tell me the number of the parcel?")
    talk.customer(number, f"it is {number}", f"the number is {number}")
    day, when = talk.pick(DAYS), _clock(talk)
    state = talk.pick(("on its way", "delivered", "lost"))
    talk.lookup(Parcel=number, Carrier=carrier, Day=day, Time=when, State=state)
    if state == "on its way":
        talk.agent("parcel_coming", f"The parcel {number} is with {carrier} and will arrive on {day} before {when}.")
        if talk.chance(0.5):
            talk.customer("can it go to another address?", "please change the address")
            talk.agent("ask_address", "What is the new address?")
            talk.customer(street, f"{street} please", f"send it to {street}")
            talk.agent("address_changed", f"The parcel {number} will go to {street}.")
    elif state == "delivered":
        talk.agent("parcel_delivered", f"The parcel {number} was delivered by {carrier} on {day} at {when}.")
    else:
        talk.agent("parcel_lost", f"I am sorry, {carrier} has lost the parcel {number}. Would you like a refund?")
        talk.customer("yes", "yes I want my money back", "of course")
        talk.agent("refund", f"The refund for {number} is under way.")
    _bye(talk)


def _parking(talk: _Talk) -> None:
    plate = f"KX {int(talk.rng.integers(100, 999))}"
    talk.customer("I need a parking permit", "my parking fine is wrong", "where may I park near the station")
    talk.agent("parking_plate", "What is the number plate of the car?")
    talk.customer(plate, f"it is {plate}")
    talk.agent("parking_done", f"The permit for {plate} is registered.")


SCENES: tuple[Callable[[_Talk], None], ...] = (_booking, _bank, _parcel)
