"""What a window is compared with: one compact sketch per watched column, made once for each released version."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from pipelines.config import Product
from pipelines.errors import BundleError
from pipelines.features.values import FLOAT32_MAX, as_numbers, category_key
from pipelines.files import read_json, read_parquet, write_json
from pipelines.layout import Layout
from pipelines.metrics.sketches import CLUSTERS, CategorySketch, Sketch, read_sketch, sketch_categories, sketch_numeric
from pipelines.monitoring.verdict import Method, Role
from pipelines.problems import watched, watched_roles

if TYPE_CHECKING:
    import pandas as pd

FORMAT = 2
FEW_VALUES = 5
"""A numeric column with at most so many distinct reference values is judged as categories, as in Evidently."""


@dataclass(frozen=True)
class WatchedColumn:
    """One column, what it is to the model, and its reference."""

    name: str
    role: Role
    sketch: Sketch

    @property
    def method(self) -> Method:
        return "jensenshannon" if isinstance(self.sketch, CategorySketch) else "wasserstein"


@dataclass(frozen=True)
class Reference:
    """The watched columns of one released version; ``rows`` is how many rows the sketches were made from."""

    product: str
    version: str
    rows: int
    columns: tuple[WatchedColumn, ...]


def make_reference(
    frame: pd.DataFrame, product: str, version: str, block: Product, clusters: int | None = CLUSTERS
) -> Reference:
    """Sketch every watched column that ``frame`` (what :func:`pipelines.problems.watched` gave) holds."""
    roles = watched_roles(block, [str(name) for name in frame.columns])
    columns = tuple(
        WatchedColumn(name, cast(Role, role), _sketch(frame[name], _categorical(name, frame[name], block), clusters))
        for name, role in roles.items()
    )
    return Reference(product, version, len(frame), columns)


def _categorical(name: str, column: pd.Series, block: Product) -> bool:
    """Declared so, a decision, or of a type that holds no numbers and is not declared to hold them."""
    if name in block.columns.categorical or name == "decision":
        return True
    numbers = isinstance(column.dtype, np.dtype) and column.dtype.kind in "fiu"
    return not numbers and name not in block.columns.numeric and str(column.dtype) not in {"Int64", "Float64"}


def load_reference(layout: Layout, product: str, version: str, block: Product, bundle: Path) -> Reference:
    """The reference of a released version: read, or made from the bundle's ``reference.parquet`` and kept.

    Raises:
        BundleError: the bundle has no reference rows.
    """
    path = layout.state / "watch" / product / f"{version}.json"
    if path.is_file():
        content = read_json(path)
        if content.get("format") == FORMAT and content.get("declared") == _declared(block):
            return read_reference(content)
    source = bundle / "reference.parquet"
    if not source.is_file():
        raise BundleError(
            "the bundle has no reference rows",
            where={"product": product, "version": version, "file": "reference.parquet"},
            next_step=f"package the product again: dvc repro package@{product}",
        )
    reference = make_reference(watched(block, bundle, read_parquet(source)), product, version, block)
    write_json(path, {**reference_json(reference), "declared": _declared(block)})
    return reference


def _declared(block: Product) -> list[str]:
    """The columns that ``params.yaml`` names: with others, the reference is made anew."""
    return [*block.columns.numeric, *block.columns.categorical, *block.requirements.protected]


def reference_json(reference: Reference) -> dict[str, Any]:
    """As plain JSON values; :func:`read_reference` is the inverse."""
    columns = [{"name": c.name, "role": c.role, "sketch": c.sketch.to_json()} for c in reference.columns]
    return {
        "format": FORMAT,
        "product": reference.product,
        "version": reference.version,
        "rows": reference.rows,
        "columns": columns,
    }


def read_reference(content: Mapping[str, Any]) -> Reference:
    """From :func:`reference_json`."""
    columns = tuple(WatchedColumn(c["name"], c["role"], read_sketch(c["sketch"])) for c in content["columns"])
    return Reference(content["product"], content["version"], content["rows"], columns)


def _sketch(column: pd.Series, categorical: bool, clusters: int | None) -> Sketch:
    if not categorical:
        sketch = sketch_numeric(numbers_of(column), clusters)
        if sketch.distinct > FEW_VALUES:
            return sketch
    counts, missing = category_counts(column)
    return sketch_categories(counts, missing)


def numbers_of(column: pd.Series) -> NDArray[np.float64]:
    """A column as float64; NaN for what is not a finite number."""
    import pandas as pd

    if isinstance(column.dtype, np.dtype) and column.dtype.kind in "fiub":
        return as_numbers(column.to_numpy())
    return as_numbers(pd.to_numeric(column, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan))


def ordered_numbers(column: pd.Series) -> NDArray[np.float64]:
    """The finite values of a column, ascending: one sort, and no pass over the rows besides."""
    plain = isinstance(column.dtype, np.dtype) and column.dtype.kind in "fiub"
    ordered = np.sort(column.to_numpy() if plain else numbers_of(column)).astype(np.float64, copy=False)
    low = int(np.searchsorted(ordered, -FLOAT32_MAX, side="left"))
    return ordered[low : int(np.searchsorted(ordered, FLOAT32_MAX, side="right"))]


def category_counts(column: pd.Series) -> tuple[dict[str, int], int]:
    """``({category: rows}, rows without one)``; whole numbers share one name however they are stored."""
    if isinstance(column.dtype, np.dtype) and column.dtype.kind in "fiu":
        values, counts = np.unique(column.to_numpy(), return_counts=True)
        pairs = zip(values.tolist(), counts.tolist(), strict=True)
    else:
        table = column.value_counts(dropna=True, sort=False)
        pairs = zip(table.index.tolist(), table.tolist(), strict=True)
    found: dict[str, int] = {}
    for value, count in pairs:
        key = category_key(value)
        if key is not None and count:
            found[key] = found.get(key, 0) + int(count)
    return found, len(column) - sum(found.values())
