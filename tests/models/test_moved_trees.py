"""What regression trees answer: the mean, a quantile; and a constant that is added to every form of a model."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import fits
import numpy as np
import pytest

from pipelines.errors import ConfigError
from pipelines.models.base import FitSettings
from pipelines.models.lightgbm import fit, load, matrix

QUICK = {"iterations": 60, "patience": 60, "learning_rate": 0.1, "lambda_l2": 1.0, "min_data_in_leaf": 10}


def test_a_constant_moves_answers_file_and_contributions_alike(tmp_path: Path) -> None:
    data = fits.data("regression")
    model = fit(data, FitSettings(0, QUICK))
    before = model.predict(data.valid)
    model.move(-12.5)
    assert model.predict(data.valid) == pytest.approx(before - 12.5, abs=1e-9)
    again = load(tmp_path, model.save(tmp_path))
    assert again.predict(data.valid) == pytest.approx(before - 12.5, abs=1e-9)
    reasons = again.booster.predict(matrix(data.valid), pred_contrib=True)
    assert reasons.sum(axis=1) == pytest.approx(before - 12.5, abs=1e-6)


def test_a_model_of_one_constant_moves_too() -> None:
    data = fits.data("regression")
    flat = dataclasses.replace(data, y_train=np.full(len(data.y_train), 3.0))
    model = fit(flat, FitSettings(0, {**QUICK, "iterations": 2}))
    model.move(1.0)
    assert model.predict(data.valid) == pytest.approx(np.full(len(data.y_valid), 4.0), abs=1e-6)


def test_a_quantile_lies_where_its_level_says() -> None:
    data = fits.data("regression")
    low, high = (fit(data, FitSettings(0, {**QUICK, "quantile": level})).predict(data.train) for level in (0.2, 0.8))
    assert (low < high).mean() > 0.95
    assert 0.1 < (data.y_train < low).mean() < 0.3
    assert 0.7 < (data.y_train < high).mean() < 0.9


@pytest.mark.parametrize(
    ("params", "said"), [({"quantile": 1.0}, "below 1"), ({"quantile": 0.7, "absolute_error": True}, "quantile 0.5")]
)
def test_a_level_that_cannot_be_is_refused(params: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        fit(fits.data("regression"), FitSettings(0, {**QUICK, **params}))
