"""LightGBM: learns, repeats itself byte for byte, survives saving, refuses what it does not know."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import fits
import numpy as np
import pytest

from pipelines.blocks.models import Profile
from pipelines.errors import BundleError, ConfigError
from pipelines.models import lightgbm
from pipelines.models.base import FitSettings

SETTINGS = FitSettings(0, {"iterations": 100, "learning_rate": 0.06, "min_data_in_leaf": 5}, Profile(threads=1))
ENOUGH = {"binary": 0.9, "multiclass": 0.9, "regression": 0.3}


@pytest.mark.parametrize("task", sorted(ENOUGH))
def test_it_learns_each_task_and_answers_the_same_once_saved(tmp_path: Path, task: str) -> None:
    data = fits.data(task)
    model = lightgbm.fit(data, SETTINGS)
    answer = model.predict(data.valid)
    assert fits.quality(data, answer) > ENOUGH[task]
    assert 0 < model.best_iteration <= 100
    loaded = lightgbm.load(tmp_path, model.save(tmp_path))
    assert (loaded.task, loaded.best_iteration, loaded.name) == (task, model.best_iteration, "trees_0")
    assert np.array_equal(loaded.predict(data.valid), answer)
    if task == "multiclass":
        assert answer.sum(axis=1) == pytest.approx(np.ones(len(answer)))


def test_equal_rows_give_equal_bytes_and_another_seed_does_not(tmp_path: Path) -> None:
    data = fits.data("binary")
    texts = []
    for place, seed in enumerate((0, 0, 1)):
        folder = tmp_path / str(place)
        few = {**SETTINGS.params, "iterations": 20}
        lightgbm.fit(data, replace(SETTINGS, seed=seed, params=few, profile=Profile(threads=2))).save(folder)
        texts.append((folder / "trees_0.txt").read_bytes())
    assert texts[0] == texts[1] != texts[2]


def test_row_weights_count() -> None:
    plain, weighted = (lightgbm.fit(fits.data("binary", weight=w), SETTINGS) for w in (False, True))
    design = fits.data("binary").valid
    assert not np.array_equal(plain.predict(design), weighted.predict(design))


def test_a_row_alone_equals_the_row_in_a_table() -> None:
    data = fits.data("binary")
    model = lightgbm.fit(data, SETTINGS)
    together = model.predict(data.valid)
    alone = [model.predict(data.valid.take(np.array([row])))[0] for row in range(20)]
    assert np.array_equal(together[:20], np.array(alone))


def test_an_all_missing_and_a_constant_column_do_no_harm() -> None:
    data = fits.data("binary")
    for side in (data.train, data.valid):
        side.numeric[:, 0], side.numeric[:, 1] = np.nan, 5.0
    model = lightgbm.fit(data, SETTINGS)
    assert fits.quality(data, model.predict(data.valid)) > 0.9
    empty = data.valid.take(np.arange(3))
    empty.numeric[:], empty.categorical[:] = np.nan, 0
    answer = model.predict(empty)
    assert ((answer > 0) & (answer < 1)).all()


def test_progress_is_told() -> None:
    told: list[Any] = []
    settings = replace(SETTINGS, progress=lambda *given: told.append(given))
    lightgbm.fit(fits.data("multiclass"), settings)
    assert told[0] == ("trees", 1, 100)
    assert len(told) > 1


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"depth": 3}, "no hyper-parameter 'depth'"),
        ({"learning_rate": "fast"}, "learning_rate must be a number"),
        ({"num_leaves": 1}, "refused the hyper-parameters"),
        ({"bagging_fraction": 2.0}, "refused the hyper-parameters"),
        ({"iterations": 0}, "iterations"),
    ],
)
def test_a_wrong_hyper_parameter_is_one_clear_error(params: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        lightgbm.fit(fits.data("binary"), replace(SETTINGS, params=params))


@pytest.mark.parametrize("content", [b"", b"not a model", b"tree\nversion=v4\n"])
def test_a_broken_file_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "trees_0.txt").write_bytes(content)
    with pytest.raises(BundleError):
        lightgbm.load(tmp_path, ["trees_0.txt"])
