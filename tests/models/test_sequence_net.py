"""The recurrent network: what numpy answers is what torch has trained, and it learns from the past of a series."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pipelines.blocks.models import Profile
from pipelines.errors import BundleError, ConfigError
from pipelines.features.design import Design
from pipelines.models.base import FitSettings
from pipelines.models.sequence import SequenceNet
from pipelines.models.sequence.fitting import SequenceData, fit

ONE = Profile(threads=1)
SMALL = {"hidden": 8, "width": 16, "batch": 32, "learning_rate": 0.01}


def _data(count: int, seed: int) -> SequenceData:
    """The answer is the mean of the window's first channel, plus the feature, plus what the category adds."""
    rng = np.random.default_rng(seed)
    windows = rng.normal(size=(count, 6, 2)).astype(np.float32)
    window = np.repeat(np.arange(count), 3)
    numeric = rng.normal(size=(3 * count, 2)).astype(np.float32)
    codes = rng.integers(0, 3, size=(3 * count, 1)).astype(np.int32)
    y = 3.0 * windows[window, :, 0].mean(axis=1) + numeric[:, 0] + np.array([0.0, 1.0, -1.0])[codes[:, 0]]
    numeric[rng.random(3 * count) < 0.1, 1] = np.nan
    return SequenceData(windows, window, Design(numeric, codes, ("a", "b"), ("kind",), (3,)), y.astype(np.float64))


def _answer(net: SequenceNet, data: SequenceData) -> np.ndarray:
    return net.answer(net.encode(data.windows)[data.window], data.design.numeric, data.design.categorical)


@pytest.mark.slow
def test_it_learns_from_window_feature_and_category_and_is_read_back(tmp_path: Path) -> None:
    train, held = _data(500, 1), _data(200, 2)
    net, epochs = fit(train, held, FitSettings(0, {**SMALL, "epochs": 8}, ONE))
    assert 1 <= epochs <= 8
    error = np.mean((_answer(net, held) - held.y) ** 2) / np.var(held.y)
    assert error < 0.3
    net.moved(2.5).save(tmp_path / "net.npz")
    again = SequenceNet.load(tmp_path / "net.npz")
    assert _answer(again, held) == pytest.approx(_answer(net, held) + 2.5, abs=1e-9)
    blind = SequenceData(np.zeros_like(held.windows), held.window, held.design, held.y)
    assert np.mean((_answer(net, blind) - held.y) ** 2) / np.var(held.y) > 1.5 * error


def test_an_answer_does_not_depend_on_the_rows_beside_it_and_seeds_repeat() -> None:
    train = _data(80, 1)
    net, _ = fit(train, None, FitSettings(3, SMALL, ONE), epochs=2)
    same, _ = fit(train, None, FitSettings(3, SMALL, ONE), epochs=2)
    assert all(np.array_equal(net.arrays[name], same.arrays[name]) for name in net.arrays)
    alone = SequenceData(
        train.windows[5:6], np.zeros(3, np.int64), train.design.take(np.arange(15, 18)), train.y[15:18]
    )
    assert _answer(net, alone) == pytest.approx(_answer(net, train)[15:18], abs=1e-12)


def test_numpy_answers_what_torch_does() -> None:
    import torch

    from pipelines.models.sequence.fitting import DEFAULTS, _Net
    from pipelines.models.sequence.scoring import inputs

    data = _data(40, 4)
    net, _ = fit(data, None, FitSettings(0, {**SMALL, "dropout": 0.0}, ONE), epochs=1)
    twin = _Net(2, 2, (3,), {**DEFAULTS, **SMALL}).eval()
    twin.load_state_dict(
        {name: torch.from_numpy(net.arrays[name.replace("embedding.0.weight", "embedding.0")]).float()
         for name in twin.state_dict()}
    )  # fmt: skip
    numeric = inputs(data.design.numeric, net.arrays["center"], net.arrays["spread"])
    with torch.inference_mode():
        told = twin(
            torch.from_numpy(data.windows),
            torch.from_numpy(data.window),
            torch.from_numpy(numeric).float(),
            torch.from_numpy(data.design.categorical.astype(np.int64)),
        )
    mean, deviation = net.arrays["answer"]
    assert _answer(net, data) == pytest.approx(mean + deviation * told.numpy(), abs=1e-4)


def test_what_is_no_network_or_no_hyper_parameter_is_refused(tmp_path: Path) -> None:
    (tmp_path / "net.npz").write_bytes(b"no archive")
    with pytest.raises(BundleError, match="not a sequence network"):
        SequenceNet.load(tmp_path / "net.npz")
    with pytest.raises(BundleError):
        SequenceNet.load(tmp_path / "none.npz")
    with pytest.raises(ConfigError, match="layers"):
        fit(_data(10, 0), None, FitSettings(0, {"layers": 3}), epochs=1)
