"""First notes of a doctor's visit: a twin of the medical texts whose truth is known; see ``text_grammar``.

Made up, simplified, and no basis for any decision about a person.
"""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from pipelines.sources.simulators import text_grammar
from pipelines.sources.simulators.text_grammar import SHIFTS, World, best_accuracy

if TYPE_CHECKING:
    import pandas as pd

WORLD = World(
    classes=("cardiac", "respiratory", "digestive", "urinary", "neurological", "musculoskeletal"),
    shares=(0.2, 0.2, 0.17, 0.17, 0.13, 0.13),
    cores={
        "cardiac": (
            "pressure behind the breastbone that spreads to the left arm",
            "palpitations and an irregular pulse",
            "swollen ankles and high blood pressure",
            "angina on climbing stairs",
            "a heart murmur and dizziness on effort",
            "atrial fibrillation, on anticoagulants",
        ),
        "respiratory": (
            "a productive cough with green sputum",
            "wheezing at night, uses an inhaler",
            "fever and crackles over the right lung",
            "asthma that worsens in the cold",
            "a dry cough after a cold",
            "bronchitis, smokes twenty a day",
        ),
        "digestive": (
            "heartburn after meals",
            "watery diarrhoea and cramps",
            "nausea and vomiting since a restaurant meal",
            "pain in the upper right belly after fatty food",
            "constipation and bloating",
            "blood in the stool, colonoscopy planned",
        ),
        "urinary": (
            "burning on passing urine",
            "frequent urination at night",
            "flank pain and a known kidney stone",
            "blood in the urine",
            "a weak stream, enlarged prostate",
            "cystitis for the third time this year",
        ),
        "neurological": (
            "a throbbing headache with aura",
            "numbness of the left face",
            "a first seizure, witnessed",
            "tremor at rest and slow gait",
            "sudden loss of speech for minutes",
            "migraine with light sensitivity",
        ),
        "musculoskeletal": (
            "a swollen knee after football",
            "low back pain on lifting",
            "stiff joints in the morning",
            "a sprained ankle, can bear weight",
            "shoulder pain on raising the arm",
            "gout of the big toe",
        ),
    },
    vague=(
        ("tightness in the chest", "short of breath on effort", "chest pain"),
        ("pain in the lower belly", "abdominal discomfort", "cramps below the navel"),
        ("weakness of the right leg", "pain that runs down the arm", "stiffness of the neck"),
    ),
    openings=(
        "{age}-year-old patient with",
        "patient, {age}, reports",
        "{age} y/o, complains of",
        "seen today, aged {age}:",
        "follow-up at {age} years:",
        "referred by family doctor, {age} years,",
    ),
    details=(
        "for {days} days",
        "since {day}",
        "getting worse",
        "no fever",
        "first time",
        "takes {drug}",
        "allergic to {drug}",
        "as in {month}",
        "after a trip in {month}",
    ),
    endings=(
        "",
        "stable.",
        "bloods taken.",
        "review in {days} days.",
        "sent for imaging.",
        "no known illnesses.",
        "sleeps badly.",
        "works shifts.",
    ),
    new_topic=(
        "an itchy rash on both forearms",
        "a mole that changed colour",
        "eczema behind the knees",
        "hives after seafood",
        "a scaly patch on the scalp",
        "acne that scars",
    ),
    slots={
        "age": tuple(str(number) for number in range(19, 91)),
        "days": tuple(str(number) for number in range(2, 30)),
        "day": ("Monday", "Tuesday", "Friday", "Sunday", "yesterday", "last week", "this morning"),
        "drug": ("ibuprofen", "metformin", "penicillin", "aspirin", "no medication", "statins", "vitamin D"),
        "month": ("January", "March", "April", "June", "August", "October", "December"),
    },
    target="area",
    group="sex",
    groups=("female", "male"),
    vague_share=0.12,
    stream=2,
)
BEST_ACCURACY = best_accuracy(WORLD)

__all__ = ["BEST_ACCURACY", "SHIFTS", "WORLD", "history", "outcomes", "production_day"]


def history(seed: int, start: date, last_day: date, rows_at_start: int, rows_per_day: int) -> pd.DataFrame:
    """``id``, ``day``, ``sex``, ``text``, ``area``; see :func:`text_grammar.history`."""
    return text_grammar.history(WORLD, seed, start, last_day, rows_at_start, rows_per_day)


def production_day(seed: int, day: date, rows: int, shift: str = "none") -> pd.DataFrame:
    """See :func:`text_grammar.production_day`."""
    return text_grammar.production_day(WORLD, seed, day, rows, shift)


def outcomes(seed: int, day: date, rows: int, shift: str = "none") -> pd.DataFrame:
    """See :func:`text_grammar.outcomes`."""
    return text_grammar.outcomes(WORLD, seed, day, rows, shift)
