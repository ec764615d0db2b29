"""Questions of a bank's customers: a twin of banking77 whose truth is known; the process is in ``text_grammar``."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from pipelines.sources.simulators import text_grammar
from pipelines.sources.simulators.text_grammar import SHIFTS, World, best_accuracy

if TYPE_CHECKING:
    import pandas as pd

WORLD = World(
    classes=(
        "card_lost",
        "card_not_arrived",
        "refund_missing",
        "transfer_failed",
        "login_trouble",
        "change_address",
        "fee_question",
        "close_account",
    ),
    shares=(0.16, 0.16, 0.14, 0.14, 0.11, 0.11, 0.09, 0.09),
    cores={
        "card_lost": (
            "I lost my card",
            "my card was stolen from my bag",
            "I left my card in a taxi",
            "someone took my wallet with the card",
            "please block my card, it is gone",
            "I cannot find my debit card anywhere",
            "my card disappeared at the station",
        ),
        "card_not_arrived": (
            "my new card has not arrived",
            "I am still waiting for the card you sent",
            "the card never came by post",
            "how long does card delivery take",
            "can I track the delivery of my card",
            "the replacement card is not in the letterbox",
        ),
        "refund_missing": (
            "the shop refunded me but I see nothing",
            "my refund is not on the account",
            "where is the refund from the seller",
            "a returned item was not paid back",
            "the merchant says the refund was sent",
            "I was promised my money back by the store",
        ),
        "transfer_failed": (
            "my transfer was declined",
            "the payment to my landlord did not go through",
            "sending money abroad gives an error",
            "a bank transfer bounced",
            "the recipient has not got the transfer",
            "my standing order was rejected",
        ),
        "login_trouble": (
            "I cannot log in to the app",
            "my password is not accepted",
            "the app says my passcode is wrong",
            "the verification code never comes",
            "I am locked out of online banking",
            "the fingerprint login stopped working",
        ),
        "change_address": (
            "I moved and need to change my address",
            "please update my street and postcode",
            "my home address is out of date",
            "letters still go to my old flat",
            "how do I register a new address",
            "I have a new phone number and address",
        ),
        "fee_question": (
            "why was I charged a fee",
            "there is an extra charge for the cash machine",
            "what does the monthly plan cost",
            "the exchange fee looks too high",
            "I do not understand this commission",
            "are there costs for withdrawing cash abroad",
        ),
        "close_account": (
            "I want to close my account",
            "please delete my profile and account",
            "how do I terminate the contract",
            "I am leaving the bank, cancel everything",
            "please end my membership",
            "close the savings account for good",
        ),
    },
    vague=(
        ("I do not have my card", "there is a problem with my card", "I need another card"),
        ("the money is not there", "I am missing {amount} euros", "a payment did not reach the account"),
        ("my details are not right in the app", "my profile needs help", "something is wrong with my data"),
        ("I am not happy with what I pay", "I do not want to pay for this any more", "this account is too expensive"),
    ),
    openings=(
        "",
        "hello,",
        "hi there,",
        "good morning,",
        "dear team,",
        "help please,",
        "quick question:",
        "hey,",
        "sorry to bother you,",
    ),
    details=(
        "",
        "",
        "since {day}",
        "for {days} days",
        "and I am in {place}",
        "and it is about {amount} euros",
        "after my trip to {place}",
        "although I wrote on {day}",
        "and {name} could not help me",
    ),
    endings=(
        "",
        "",
        "what should I do?",
        "please help.",
        "can you check?",
        "thanks!",
        "thank you, {name}",
        "it is urgent.",
        "any idea?",
    ),
    new_topic=(
        "I would like a mortgage for a house",
        "what is the interest on a home loan",
        "can I borrow for a new kitchen",
        "I want to invest in a fund",
        "do you offer pension plans",
        "how do I insure my car with you",
    ),
    slots={
        "day": ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "the weekend", "last week", "yesterday"),
        "days": tuple(str(number) for number in range(2, 40)),
        "place": ("Madrid", "Oslo", "Lyon", "Porto", "Vienna", "Leeds", "Turin", "Gdansk", "Cork", "Basel"),
        "amount": tuple(str(number) for number in range(15, 900, 7)),
        "name": ("Ana", "Tom", "Mia", "Li", "Omar", "Eva", "Jan", "Rosa", "Noor", "Finn", "Ida", "Leo"),
    },
    target="intent",
    group="channel",
    groups=("app", "web", "mail"),
    stream=1,
)
BEST_ACCURACY = best_accuracy(WORLD)

__all__ = ["BEST_ACCURACY", "SHIFTS", "WORLD", "history", "outcomes", "production_day"]


def history(seed: int, start: date, last_day: date, rows_at_start: int, rows_per_day: int) -> pd.DataFrame:
    """``id``, ``day``, ``channel``, ``text``, ``intent``; see :func:`text_grammar.history`."""
    return text_grammar.history(WORLD, seed, start, last_day, rows_at_start, rows_per_day)


def production_day(seed: int, day: date, rows: int, shift: str = "none") -> pd.DataFrame:
    """See :func:`text_grammar.production_day`."""
    return text_grammar.production_day(WORLD, seed, day, rows, shift)


def outcomes(seed: int, day: date, rows: int, shift: str = "none") -> pd.DataFrame:
    """See :func:`text_grammar.outcomes`."""
    return text_grammar.outcomes(WORLD, seed, day, rows, shift)
