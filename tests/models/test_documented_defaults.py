"""docs/models.md states the defaults that the code has."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from pipelines.models import lightgbm, tabm

PAGE = Path(__file__).resolve().parents[2] / "docs" / "models.md"


def stated(heading: str) -> dict[str, float]:
    """Each "`name` number" of the section."""
    section = PAGE.read_text(encoding="utf-8").split(f"\n## {heading}\n")[1].split("\n## ")[0]
    return {name: float(value) for name, value in re.findall(r"`(\w+)`\s(\d+(?:\.\d+)?)", section)}


@pytest.mark.parametrize(
    ("heading", "defaults", "least"), [("LightGBM", lightgbm.DEFAULTS, 7), ("TabM", tabm.DEFAULTS, len(tabm.DEFAULTS))]
)
def test_the_page_states_the_defaults_of_the_code(heading: str, defaults: Mapping[str, Any], least: int) -> None:
    found = stated(heading)
    assert len(found) >= least
    assert found == {name: defaults[name] for name in found}
