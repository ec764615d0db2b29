"""Trains the network with torch: squared error, AdamW, a running mean of the weights, stopped on later steps."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from pipelines.errors import DataError
from pipelines.features.design import Design
from pipelines.models.base import FitSettings
from pipelines.models.device import torch_device
from pipelines.models.hyper import resolve
from pipelines.models.sequence.scoring import SequenceNet, inputs

DEFAULTS: Mapping[str, Any] = {
    "hidden": 32,  # units of the recurrent state
    "width": 128,  # units of a layer of the decoder
    "embedding": 4,  # width of a categorical column's embedding
    "dropout": 0.1,  # share of the decoder's units
    "learning_rate": 2e-3,  # AdamW
    "weight_decay": 0.01,  # AdamW
    "batch": 64,  # windows per step, with all of their rows
    "epochs": 8,  # at most
    "patience": 3,  # epochs without a better validation loss before it stops
    "average": 0.99,  # weights kept: running mean over steps, so much of it old at each step
    "clip": 1.0,  # largest gradient norm
}


@dataclass(frozen=True)
class SequenceData:
    """Rows and the windows that they are seen from.

    Attributes:
        windows: float32 ``[m, steps, channels]``: the past of a series at an origin.
        window: place of each row's window ``[n]``.
        design: features of the steps that are asked for ``[n]``.
        y: float64 ``[n]``.
        weight: float64 ``[n]``, or None where all count alike.
    """

    windows: NDArray[np.float32]
    window: NDArray[np.int64]
    design: Design
    y: NDArray[np.float64]
    weight: NDArray[np.float64] | None = None


class _Net(nn.Module):
    def __init__(self, channels: int, features: int, cardinalities: tuple[int, ...], chosen: Mapping[str, Any]) -> None:
        super().__init__()
        self.gru = nn.GRU(channels, chosen["hidden"], batch_first=True)
        self.embedding = nn.ModuleList(nn.Embedding(size, chosen["embedding"]) for size in cardinalities)
        width = chosen["hidden"] + 2 * features + len(cardinalities) * chosen["embedding"]
        sizes = (width, chosen["width"], chosen["width"], 1)
        self.hidden = nn.ModuleList(nn.Linear(a, b) for a, b in itertools.pairwise(sizes))
        self.dropout = nn.Dropout(chosen["dropout"])

    def forward(self, windows: Tensor, window: Tensor, numeric: Tensor, categorical: Tensor) -> Tensor:
        """Answers in standard deviations ``[n]``."""
        _, state = self.gru(windows)
        codes = [table(categorical[:, at]) for at, table in enumerate(self.embedding)]
        found = torch.cat([state[0][window], numeric, *codes], dim=1)
        for layer in self.hidden[:-1]:
            found = self.dropout(nn.functional.silu(layer(found)))
        answer: Tensor = self.hidden[-1](found)[:, 0]
        return answer


def fit(
    data: SequenceData, valid: SequenceData | None, settings: FitSettings, epochs: int | None = None
) -> tuple[SequenceNet, int]:
    """Train; the network and the number of epochs that were kept.

    Args:
        data: rows to learn from.
        valid: later rows that stop it, or None.
        settings: hyper-parameters over :data:`DEFAULTS`, seed, machine.
        epochs: so many, without stopping.

    Raises:
        ConfigError: a hyper-parameter that the family does not have, or a device that is not there.
        DataError: the training diverged.
    """
    chosen = resolve("sequence", DEFAULTS, settings.params, shares=("dropout", "average"))
    device = torch_device(settings.profile.device)
    torch.set_num_threads(settings.profile.threads)
    torch.manual_seed(settings.seed)
    numeric = data.design.numeric.astype(np.float64)
    center = np.nan_to_num(np.nanmean(numeric, axis=0)) if len(numeric) else np.zeros(numeric.shape[1])
    spread = np.nan_to_num(np.nanstd(numeric, axis=0))
    spread = np.where(spread > 1e-9, spread, 1.0)
    mean, deviation = float(np.average(data.y, weights=data.weight)), float(np.std(data.y)) or 1.0
    sizes = tuple(int(size) for size in data.design.cardinalities)
    net = _Net(data.windows.shape[2], numeric.shape[1], sizes, chosen).to(device)
    kept = copy.deepcopy(net).eval()
    optimizer = torch.optim.AdamW(net.parameters(), lr=chosen["learning_rate"], weight_decay=chosen["weight_decay"])
    rows = _Rows(data, center, spread, mean, deviation, device)
    later = None if valid is None else _Rows(valid, center, spread, mean, deviation, device)
    best, best_epoch, weights = float("inf"), 0, copy.deepcopy(kept.state_dict())
    most = chosen["epochs"] if epochs is None else epochs
    for epoch in range(1, most + 1):
        _epoch(net, kept, optimizer, rows, chosen, settings.seed, epoch)
        loss = float(epoch) * -1.0 if later is None else _loss(kept, later, chosen["batch"])
        if not np.isfinite(loss) or not all(bool(torch.isfinite(one).all()) for one in kept.parameters()):
            raise DataError(
                f"the network's loss is {loss} after epoch {epoch}",
                where={"family": "sequence"},
                next_step="lower candidates.*.params.learning_rate",
            )
        if loss < best:
            best, best_epoch, weights = loss, epoch, copy.deepcopy(kept.state_dict())
        if settings.progress is not None:
            settings.progress("net, epoch", epoch, most)
        if later is not None and epoch - best_epoch >= chosen["patience"]:
            break
    arrays = {_named(name): value.cpu().numpy().astype(np.float64) for name, value in weights.items()}
    arrays |= {"center": center, "spread": spread, "answer": np.array([mean, deviation])}
    return SequenceNet(arrays), best_epoch


def _named(name: str) -> str:
    return name.removesuffix(".weight") if name.startswith("embedding.") else name


class _Rows:
    """Rows as tensors, in order of their windows."""

    def __init__(
        self, data: SequenceData, center: NDArray[Any], spread: NDArray[Any], mean: float, deviation: float, device: Any
    ) -> None:
        order = np.argsort(data.window, kind="stable")
        weight = np.ones(len(order)) if data.weight is None else data.weight / data.weight.mean()
        self.starts = np.searchsorted(data.window[order], np.arange(len(data.windows) + 1))
        self.windows = torch.from_numpy(np.ascontiguousarray(data.windows)).to(device)
        numeric = inputs(data.design.numeric[order], center, spread).astype(np.float32)
        self.numeric = torch.from_numpy(numeric).to(device)
        self.categorical = torch.from_numpy(data.design.categorical[order].astype(np.int64)).to(device)
        self.y = torch.from_numpy(((data.y[order] - mean) / deviation).astype(np.float32)).to(device)
        self.weight = torch.from_numpy(weight[order].astype(np.float32)).to(device)

    def batch(self, windows: NDArray[np.int64]) -> tuple[tuple[Tensor, Tensor, Tensor, Tensor], Tensor, Tensor]:
        """Inputs, targets and weights of all rows of these windows."""
        counts = self.starts[windows + 1] - self.starts[windows]
        within = np.arange(int(counts.sum())) - np.repeat(np.cumsum(counts) - counts, counts)
        places = torch.from_numpy(np.repeat(self.starts[windows], counts) + within).to(self.y.device)
        window = torch.from_numpy(np.repeat(np.arange(len(windows)), counts)).to(self.y.device)
        chosen = torch.from_numpy(windows).to(self.y.device)
        given = (self.windows[chosen], window, self.numeric[places], self.categorical[places])
        return given, self.y[places], self.weight[places]


def _epoch(
    net: _Net,
    kept: _Net,
    optimizer: torch.optim.Optimizer,
    rows: _Rows,
    chosen: Mapping[str, Any],
    seed: int,
    epoch: int,
) -> None:
    torch.manual_seed(seed * 100_003 + epoch)
    order = torch.randperm(len(rows.windows)).numpy()
    net.train()
    steps = (epoch - 1) * -(-len(order) // chosen["batch"])
    for start in range(0, len(order), chosen["batch"]):
        given, y, weight = rows.batch(order[start : start + chosen["batch"]])
        loss = (weight * (net(*given) - y) ** 2).sum() / weight.sum()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), chosen["clip"])
        optimizer.step()
        steps += 1
        keep = min(chosen["average"], steps / (steps + 9.0))
        with torch.no_grad():
            for mean, weights in zip(kept.parameters(), net.parameters(), strict=True):
                mean.lerp_(weights, 1.0 - keep)


def _loss(kept: _Net, rows: _Rows, batch: int) -> float:
    total, count = 0.0, 0.0
    with torch.inference_mode():
        for start in range(0, len(rows.windows), 4 * batch):
            given, y, weight = rows.batch(np.arange(start, min(start + 4 * batch, len(rows.windows))))
            total += float((weight * (kept(*given) - y) ** 2).sum())
            count += float(weight.sum())
    return total / max(count, 1e-9)
