"""A cheap choice of the faults of benchmarks/chaos.py: the next night repairs what each has left."""

from __future__ import annotations

from pathlib import Path

import chaos_around  # noqa: F401 - registers its faults
import chaos_kills  # noqa: F401
import pytest
from chaos_tools import FAULTS, LANE, clean_bytes
from tiny_project import make_tiny

pytestmark = [pytest.mark.slow, pytest.mark.night]


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The bytes of a lane that no fault has struck."""
    folder = tmp_path_factory.mktemp("clean")
    return clean_bytes(make_tiny(folder / "clean", products=(LANE,), models=("one",)))


@pytest.mark.parametrize("name", ["kill_9_of_a_step", "outputs_half_written"])
def test_the_next_night_ends_with_the_bytes_of_a_clean_one(name: str, tmp_path: Path, clean: dict[str, str]) -> None:
    layout = make_tiny(tmp_path / name, products=(LANE,), models=("one",))
    FAULTS[name](layout)
    assert clean_bytes(layout) == clean
