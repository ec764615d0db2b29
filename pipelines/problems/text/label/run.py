"""The label stage of texts: which have a label, which contradict each other, how many labels look wrong."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
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
from pipelines.problems.common.labels import Labelled, Wider, contradicting, labelled, write_labels
from pipelines.problems.common.noise import Noise, confident_learning
from pipelines.problems.common.targets import labels_of
from pipelines.problems.common.weak_functions import LabelFunction
from pipelines.problems.common.weak_rows import gather, joined, weak_labels
from pipelines.problems.text.core.duplicates import text_codes
from pipelines.problems.text.core.prepared import require_texts, text_column
from pipelines.problems.text.label.self_training import teach
from pipelines.problems.text.label.zero_shot import comparing
from pipelines.step import Step
from pipelines.verdicts import Verdict

if TYPE_CHECKING:
    import pandas as pd

NO_FUNCTIONS: Mapping[str, LabelFunction] = MappingProxyType({})
LEARNER = {"words": 1, "shortest": 4, "longest": 4, "most": 30_000}  # a quick one: it only judges labels


def run(step: Step, derive: Derive | None, functions: Mapping[str, LabelFunction] = NO_FUNCTIONS) -> Verdict:  # noqa: ARG001 - every problem's signature
    """Write ``rows.parquet`` (with ``_suspect``), ``report.json`` and ``suspects.json``.

    Raises:
        ConfigError: a labelling function, its column or its class is not there.
        DataError: no label at all, one class only, no row left; a labelling function that raises or answers no class.
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
    learner = "TF-IDF + linear"
    noise = confident_learning(answers, y, learner) if y.ndim == 1 else _noise_of_each(answers, y, learner)
    return write_labels(step, found, noise, _wider(step, found, column, functions))


def _wider(step: Step, found: Labelled, column: str, functions: Mapping[str, LabelFunction]) -> Wider | None:
    """People's rows with those that labelling functions or the linear model label; None where none are asked to."""
    product = step.product
    weak, alone = product.label.weak, product.label.self_training
    if weak is None and alone is None:
        return None
    require_texts(found.unlabelled, column)
    most = weak.max_unjudged if weak is not None else len(found.unlabelled)
    pool = gather(product, found, lambda frame: text_codes([str(text) for text in frame[column].tolist()]), most)
    given = []
    if weak is not None:
        given.append(weak_labels(product, pool, column, functions, comparing(step)))
    if alone is not None:
        texts = [clean(str(text)) for text in pool.frame[column].tolist()]
        given.append(teach(alone, pool, texts, given, step))
    return joined(product, found, pool, given)


def _noise_of_each(answers: FloatArray, y: NDArray[np.int64], learner: str) -> Noise:
    """Several labels per text: each label against its absence; the share is of all text-label pairs, a text is as
    suspect as its most suspect label."""
    found = [
        confident_learning(np.column_stack([1.0 - answers[:, label], answers[:, label]]), y[:, label], learner)
        for label in range(y.shape[1])
    ]
    return Noise(
        share=float(np.mean([one.share for one in found])),
        suspect=np.asarray(np.max([one.suspect for one in found], axis=0)),
        flagged=np.asarray(np.any([one.flagged for one in found], axis=0)),
        joint=None,
        y=None,
        method=f"{found[0].method}, each label against its absence",
    )


def _conflicts(frame: pd.DataFrame, product: Product) -> NDArray[np.bool_]:
    """The same text with another label."""
    group = text_codes([str(text) for text in frame[text_column(product.columns)].tolist()])
    labels = column_keys(frame[product.columns.target].to_numpy())
    if product.columns.task == "multilabel":
        sign = product.columns.separator
        labels = [None if value is None else sign.join(labels_of(value, sign)) for value in labels]
    code: dict[tuple[int, str | None], int] = {}
    pairs = zip(group.tolist(), labels, strict=True)
    both = np.array([code.setdefault(pair, len(code)) for pair in pairs], dtype=np.int64)
    return contradicting(group, both)


def _out_of_fold(
    texts: list[str], y: NDArray[np.int64], fold: NDArray[np.int64], classes: int, step: Step
) -> FloatArray:
    """Probabilities ``[n, k]`` by models that did not see the text; a class that a fold's others lack is ruled out."""
    for part in np.unique(fold) if y.ndim == 1 else ():
        if len(np.unique(y[fold != part])) < 2:
            raise DataError(
                "too few labels to judge them: a fold leaves one class only",
                where={"rows": len(y), "folds": len(np.unique(fold))},
                next_step="bring more rows of each class",
            )
    data = TextData(texts, y, classes, np.ones(len(y)), [], y[:0])
    return fitting.out_of_fold(data, fold, TextSettings(0, LEARNER, step.params.profile, progress=step.progress))
