"""The network: learns each task, repeats itself byte for byte, and goes on after a kill as if nothing had been."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import fits
import numpy as np
import pytest

from pipelines.blocks.models import Profile
from pipelines.errors import BundleError, ConfigError, DataError
from pipelines.models import tabm
from pipelines.models.base import FitSettings
from pipelines.models.tabm import checkpoint

SMALL = {"members": 4, "width": 32, "bins": 8, "embedding": 4, "batch": 32, "epochs": 12, "learning_rate": 0.005}
SETTINGS = FitSettings(0, SMALL, Profile(threads=1))
SHORT = replace(SETTINGS, params={**SMALL, "batch": 128, "epochs": 8})
ENOUGH = {"binary": 0.9, "multiclass": 0.9, "regression": 0.3}


@pytest.mark.parametrize("task", sorted(ENOUGH))
def test_it_learns_each_task_and_answers_the_same_once_saved(tmp_path: Path, task: str) -> None:
    data = fits.data(task)
    model = tabm.fit(data, SETTINGS)
    answer = model.predict(data.valid)
    assert fits.quality(data, answer) > ENOUGH[task]
    loaded = tabm.load(tmp_path, model.save(tmp_path))
    assert (loaded.task, loaded.best_iteration) == (task, model.best_iteration)
    assert np.array_equal(loaded.predict(data.valid), answer)
    if task == "multiclass":
        assert answer.sum(axis=1) == pytest.approx(np.ones(len(answer)), abs=1e-5)


def test_equal_rows_give_equal_bytes_and_another_seed_does_not(tmp_path: Path) -> None:
    data = fits.data("binary", weight=True)
    found = []
    for place, seed in enumerate((0, 0, 1)):
        settings = replace(SETTINGS, seed=seed, params={**SMALL, "epochs": 2}, profile=Profile(threads=2))
        tabm.fit(data, settings).save(tmp_path / str(place))
        found.append((tmp_path / str(place) / "net_0.safetensors").read_bytes())
    assert found[0] == found[1] != found[2]


def test_it_stops_when_the_validation_loss_has_not_improved(tmp_path: Path) -> None:
    epochs: list[int] = []
    settings = replace(
        SETTINGS,
        params={**SMALL, "epochs": 200, "patience": 3, "learning_rate": 0.05, "average": 0.0},
        progress=lambda *told: epochs.append(told[1]),
    )
    model = tabm.fit(fits.data("multiclass"), settings)
    assert epochs[-1] == model.best_iteration + 3 < 200


def test_weights_of_zero_take_rows_away() -> None:
    data = fits.data("binary")
    odd = np.arange(len(data.y_train)) % 2 == 1
    wrong = replace(data, y_train=np.where(odd, 1 - data.y_train, data.y_train))
    sound = replace(wrong, weight=np.where(odd, 0.0, 1.0))
    spoilt = fits.quality(data, tabm.fit(wrong, SETTINGS).predict(data.valid))
    assert fits.quality(data, tabm.fit(sound, SETTINGS).predict(data.valid)) > max(0.85, spoilt)


@pytest.mark.parametrize("categorical", [True, False])
def test_missing_unseen_and_absurd_values_get_a_finite_answer(categorical: bool) -> None:
    data = fits.data("binary", categorical=categorical)
    model = tabm.fit(data, replace(SETTINGS, params={**SMALL, "epochs": 2}))
    rows = data.valid.take(np.arange(3))
    for value in (np.nan, 1e38, -1e38):
        rows.numeric[:] = value
        rows.categorical[:] = 0
        answer = model.predict(rows)
        assert np.isfinite(answer).all()
        assert ((answer > 0) & (answer < 1)).all()


def test_an_all_missing_and_a_constant_column_do_no_harm() -> None:
    data = fits.data("binary")
    for side in (data.train, data.valid):
        side.numeric[:, 0], side.numeric[:, 1] = np.nan, 5.0
    assert fits.quality(data, tabm.fit(data, SETTINGS).predict(data.valid)) > 0.9


def test_no_rows_give_no_answers() -> None:
    for task, shape in (("binary", (0,)), ("multiclass", (0, 3))):
        data = fits.data(task)
        model = tabm.fit(data, replace(SETTINGS, params={**SMALL, "epochs": 1}))
        assert model.predict(data.valid.take(np.arange(0))).shape == shape


def test_bf16_trains_too_and_is_kept_as_float32(tmp_path: Path) -> None:
    from safetensors.numpy import load_file

    data = fits.data("binary")
    model = tabm.fit(data, replace(SETTINGS, profile=Profile(threads=1, precision="bf16")))
    assert fits.quality(data, model.predict(data.valid)) > 0.85
    model.save(tmp_path)
    assert {str(value.dtype) for value in load_file(tmp_path / "net_0.safetensors").values()} == {"float32"}


def test_a_gpu_that_is_not_there_is_one_clear_error() -> None:
    import torch

    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    with pytest.raises(ConfigError, match="torch sees no GPU"):
        tabm.fit(fits.data("binary"), replace(SETTINGS, profile=Profile(device="cuda")))


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"num_leaves": 3}, "no hyper-parameter 'num_leaves'"),
        ({"width": 0}, "width must be"),
        ({"dropout": "much"}, "dropout must be"),
        ({"dropout": 1.0}, "dropout must be"),
        ({"average": 1.0}, "average must be"),
        ({"members": 2.5}, "members must be"),
        ({"epochs": True}, "epochs must be"),
    ],
)
def test_a_wrong_hyper_parameter_is_one_clear_error(params: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        tabm.fit(fits.data("binary"), replace(SETTINGS, params=params))


def test_a_training_that_runs_away_is_one_clear_error() -> None:
    settings = replace(SETTINGS, params={**SMALL, "learning_rate": 1e30, "average": 0.0})
    with pytest.raises(DataError, match="lower candidates"):
        tabm.fit(fits.data("regression"), settings)


@pytest.mark.parametrize("content", [b"", b"not a network", b"\x08\x00\x00\x00\x00\x00\x00\x00{}      "])
def test_a_broken_file_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "net_0.safetensors").write_bytes(content)
    with pytest.raises(BundleError, match="not a network"):
        tabm.load(tmp_path, ["net_0.safetensors"])


def saved(settings: FitSettings, folder: Path, data: Any = None) -> bytes:
    tabm.fit(data or fits.data("binary"), settings).save(folder)
    return (folder / "net_0.safetensors").read_bytes()


class StopHereError(Exception):
    """Raised by the progress below, in place of a kill."""


def stopped_after(epochs: int, settings: FitSettings) -> None:
    def progress(what: str, done: int, total: int) -> None:
        if done == epochs:
            raise StopHereError

    with pytest.raises(StopHereError):
        tabm.fit(fits.data("binary"), replace(settings, progress=progress))


def test_it_goes_on_where_it_stopped_and_ends_at_the_same_bytes(tmp_path: Path) -> None:
    settings = replace(SHORT, checkpoints=tmp_path / "checkpoints")
    stopped_after(5, settings)
    told: list[int] = []
    resumed = saved(replace(settings, progress=lambda *given: told.append(given[1])), tmp_path / "resumed")
    assert told[0] == 6
    assert resumed == saved(SHORT, tmp_path / "unbroken")


def test_a_finished_training_is_not_done_again(tmp_path: Path) -> None:
    settings = replace(SHORT, checkpoints=tmp_path / "checkpoints")
    first = saved(settings, tmp_path / "first")
    told: list[int] = []
    again = saved(replace(settings, progress=lambda *given: told.append(given[1])), tmp_path / "again")
    assert (told, again) == ([], first)


@pytest.mark.parametrize(
    "change", ["seed", "params", "rows", "categories", "sizes", "weight", "code", "broken", "truncated"]
)
def test_a_checkpoint_of_another_training_is_not_used(
    tmp_path: Path, change: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "checkpoints"
    few = {**SMALL, "batch": 128, "epochs": 4}
    settings, data = replace(SETTINGS, params=few), fits.data("binary")
    stopped_after(3, replace(settings, checkpoints=folder))
    path = folder / "net_0.safetensors"
    if change == "seed":
        settings = replace(settings, seed=1)
    elif change == "params":
        settings = replace(settings, params={**few, "dropout": 0.2})
    elif change == "rows":
        data.valid.numeric[0, 0] = 1.0
    elif change == "categories":
        data.valid.categorical[:] = 0
    elif change == "sizes":
        data = replace(
            data, train=replace(data.train, cardinalities=(9,)), valid=replace(data.valid, cardinalities=(9,))
        )
    elif change == "code":
        (tmp_path / "net.py").write_text("# another layer")
        monkeypatch.setattr(checkpoint, "CODE", tmp_path)
    elif change == "weight":
        data = fits.data("binary", weight=True)
    else:
        path.write_bytes(b"?" if change == "broken" else path.read_bytes()[:-100])
    told: list[int] = []
    resumed = replace(settings, checkpoints=folder, progress=lambda *given: told.append(given[1]))
    assert saved(resumed, tmp_path / "other", data) == saved(settings, tmp_path / "clean", data)
    assert told[0] == 1


TRAINING = """
import sys, time
from dataclasses import replace
from pathlib import Path
sys.path[:0] = {paths!r}
import fits
from test_network import SETTINGS
from pipelines.models import tabm

