"""A packaged uplift model on raw rows of a randomised test, as the champion gate compares two of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pipelines.errors import BundleError
from pipelines.metrics.judges import Judge
from pipelines.metrics.uplift import UpliftJudge
from pipelines.problems.base import Answering
from pipelines.problems.common.frames import frame_columns
from pipelines.problems.uplift.core.arms import Arms
from pipelines.problems.uplift.core.prepared import outcome_of

if TYPE_CHECKING:
    import pandas as pd

    from pipelines.config import Product


def judge_rows(product: Product, schema: Mapping[str, Any], frame: pd.DataFrame, model: Answering) -> Judge:
    """The model's key metric on rows with arm and outcome, at the present value and costs.

    Raises:
        BundleError: the model answers for other arms.
    """
    arms = Arms.from_schema(schema)
    if list(model.classes) != list(arms.names):
        raise BundleError(
            f"it answers for the arms {model.classes}, the rows hold {list(arms.names)}",
            next_step="only models of the same arms can be compared",
        )
    uplift = model.scores(frame_columns(frame, model.fields))
    return UpliftJudge(
        outcome_of(frame, product.columns),
        arms.encode(frame[product.columns.treatment].to_numpy()),
        uplift,
        arms.stakes(product.evaluate.campaign),
        [product.evaluate.metric],
    )
