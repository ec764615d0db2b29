"""Rows from an embedded simulator. Its pin is the last simulated day: earlier rows never change."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

from pipelines.blocks.sources import SimulatorSource
from pipelines.errors import ConfigError, SourceError
from pipelines.sources.base import Place, Rows, stale_pin
from pipelines.sources.simulators import NAMES, simulator

if TYPE_CHECKING:
    import pandas as pd


def pin(source: SimulatorSource, place: Place, as_of: date) -> dict[str, Any]:
    """``{"kind", "name", "last_day"}``."""
    _check_name(source, place)
    start = _day(source.start, place)
    if as_of < start:
        raise SourceError(
            f"the simulation starts on {start}, after the day asked for ({as_of})",
            where={"product": place.product, "source": source.name},
            next_step="ask for a later day with --as-of, or set an earlier source.start in params.yaml",
        )
    return {"kind": "simulator", "name": source.name, "last_day": as_of.isoformat()}


def read(source: SimulatorSource, place: Place, pinned: dict[str, Any]) -> Rows:
    """All rows up to the pinned day."""
    _check_name(source, place)
    if pinned.get("name") != source.name:
        raise stale_pin(place, f"it is of the simulator {pinned.get('name')!r}")
    last_day, start = _day(str(pinned.get("last_day")), place), _day(source.start, place)
    moved: dict[str, Any] = {}
    if source.shift != "none":
        moved = {"shift": source.shift, "shift_from": _day(source.shift_from or source.start, place)}
    make = simulator(source.name).history
    frame = make(source.seed, start, last_day, source.rows_at_start, source.rows_per_day, **moved)
    frame = _partly(frame, source, place)
    unset = set() if moved else {"shift", "shift_from"}
    unset |= {"labelled_share"} if source.labelled_share == 1.0 else set()
    origin = {**source.model_dump(mode="json", exclude=unset), "last_day": last_day.isoformat()}
    return Rows(frame, origin, licence="Apache-2.0", attribution="simulated by Nightshift; no real person")


def _partly(frame: pd.DataFrame, source: SimulatorSource, place: Place) -> pd.DataFrame:
    """The rows, of which only a share has a label: the same rows whatever comes after them."""
    if source.labelled_share == 1.0:
        return frame
    import numpy as np

    kept = np.random.default_rng([source.seed, 1]).random(len(frame)) < source.labelled_share
    return frame.assign(**{place.target: frame[place.target].astype(object).where(kept, None)})


def _check_name(source: SimulatorSource, place: Place) -> None:
    if source.name not in NAMES:
        raise ConfigError(
            f"no simulator {source.name!r}",
            where={"product": place.product, "key": f"products.{place.product}.source.name"},
            next_step=f"choose one of: {', '.join(NAMES)}",
        )
    if source.shift not in simulator(source.name).SHIFTS:
        raise ConfigError(
            f"no shift {source.shift!r} of the simulator {source.name}",
            where={"product": place.product, "key": f"products.{place.product}.source.shift"},
            next_step=f"choose one of: {', '.join(simulator(source.name).SHIFTS)}",
        )


def _day(text: str, place: Place) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise ConfigError(
            f"not a date: {text!r}",
            where={"product": place.product, "key": f"products.{place.product}.source.start"},
            next_step="write it as YYYY-MM-DD",
        ) from error
