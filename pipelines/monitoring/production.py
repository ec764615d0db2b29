"""A production day: rows as clients would send them on one day, without outcome."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pipelines.blocks.sources import SimulatorSource
from pipelines.config import Product
from pipelines.errors import BundleError, ConfigError, StageError
from pipelines.files import read_json, read_parquet
from pipelines.layout import Layout
from pipelines.sources.simulators import simulator

if TYPE_CHECKING:
    import pandas as pd

NO_SHIFT = "none"
Shift = Callable[["pd.DataFrame", Product, np.random.Generator], None]


def champion_of(layout: Layout, product: str) -> str:
    """The version that answers for a product.

    Raises:
        StageError: none does yet.
    """
    from pipelines.records.registry import champion
    from pipelines.records.store import open_records

    records = open_records(layout.records_url)
    try:
        version = champion(records, product)
    finally:
        records.close()
    if version is None:
        raise StageError(
            "nothing answers for this product yet: no model has been promoted",
            where={"product": product},
            next_step="run a night first: make nightly",
        )
    return version


def production_day(
    product: str, block: Product, bundle: Path, day: date, rows: int, shift: str = NO_SHIFT
) -> pd.DataFrame:
    """``rows`` rows of ``day``: id column (where there is one) and raw input columns. The same day gives the same rows.

    A simulator makes them new. For any other source they are drawn, with replacement, from the bundle's test rows.

    Args:
        shift: a named change of the world; ``none`` for the world that the reference comes from.

    Raises:
        ConfigError: no such shift for this source; names those there are.
        BundleError: the bundle has no reference rows.
    """
    known = shifts(block)
    if shift not in known:
        raise ConfigError(
            f"no shift {shift!r}", where={"product": product}, next_step=f"choose one of: {', '.join(known)}"
        )
    if isinstance(block.source, SimulatorSource):
        return simulator(block.source.name).production_day(block.source.seed, day, rows, shift)
    return _drawn(product, block, bundle, day, rows, shift)


def shifts(block: Product) -> tuple[str, ...]:
    """The named shifts that this product's production days can have, ``none`` first."""
    if isinstance(block.source, SimulatorSource):
        return tuple(simulator(block.source.name).SHIFTS)
    return (NO_SHIFT, *_SHIFTS)


def production_outcomes(
    product: str, block: Product, bundle: Path, day: date, rows: int, shift: str = NO_SHIFT
) -> list[Any]:
    """The outcomes (target values) of the rows of :func:`production_day`, same order.

    Rows drawn from the bundle's test rows keep the outcome that they had there, whatever the shift did to them.

    Raises:
        BundleError: the bundle has no reference rows, or they hold no outcome.
    """
    target = block.columns.target
    if isinstance(block.source, SimulatorSource):
        frame = simulator(block.source.name).outcomes(block.source.seed, day, rows, shift)
    else:
        frame = _reference_rows(product, bundle)
        chosen = _generator(product, day).integers(0, len(frame), rows)
        frame = frame.iloc[chosen]
    if target not in frame:
        raise BundleError(
            f"no outcome {target!r} is known for a simulated day",
            where={"product": product},
            next_step="send the day without --feedback",
        )
    values: list[Any] = frame[target].tolist()
    return values


def _drawn(product: str, block: Product, bundle: Path, day: date, rows: int, shift: str) -> pd.DataFrame:
    stated = (block.columns.series, block.columns.time, "origin") if block.problem == "forecast" else ()
    schema = bundle / "schema.json"
    sent = [str(field["name"]) for field in read_json(schema)["fields"]] if schema.is_file() else []
    inputs = dict.fromkeys(
        (block.columns.id, block.columns.text, *stated, *block.columns.numeric, *block.columns.categorical, *sent)
    )
    source, generator = _reference_rows(product, bundle), _generator(product, day)
    chosen = generator.integers(0, len(source), rows)
    frame = source[[column for column in inputs if column in source]].iloc[chosen].reset_index(drop=True)
    if shift != NO_SHIFT:
        _SHIFTS[shift](frame, block, generator)
    return frame


def _reference_rows(product: str, bundle: Path) -> pd.DataFrame:
    path = bundle / "reference.parquet"
    if not path.is_file():
        raise BundleError(
            "the bundle has no reference rows to draw a day from",
            where={"product": product, "file": path.name},
            next_step=f"package the product again: dvc repro package@{product}",
        )
    return read_parquet(path)


def _generator(product: str, day: date) -> np.random.Generator:
    digest = hashlib.sha256(f"{product} {day.isoformat()}".encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:8], "big"))


def _numbers_rise(frame: pd.DataFrame, block: Product, _: np.random.Generator) -> None:
    """Every third numeric column is 1.5 times as large; whole numbers stay whole."""
    for name in [name for name in block.columns.numeric if name in frame][::3]:
        raised = frame[name] * 1.5
        frame[name] = raised.round().astype(frame[name].dtype) if frame[name].dtype.kind in "iu" else raised


def _values_missing(frame: pd.DataFrame, block: Product, generator: np.random.Generator) -> None:
    """Three in ten values of the first numeric column are missing."""
    for name in [name for name in block.columns.numeric if name in frame][:1]:
        frame[name] = frame[name].astype(np.float64).mask(generator.random(len(frame)) < 0.3)


def _one_category(frame: pd.DataFrame, block: Product, generator: np.random.Generator) -> None:
    """Half of the rows take each categorical column's first value."""
    for name in [name for name in block.columns.categorical if name in frame]:
        frame[name] = frame[name].mask(generator.random(len(frame)) < 0.5, frame[name].iloc[0])


_SHIFTS: dict[str, Shift] = {
    "numbers_rise": _numbers_rise,
    "values_missing": _values_missing,
    "one_category": _one_category,
}
