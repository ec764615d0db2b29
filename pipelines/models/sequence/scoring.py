"""The trained network in numpy: what is served needs no torch, and no answer depends on the rows beside it.

A gated recurrent unit (Cho et al., Learning Phrase Representations using RNN Encoder-Decoder, 2014) reads the last
steps of a series; a multilayer perceptron answers any step ahead from its last state and the features of that step, as
the direct multi-horizon decoder of Wen et al. (A Multi-Horizon Quantile Recurrent Forecaster, 2017) does.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.errors import BundleError
from pipelines.files import write_bytes

Array = NDArray[np.float64]
FURTHEST = 5.0  # standard deviations; an input further out counts as that far


@dataclass(frozen=True)
class SequenceNet:
    """Weights by name.

    Attributes:
        arrays: ``gru.*`` as torch names them; ``embedding.<column>``; ``hidden.<layer>.weight`` and ``bias``;
            ``center`` and ``spread`` of the numeric features ``[p]``; ``answer``: mean and deviation of the target.
    """

    arrays: Mapping[str, Array]

    def encode(self, windows: NDArray[np.floating]) -> Array:
        """The last state ``[m, h]`` of windows ``[m, steps, channels]``."""
        inner, outer = self.arrays["gru.weight_hh_l0"].T, self.arrays["gru.weight_ih_l0"].T
        inner_bias, outer_bias = self.arrays["gru.bias_hh_l0"], self.arrays["gru.bias_ih_l0"]
        size = inner.shape[0]
        state = np.zeros((len(windows), size))
        for step in range(windows.shape[1]):
            given = windows[:, step].astype(np.float64) @ outer + outer_bias
            kept = state @ inner + inner_bias
            reset, update = (
                _sigmoid(given[:, part] + kept[:, part]) for part in (slice(0, size), slice(size, 2 * size))
            )
            new = np.tanh(given[:, 2 * size :] + reset * kept[:, 2 * size :])
            state = (1.0 - update) * new + update * state
        return state

    def answer(self, state: Array, numeric: NDArray[np.floating], categorical: NDArray[np.integer]) -> Array:
        """Answers ``[n]`` for the states ``[n, h]`` and features ``[n, p]``, ``[n, q]`` of steps."""
        parts = [state, inputs(numeric, self.arrays["center"], self.arrays["spread"])]
        for column in range(categorical.shape[1]):
            table = self.arrays[f"embedding.{column}"]
            parts.append(table[np.clip(categorical[:, column], 0, len(table) - 1)])
        found = np.concatenate(parts, axis=1)
        last = sum(name.startswith("hidden.") for name in self.arrays) // 2 - 1
        for layer in range(last + 1):
            found = found @ self.arrays[f"hidden.{layer}.weight"].T + self.arrays[f"hidden.{layer}.bias"]
            if layer < last:
                found = found * _sigmoid(found)
        mean, deviation = self.arrays["answer"]
        return np.asarray(mean + deviation * found[:, 0])

    def moved(self, by: float) -> SequenceNet:
        """The same network, every answer larger by a constant."""
        return replace(self, arrays={**self.arrays, "answer": self.arrays["answer"] + np.array([by, 0.0])})

    def save(self, path: Path) -> None:
        """Write one ``.npz``."""
        buffer = io.BytesIO()
        np.savez_compressed(buffer, allow_pickle=False, **{name: self.arrays[name] for name in sorted(self.arrays)})
        write_bytes(path, buffer.getvalue())

    @staticmethod
    def load(path: Path) -> SequenceNet:
        """Read what :meth:`save` wrote; nothing in it can run code.

        Raises:
            BundleError: the file is missing, damaged, or not such a network.
        """
        try:
            with np.load(path, allow_pickle=False) as stored:
                arrays: dict[str, Any] = {name: stored[name].astype(np.float64) for name in stored.files}
            shape = arrays["answer"].shape, arrays["gru.weight_hh_l0"].ndim
        except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
            raise BundleError(
                f"not a sequence network: {error}", where={"file": path.name}, next_step="train or pack the model again"
            ) from error
        if shape != ((2,), 2):
            raise BundleError("not a sequence network", where={"file": path.name}, next_step="train the model again")
        return SequenceNet(arrays)


def inputs(numeric: NDArray[np.floating], center: Array, spread: Array) -> Array:
    """Numeric features in standard deviations, and whether each is missing ``[n, 2 p]``."""
    missing = np.isnan(numeric)
    with np.errstate(invalid="ignore"):
        scaled = np.clip((numeric.astype(np.float64) - center) / spread, -FURTHEST, FURTHEST)
    return np.concatenate([np.where(missing, 0.0, scaled), missing.astype(np.float64)], axis=1)


def _sigmoid(values: Array) -> Array:
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * values)))
