"""A packaged text model on raw rows whose class is known, as the champion gate compares two of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pipelines.errors import BundleError
from pipelines.metrics.judges import Judge, judge
from pipelines.problems.base import Answering
from pipelines.problems.common.frames import frame_columns
from pipelines.problems.common.targets import Targets

if TYPE_CHECKING:
    import pandas as pd

    from pipelines.config import Product


def judge_rows(product: Product, schema: Mapping[str, Any], frame: pd.DataFrame, model: Answering) -> Judge:
    """The model's key metric on rows.

    Args:
        product: names the target column and the key metric.
        schema: ``schema.json`` of the present lane: the classes.
        frame: raw rows with their target.
        model: its answers.

    Raises:
        BundleError: the model answers for other classes.
    """
    targets = Targets.from_schema(schema)
    if model.classes != list(targets.classes):
        raise BundleError(
            f"it answers for {len(model.classes)} classes, the rows hold {len(targets.classes)} of other names",
            next_step="only models of the same classes can be compared",
        )
    y = targets.encode(frame[product.columns.target].to_numpy())
    score = model.scores(frame_columns(frame, model.fields))
    return judge(targets.task, y, score, [product.evaluate.metric])
