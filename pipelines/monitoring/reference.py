"""What a window is compared with: one compact sketch per watched column, made once for each released version."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pipelines.config import Product
from pipelines.errors import BundleError
from pipelines.features.values import FLOAT32_MAX, as_numbers, category_key
from pipelines.files import read_json, read_parquet, write_json
from pipelines.layout import Layout
from pipelines.metrics.sketches import CLUSTERS, CategorySketch, Sketch, read_sketch, sketch_categories, sketch_numeric
from pipelines.monitoring.verdict import Method, Role

if TYPE_CHECKING:
    import pandas as pd

FORMAT = 1
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
    """Sketch every watched column that ``frame`` (raw test rows with their answers) holds."""
    roles = watched_roles(block, list(frame.columns))
    columns = tuple(
        WatchedColumn(
            name, role, _sketch(frame[name], name in block.columns.categorical or name == "decision", clusters)
        )
        for name, role in roles.items()
    )
    return Reference(product, version, len(frame), columns)


def watched_roles(block: Product, present: list[str]) -> dict[str, Role]:
    """``{column: role}`` of the columns to watch among those present: inputs, then predictions."""
    protected = set(block.requirements.protected) - set(block.feature_columns)
    inputs = dict.fromkeys((*block.columns.numeric, *block.columns.categorical, *block.requirements.protected))
    roles: dict[str, Role] = {c: "protected" if c in protected else "feature" for c in inputs if c in present}
    roles.update({c: "prediction" for c in present if c in {"score", "decision"} or c.startswith("score_")})
    return roles


def load_reference(layout: Layout, product: str, version: str, block: Product, bundle: Path) -> Reference:
    """The reference of a released version: read, or made from the bundle's ``reference.parquet`` and kept.

    Raises:
        BundleError: the bundle has no reference rows.
    """
    path = layout.state / "watch" / product / f"{version}.json"
    if path.is_file():
        content = read_json(path)
        wanted = [*block.columns.numeric, *block.columns.categorical]
        if content.get("format") == FORMAT and set(wanted) <= {column["name"] for column in content["columns"]}:
            return read_reference(content)
    source = bundle / "reference.parquet"
    if not source.is_file():
        raise BundleError(
            "the bundle has no reference rows",
            where={"product": product, "version": version, "file": "reference.parquet"},
            next_step=f"package the product again: dvc repro package@{product}",
        )
    reference = make_reference(read_parquet(source), product, version, block)
    write_json(path, reference_json(reference))
    return reference


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
