"""The written rule by which a candidate is trained or left out."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pipelines.blocks.models import Candidate, Profile
from pipelines.problems.tabular.train import candidates
from pipelines.problems.tabular.train.candidates import decide

CPU, GPU = Profile(), Profile(device="cuda")


def candidate(family: str, use: str = "auto") -> Candidate:
    return Candidate.model_validate(
        {"product": "own", "problem": "tabular", "model": family, "family": family, "use": use}
    )


@pytest.mark.parametrize(
    ("family", "profile", "rows", "features", "trained", "said"),
    [
        ("lightgbm", CPU, 40, 3, True, "trees are trained on every table"),
        ("lightgbm", CPU, 10**7, 500, True, "trees are trained on every table"),
        ("tabm", CPU, 999, 10, False, "999 train rows; a net is trained from 1000 on"),
        ("tabm", CPU, 1000, 10, True, "1000 train rows x 10 features on cpu"),
        ("tabm", CPU, 19_000, 82, True, "on cpu"),
        ("tabm", CPU, 200_000, 101, False, "on cpu a net is trained up to 20000000 cells"),
        ("tabm", GPU, 200_000, 101, True, "on cuda"),
        ("tabm", GPU, 500, 10, False, "500 train rows"),
    ],
)
def test_the_rule(family: str, profile: Profile, rows: int, features: int, trained: bool, said: str) -> None:
    choice = decide(candidate(family), profile, rows, features)
    assert choice.train is trained
    assert said in choice.reason


@pytest.mark.parametrize("use", ["always", "never"])
def test_params_override_the_rule(use: str) -> None:
    choice = decide(candidate("tabm", use), CPU, 10, 1)
    assert choice.train is (use == "always")
    assert choice.reason == f"use: {use} in params.yaml"


def test_the_page_states_the_rule_s_numbers() -> None:
    page = (Path(__file__).resolve().parents[3] / "docs" / "models.md").read_text(encoding="utf-8")
    numbers = {int(found.replace(",", "")) for found in re.findall(r"\d[\d,]{2,}", page)}
    assert {candidates.NET_MIN_ROWS, candidates.NET_MAX_CELLS_CPU} <= numbers
