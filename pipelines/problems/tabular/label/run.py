"""The label stage of tables: which rows have a label, which contradict each other, how many look wrong."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pipelines.config import Product
from pipelines.features.tabular import Derive, fit, transform
from pipelines.problems.common.frames import frame_columns
from pipelines.problems.common.identity import content_codes, content_names, row_keys, unit_hash
from pipelines.problems.common.labels import Labelled, Wider, contradicting, labelled, write_labels
from pipelines.problems.common.noise import Noise
from pipelines.problems.common.targets import Targets
from pipelines.problems.common.weak_functions import LabelFunction
from pipelines.problems.common.weak_rows import gather, joined, weak_labels
from pipelines.problems.tabular.label import noise
from pipelines.step import Step
from pipelines.verdicts import Verdict

if TYPE_CHECKING:
    import pandas as pd

NO_FUNCTIONS: Mapping[str, LabelFunction] = MappingProxyType({})


def run(step: Step, derive: Derive | None, functions: Mapping[str, LabelFunction] = NO_FUNCTIONS) -> Verdict:
    """Write ``rows.parquet`` (with ``_suspect``), ``report.json`` and ``suspects.json``.

    Raises:
        ConfigError: a labelling function, its column or its class is not there.
        DataError: no label at all, one class only, no row left; a labelling function that raises or answers no class.
    """
    found = labelled(step, _conflicts)
    y = found.targets.encode(found.frame[step.product.columns.target].to_numpy())
    estimate = _noise(found.frame, step.product, found.targets, y, derive, step)
    return write_labels(step, found, estimate, _wider(step.product, found, functions))


def _wider(product: Product, found: Labelled, functions: Mapping[str, LabelFunction]) -> Wider | None:
    """People's rows with those that labelling functions label; None where none are asked to."""
    weak = product.label.weak
    if weak is None:
        return None
    names = content_names(found.frame, product.columns)
    pool = gather(product, found, lambda frame: content_codes(frame, names), weak.max_unjudged)
    return joined(product, found, pool, [weak_labels(product, pool, None, functions, None)])


def _conflicts(frame: pd.DataFrame, product: Product) -> NDArray[np.bool_]:
    """Rows equal in everything but id and target to a row with another label (not for regression)."""
    if product.columns.task == "regression":
        return np.zeros(len(frame), dtype=bool)
    names = content_names(frame, product.columns)
    if not names:
        return np.zeros(len(frame), dtype=bool)
    group = content_codes(frame, names)
    both = content_codes(frame, [*names, product.columns.target])
    return contradicting(group, both)


def _noise(
    frame: pd.DataFrame, product: Product, targets: Targets, y: NDArray[Any], derive: Derive | None, step: Step
) -> Noise:
    columns = product.columns
    usable = set(product.feature_columns)
    raw = frame_columns(frame, product.feature_columns)
    state = fit(
        raw,
        [name for name in columns.numeric if name in usable],
        [name for name in columns.categorical if name in usable],
        derive=derive,
        module=columns.features,
        max_categories=product.prepare.max_categories,
    )
    place = unit_hash(row_keys(frame, columns), f"{product.prepare.split.salt}/noise")
    fold = np.floor(place * product.label.noise_folds).astype(np.int64)
    return noise.estimate(
        transform(state, raw, derive), y, fold, targets.task, len(targets.classes), step.params.profile, step.progress
    )
