from __future__ import annotations

from pathlib import Path
from typing import Any

import fits
import nets
import numpy as np
import pytest

from pipelines.problems.common.explaining import reference_row
from pipelines.problems.common.reasons import reference_design
from pipelines.problems.common.trained import Answers
from pipelines.problems.tabular.evaluate import gradients
from pipelines.problems.tabular.evaluate.gradients import integrated_gradients


def explained(folder: Path, task: str, design: Any, **shape: int) -> tuple[Any, list[Any], dict[str, list[Any]]]:
    models = nets.saved(folder, task, **shape)
    reference = reference_row(design)
    empty = np.empty(0)
    member = Answers("tabm", "tabm", folder, empty.astype(np.int64), empty)
    return integrated_gradients(member, 0.5, design, reference), models, reference


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
@pytest.mark.parametrize(("p", "q"), [(3, 2), (4, 0), (0, 2)])
def test_contributions_add_up_to_the_raw_score(tmp_path: Path, task: str, p: int, q: int) -> None:
    design = nets.rows(90, p, q, seed=2)
    found, models, _ = explained(tmp_path, task, design, p=p, q=q, seeds=2)
    classes = (3,) if task == "multiclass" else ()
    assert found.values.shape == (90, *classes, p + q)
    assert found.base.shape == found.raw.shape == (90, *classes)
    scale = float(np.std(found.raw)) or 1.0
    assert found.incompleteness < 0.06 * scale  # the midpoint rule, at the kinks of a ReLU net
    if task == "regression":
        assert found.raw == pytest.approx(np.mean([model.predict(design) for model in models], axis=0), abs=1e-4)


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_a_trained_network_is_explained_whole_and_finer_steps_come_closer(
    tmp_path: Path, task: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fits.nets(tmp_path, task, seeds=2)
    design = fits.data(task).valid.take(np.arange(40))
    member = Answers("tabm", "tabm", tmp_path, np.empty(0, np.int64), np.empty(0))
    errors = {}
    for steps in (8, gradients.STEPS):
        monkeypatch.setattr(gradients, "STEPS", steps)
        found = integrated_gradients(member, 1.0, design, reference_row(design))
        errors[steps] = found.incompleteness / float(np.std(found.raw))
    coarse, fine = errors.values()
    assert fine < 0.003  # the ends of the steps in place of their middles would miss by 0.004 and more
    assert fine < coarse / 4


def test_the_usual_row_has_nothing_to_explain(tmp_path: Path) -> None:
    design = nets.rows(40, 3, 2)
    _, _, reference = explained(tmp_path, "binary", design)
    same = reference_design(reference, design)
    member = Answers("tabm", "tabm", tmp_path, np.empty(0, np.int64), np.empty(0))
    found = integrated_gradients(member, 1.0, same, reference)
    assert np.abs(found.values).max() < 1e-6
    assert found.base == pytest.approx(found.raw, abs=1e-5)


def test_only_what_differs_from_the_usual_row_contributes(tmp_path: Path) -> None:
    design = nets.rows(60, 3, 2, seed=3)
    found, _, reference = explained(tmp_path, "binary", design)
    usual = reference_design(reference, design)
    same = np.hstack([design.numeric == usual.numeric, design.categorical == usual.categorical])
    assert same.any()
    assert np.abs(found.values[same]).max() < 1e-6
    assert (np.abs(found.values[:, :3][np.isnan(design.numeric)]) > 0).any()  # a missing value speaks too
