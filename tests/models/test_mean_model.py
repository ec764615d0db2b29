"""A train folder read back: the mean of its members, or a clear error."""

from __future__ import annotations

from pathlib import Path

import fits
import nets
import numpy as np
import pytest

from pipelines.blocks.models import Profile
from pipelines.errors import BundleError
from pipelines.files import read_json, write_json
from pipelines.models import FAMILIES, fit_model, load_model
from pipelines.models.base import FitSettings


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_it_answers_the_mean_of_its_members(tmp_path: Path, task: str) -> None:
    members = nets.saved(tmp_path, task, seeds=3)
    design = nets.rows(20, 3, 2, seed=9)
    model = load_model(tmp_path)
    assert (model.family, model.task, model.best_iteration) == ("tabm", task, 1)
    expected = np.mean([member.predict(design) for member in members], axis=0)
    assert model.predict(design) == pytest.approx(expected, abs=1e-9)


def test_it_can_be_saved_again(tmp_path: Path) -> None:
    nets.saved(tmp_path, "binary", seeds=2)
    assert load_model(tmp_path).save(tmp_path / "again") == ["net_0.safetensors", "net_1.safetensors"]
    assert (tmp_path / "again" / "net_1.safetensors").read_bytes() == (tmp_path / "net_1.safetensors").read_bytes()


FEW = {"lightgbm": {"iterations": 3}, "tabm": {"epochs": 1, "width": 8, "members": 2}}


@pytest.mark.parametrize("family", FEW)
def test_every_family_of_tables_is_fitted_by_its_name(family: str) -> None:
    few = FEW[family]
    assert family in FAMILIES
    data = fits.data("binary")
    model = fit_model(family, data, FitSettings(0, few, Profile(threads=1)))
    assert model.predict(data.valid).shape == (len(data.valid),)


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"no model\.json"):
        load_model(tmp_path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    nets.saved(tmp_path, "binary")
    (tmp_path / "net_0.safetensors").unlink()
    with pytest.raises(BundleError, match=r"net_0\.safetensors is missing"):
        load_model(tmp_path)


def test_an_unknown_family_is_named(tmp_path: Path) -> None:
    nets.saved(tmp_path, "binary")
    write_json(tmp_path / "model.json", {**read_json(tmp_path / "model.json"), "family": "oracle"})
    with pytest.raises(BundleError, match="no model family 'oracle'"):
        load_model(tmp_path)