def progress(what, done, total):
    print(done, flush=True)
    time.sleep({pause})

folder = Path({folder!r})
settings = replace(SETTINGS, checkpoints=folder / "checkpoints", progress=progress)
tabm.fit(fits.data("binary"), settings).save(folder)
"""


def training(folder: Path, pause: float) -> subprocess.Popen[str]:
    here = Path(__file__).resolve()
    paths = [str(here.parent), str(here.parents[1]), str(here.parents[2])]
    code = TRAINING.format(paths=paths, pause=pause, folder=str(folder))
    return subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"}
    )


@pytest.mark.slow
def test_a_training_killed_by_the_system_ends_at_the_same_bytes(tmp_path: Path) -> None:
    with training(tmp_path, pause=0.3) as killed:
        assert killed.stdout is not None
        while killed.stdout.readline().strip() != "4":
            assert killed.poll() is None
        os.kill(killed.pid, signal.SIGKILL)
    assert killed.returncode == -signal.SIGKILL
    with training(tmp_path, pause=0.0) as resumed:
        told = [int(line) for line in resumed.stdout or []]
    assert resumed.returncode == 0
    assert told[0] in (5, 6)
    unbroken = saved(SETTINGS, tmp_path / "unbroken")
    assert (tmp_path / "net_0.safetensors").read_bytes() == unbroken
