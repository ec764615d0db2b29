"""The label stage of texts: which have a label, which contradict each other, how many labels look wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pipelines.config import Product
from pipelines.errors import DataError
from pipelines.features.tabular import Derive
from pipelines.features.text import clean
from pipelines.models.linear_text import fitting
from pipelines.models.text import FloatArray, TextData, TextSettings
from pipelines.problems.common.identity import column_keys, row_keys, unit_hash
from pipelines.problems.common.labels import contradicting, labelled, write_labels
from pipelines.problems.common.noise import confident_learning
from pipelines.problems.text.core.duplicates import text_codes
from pipelines.problems.text.core.prepared import require_texts, text_column
from pipelines.step import Step
from pipelines.verdicts import Verdict

if TYPE_CHECKING:
    import pandas as pd

LEARNER = {"words": 1, "shortest": 4, "longest": 4, "most": 30_000}  # a quick one: it only judges labels


def run(step: Step, derive: Derive | None) -> Verdict:  # noqa: ARG001 - every problem's signature
    """Write ``rows.parquet`` (with ``_suspect``) and ``report.json``.

    Raises:
        DataError: no label at all, one class only, no row left.
    """
    product = step.product
    column = text_column(product.columns)
    found = labelled(step, _conflicts)
    require_texts(found.frame, column)
    y = found.targets.encode(found.frame[product.columns.target].to_numpy()).astype(np.int64)
    texts = [clean(str(text)) for text in found.frame[column].tolist()]
    place = unit_hash(row_keys(found.frame, product.columns), f"{product.prepare.split.salt}/noise")
    fold = np.floor(place * product.label.noise_folds).astype(np.int64)
    answers = _out_of_fold(texts, y, fold, len(found.targets.classes), step)
    return write_labels(step, found, confident_learning(answers, y, "TF-IDF + linear"))


def _conflicts(frame: pd.DataFrame, product: Product) -> NDArray[np.bool_]:
    """The same text with another label."""
    group = text_codes([str(text) for text in frame[text_column(product.columns)].tolist()])
    labels = column_keys(frame[product.columns.target].to_numpy())
    code: dict[tuple[int, str | None], int] = {}
    pairs = zip(group.tolist(), labels, strict=True)
    both = np.array([code.setdefault(pair, len(code)) for pair in pairs], dtype=np.int64)
    return contradicting(group, both)


def _out_of_fold(
    texts: list[str], y: NDArray[np.int64], fold: NDArray[np.int64], classes: int, step: Step
) -> FloatArray:
    """Probabilities ``[n, k]`` by models that did not see the text; a class that a fold's others lack is ruled out."""
    for part in np.unique(fold):
        if len(np.unique(y[fold != part])) < 2:
            raise DataError(
                "too few labels to judge them: a fold leaves one class only",
                where={"rows": len(y), "folds": len(np.unique(fold))},
                next_step="bring more rows of each class",
            )
    data = TextData(texts, y, classes, np.ones(len(y)), [], y[:0])
    return fitting.out_of_fold(data, fold, TextSettings(0, LEARNER, step.params.profile, progress=step.progress))
