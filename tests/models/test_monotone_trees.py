"""Directions that an answer may take with a feature: a thing known beforehand need not be fitted."""

from __future__ import annotations

import dataclasses

import fits
import numpy as np
import pytest

from pipelines.errors import ConfigError
from pipelines.models.base import FitSettings
from pipelines.models.lightgbm import fit

QUICK = {"iterations": 40, "patience": 40, "learning_rate": 0.1, "lambda_l2": 1.0, "min_data_in_leaf": 5}


@pytest.mark.parametrize("direction", [-1, 1])
def test_the_answer_only_moves_as_told_along_a_monotone_feature(direction: int) -> None:
    data = fits.data("regression")
    place = 2  # body mass index: the answer rises with it
    name = data.train.numeric_names[place]
    model = fit(data, FitSettings(0, {**QUICK, "monotone": {name: direction}}))
    numeric = np.repeat(data.valid.numeric[:10], 30, axis=0)
    numeric[:, place] = np.tile(np.linspace(-0.1, 0.2, 30, dtype=np.float32), 10)
    asked = dataclasses.replace(data.valid, numeric=numeric, categorical=np.repeat(data.valid.categorical[:10], 30, 0))
    steps = np.diff(model.predict(asked).reshape(10, 30), axis=1) * direction
    assert (steps >= -1e-9).all()
    free = np.diff(fit(data, FitSettings(0, QUICK)).predict(asked).reshape(10, 30), axis=1) * direction
    assert (free < -1e-6).any()
    if direction == 1:
        assert (steps > 0).any()


@pytest.mark.parametrize(
    ("given", "said"), [({"no such": 1}, "no numeric feature 'no such'"), (3, "names with values")]
)
def test_a_direction_of_an_unknown_feature_is_refused(given: object, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        fit(fits.data("binary"), FitSettings(0, {**QUICK, "monotone": given}))


def test_a_direction_is_one_of_three() -> None:
    data = fits.data("binary")
    with pytest.raises(ConfigError, match="-1, 0 or 1"):
        fit(data, FitSettings(0, {**QUICK, "monotone": {data.train.numeric_names[0]: 2}}))
