"""A packaged forecast on raw rows whose demand is known, as the champion gate compares two of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from pipelines.errors import BundleError
from pipelines.features.values import as_keys
from pipelines.metrics.forecast import ForecastJudge, naive_scale
from pipelines.problems.base import Answering
from pipelines.problems.common.frames import frame_columns
from pipelines.problems.forecast.answer.model import ForecastModel
from pipelines.problems.forecast.core.rhythm import to_steps

if TYPE_CHECKING:
    import pandas as pd

    from pipelines.config import Product


def judge_rows(product: Product, schema: Mapping[str, Any], frame: pd.DataFrame, model: Answering) -> ForecastJudge:
    """The model's key metric on rows, drawn again by series.

    Args:
        product: names the target column and the key metric.
        schema: ``schema.json`` of the present lane: horizon and quantile levels.
        frame: raw rows with their target and the origin that they are forecast from.
        model: its answers.

    Raises:
        BundleError: the model looks another distance ahead, answers other levels, or its history ends before the rows'
            origin: a champion of a time before today's test steps cannot be asked about them.
    """
    wanted = schema["forecast"]
    if not isinstance(model, ForecastModel):
        raise BundleError("it is no forecast", next_step="name a bundle of this product")
    own = model.forecaster
    if own.spec.horizon < wanted["horizon"] or list(own.levels) != list(wanted["quantiles"]):
        raise BundleError(
            f"it answers {own.spec.horizon} steps at the levels {own.levels}, the lane asks for {wanted['horizon']} at"
            f" {wanted['quantiles']}",
            next_step="only models of the same horizon and levels can be compared",
        )
    columns = frame_columns(frame, model.fields)
    origin = int(to_steps(np.array([wanted["judged_from"]], dtype=object), own.spec.frequency)[0])
    if own.last < origin:
        raise BundleError(
            "its history ends before the steps of today's test side begin",
            where={"origin": wanted["judged_from"]},
            next_step="nothing is to be done: the challenger stands on its own gates",
        )
    answers = model.scores(columns)
    series = as_keys(columns[own.spec.series])[0].astype(np.int64)
    y = frame[product.columns.target].to_numpy().astype(np.float64)
    past = own.history.cut(own.history.start, origin + 1)
    scale = naive_scale(past.values.astype(np.float64), own.spec.rhythm.season)
    places = own.history.places(columns[own.spec.series])
    return ForecastJudge(series, y, answers[:, 0], scale[places], answers[:, 1:], own.levels, [product.evaluate.metric])
