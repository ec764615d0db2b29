"""The label stage of tables: which rows have a label, which contradict each other, how many look wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pipelines.config import Product
from pipelines.features.tabular import Derive, fit, transform
from pipelines.problems.common.frames import frame_columns
from pipelines.problems.common.identity import content_codes, content_names, row_keys, unit_hash
from pipelines.problems.common.labels import contradicting, labelled, write_labels
from pipelines.problems.common.noise import Noise
from pipelines.problems.common.targets import Targets
from pipelines.problems.tabular.label import noise
from pipelines.step import Step
from pipelines.verdicts import Verdict

if TYPE_CHECKING:
    import pandas as pd


def run(step: Step, derive: Derive | None) -> Verdict:
    """Write ``rows.parquet`` (with ``_suspect``) and ``report.json``.

    Raises:
        DataError: no label at all, one class only, no row left.
    """
    found = labelled(step, _conflicts)
    y = found.targets.encode(found.frame[step.product.columns.target].to_numpy())
    return write_labels(step, found, _noise(found.frame, step.product, found.targets, y, derive, step))


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
