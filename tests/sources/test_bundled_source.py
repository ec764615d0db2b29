"""The sets inside scikit-learn as tables, and pins that no longer fit."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pytest

from pipelines.blocks.sources import BundledSource, SimulatorSource
from pipelines.errors import ConfigError, SourceError, StageError
from pipelines.sources import Place, pin, read

DAY = date(2026, 6, 30)


def place(**changes: object) -> Place:
    return Place(**{"product": "own", "root": Path(), "downloads": Path(), "target": "y", "id": "id", **changes})


@pytest.mark.parametrize(
    ("name", "shape", "classes"),
    [
        ("breast_cancer", (569, 32), 2),
        ("diabetes", (442, 12), None),
        ("wine", (178, 15), 3),
        ("digits", (1797, 66), 10),
        ("iris", (150, 6), 3),
    ],
)
def test_a_bundled_set_is_a_table_with_an_id_and_a_target(name: str, shape: tuple, classes: int | None) -> None:
    source = BundledSource(kind="bundled", name=name)
    found = read(source, place(), pin(source, place(), DAY, Path()), Path())
    assert found.frame.shape == shape
    assert found.frame["id"].tolist() == list(range(shape[0]))
    assert found.frame.columns[-1] == "y"
    assert not any(" " in column for column in found.frame.columns)
    assert (found.frame["y"].dtype == np.float64) if classes is None else (found.frame["y"].nunique() == classes)
    assert found.attribution


def test_without_an_id_column_none_is_made() -> None:
    source = BundledSource(kind="bundled", name="iris")
    assert read(source, place(id=None), pin(source, place(), DAY, Path()), Path()).frame.shape == (150, 5)


def test_another_library_version_asks_for_a_new_snapshot() -> None:
    source = BundledSource(kind="bundled", name="iris")
    with pytest.raises(StageError, match=r"scikit-learn 0\.1"):
        read(source, place(), {"kind": "bundled", "name": "iris", "version": "0.1"}, Path())


def test_a_pin_of_another_kind_is_refused() -> None:
    with pytest.raises(StageError, match="of kind 'bundled'"):
        read(SimulatorSource(kind="simulator", name="credit"), place(), {"kind": "bundled"}, Path())


def test_simulator_errors_name_what_is_allowed() -> None:
    with pytest.raises(ConfigError, match="no simulator 'weather'"):
        pin(SimulatorSource(kind="simulator", name="weather"), place(), DAY, Path())
    with pytest.raises(ConfigError, match="not a date"):
        pin(SimulatorSource(kind="simulator", name="credit", start="soon"), place(), DAY, Path())
    with pytest.raises(SourceError, match="starts on 2027-01-01"):
        pin(SimulatorSource(kind="simulator", name="credit", start="2027-01-01"), place(), DAY, Path())
