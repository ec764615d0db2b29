"""A plan for the customers of a file, by a product's champion: for more of them than a request may hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pipelines.config import load_params
from pipelines.errors import BundleError, ConfigError, DataError, RecordsError
from pipelines.layout import Layout
from pipelines.serving.plan_request import campaign_of, solve

if TYPE_CHECKING:
    import pandas as pd

    from pipelines.serving.loaded import Loaded

PIECE = 20_000  # rows asked at once


def plan_file(
    layout: Layout, product: str, path: Path, body: dict[str, Any], segment: str | None, out: Path
) -> dict[str, Any]:
    """Ask the champion for every row's uplift, solve, and write ``offer`` and the uplift of each offer beside the rows.

    Args:
        layout: the checkout.
        product: an uplift product with a champion.
        path: Parquet or CSV (gzip too) with the product's raw columns.
        body: ``budget``, ``value`` and the other keys of a request but for its customers.
        segment: the column that says each customer's segment.
        out: Parquet, or CSV where its name ends so.

    Returns:
        The plan's summary.

    Raises:
        NightshiftError: no champion, rows that the model cannot read, a wrong value, or constraints without a plan.
    """
    from pipelines.sources.tables import read_table

    load_params(layout.params).product(product)
    loaded = champion_of(layout, product)
    frame = read_table(path, product=product)
    if segment is not None and segment not in frame:
        raise ConfigError(
            f"no column {segment!r}",
            where={"file": path.name},
            next_step=f"choose among: {', '.join(map(str, frame.columns))}",
        )
    uplift, errors, offers = asked(loaded, frame)
    key = loaded.schema.get("id")
    ids: Sequence[Any] = frame[key].tolist() if key in frame else list(range(len(frame)))
    segments = [None] * len(frame) if segment is None else [str(value) for value in frame[segment].tolist()]
    campaign = campaign_of(body, ids, segments, offers, uplift, errors)
    plan, summary = solve(campaign)
    names = np.asarray([None, *offers], dtype=object)
    frame["offer"] = names[plan.offer]
    for at, name in enumerate(offers):
        frame[f"uplift {name}"] = uplift[:, at]
    out.parent.mkdir(parents=True, exist_ok=True)
    if out.suffix == ".csv":
        frame.to_csv(out, index=False)
    else:
        from pipelines.files import write_parquet

        write_parquet(out, frame)
    return {"product": product, "version": loaded.version, **summary}


def plan_lines(
    layout: Layout, product: str, path: Path, out: Path, budget: float, value: float,
    pairs: Mapping[str, Sequence[str] | None], segment: str | None,
) -> list[str]:  # fmt: skip
    """:func:`plan_file` for the command line; ``pairs`` are ``NAME=NUMBER`` texts by the request's key.

    Raises:
        ConfigError: a text that is no pair, or no number.
    """
    body: dict[str, Any] = {"budget": budget, "value": value}
    for key, texts in pairs.items():
        body[key] = dict(_pair(text, key) for text in texts or ())
    found = plan_file(layout, product, path, body, segment, out)
    low, high = found["net_interval"]
    each = ", ".join(f"{name} {count}" for name, count in found["contacts_per_offer"].items())
    return [
        f"{product} {found['version']}: {found['contacts']} of {found['customers']} customers ({each})",
        f"cost {found['cost']:g}, expected return {found['expected_return']:g}, net {found['expected_net']:g}"
        f" ({100 * found['confidence']:g}% interval {low:g} to {high:g})",
        f"one more unit of budget would add {found['marginal_value_of_budget']:g} net; no plan has more than"
        f" {found['below_bound']:g} above this one",
        f"written: {out}",
    ]


def _pair(text: str, key: str) -> tuple[str, float]:
    name, sign, number = text.rpartition("=")
    try:
        value = float(number) if key == "costs" else int(number)
    except ValueError:
        sign = ""
    if not sign or not name:
        raise ConfigError(f"not NAME=NUMBER: {text!r}", where={"key": key}, next_step="write e.g. mens_mail=0.02")
    return name, value


def champion_of(layout: Layout, product: str) -> Loaded:
    """The product's champion, loaded and held to its golden rows.

    Raises:
        RecordsError: there is none.
    """
    from pipelines.records import registry
    from pipelines.records.store import open_records
    from pipelines.serving.loaded import load

    records = open_records(layout.records_url)
    try:
        version = registry.champion(records, product)
    finally:
        records.close()
    if version is None:
        raise RecordsError(
            "no champion yet", where={"product": product}, next_step=f"run `nightshift night --product {product}`"
        )
    return load(product, version, layout.bundle(product, version))


def asked(loaded: Loaded, frame: pd.DataFrame) -> tuple[Any, Any, list[str]]:
    """Uplift and its standard errors ``[n, k]`` of the rows, and the offers' names.

    Raises:
        BundleError: the product's model tells no uplift.
        DataError: a column is missing.
    """
    from pipelines.problems.common.frames import frame_columns

    predictor: Any = getattr(loaded.model, "predictor", None)
    if not hasattr(predictor, "errors"):
        raise BundleError(
            "its model tells no uplift", where={"product": loaded.product}, next_step="name an uplift product"
        )
    missing = [name for name in predictor.fields if name not in frame]
    if missing:
        raise DataError(
            f"column {missing[0]!r} is missing",
            where={"columns": ", ".join(missing[:10])},
            next_step=f"bring the fields of {loaded.product}: {', '.join(predictor.fields)}",
        )
    columns = frame_columns(frame, predictor.fields)
    parts = []
    for start in range(0, len(frame), PIECE):
        parts.append(predictor.told({name: values[start : start + PIECE] for name, values in columns.items()}))
    told = np.concatenate(parts)
    return predictor.uplift(told), predictor.errors(told), [str(name) for name in predictor.arms[1:]]
