"""Trains the network: AdamW, early stopping on the validation loss, a checkpoint per epoch."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from pipelines.errors import ConfigError, DataError
from pipelines.models.base import FitData, FitSettings, Task
from pipelines.models.device import torch_device
from pipelines.models.hyper import resolve
from pipelines.models.tabm import checkpoint
from pipelines.models.tabm.encoding import fit_bins
from pipelines.models.tabm.history import Steps, resolve_steps
from pipelines.models.tabm.model import BATCH, NetModel, answers, tensors
from pipelines.models.tabm.net import Shape, TabM

DEFAULTS: Mapping[str, Any] = {
    "members": 8,  # ensemble members
    "width": 128,  # units of a hidden layer
    "depth": 2,  # hidden layers
    "embedding": 8,  # width of a column's embedding
    "bins": 48,  # piecewise-linear bins per numeric column
    "dropout": 0.1,  # share of hidden units
    "learning_rate": 2e-3,  # AdamW
    "weight_decay": 0.5,  # AdamW
    "batch": 256,  # rows per step
    "epochs": 60,  # at most
    "patience": 4,  # epochs without a better validation loss before it stops
    "average": 0.99,  # weights kept: running mean over steps, so much of it old at each step
    "clip": 1.0,  # largest gradient norm
    "channels": 16,  # of the convolutions over ``steps``
    "kernel": 3,  # steps that such a convolution sees at once
}


def fit(data: FitData, settings: FitSettings) -> NetModel:
    """Train until the validation loss has not improved for ``patience`` epochs.

    ``settings.params.steps`` names columns that repeat over time; a convolution reads them as a sequence.

    A checkpoint of the same training in ``settings.checkpoints`` is continued; of a finished one, the result is taken.

    Raises:
        ConfigError: a hyper-parameter that the family does not know, or a device that is not there.
        DataError: the training diverged.
    """
    steps = resolve_steps(settings.params.get("steps"), data.train.numeric_names)
    params = {name: value for name, value in settings.params.items() if name != "steps"}
    chosen = resolve("tabm", DEFAULTS, params, shares=("dropout", "average"))
    if chosen["kernel"] % 2 == 0:
        raise ConfigError(
            "kernel must be odd", where={"key": "candidates.*.params", "family": "tabm"}, next_step="mend that value"
        )
    device = torch_device(settings.profile.device)
    torch.set_num_threads(settings.profile.threads)
    torch.manual_seed(settings.seed)
    net = TabM(_shape(data, chosen, steps))
    if net.numbers is not None:
        fit_bins(net.numbers, data.train.numeric)
    net.to(device)
    optimizer = torch.optim.AdamW(
        net.parameters(), lr=chosen["learning_rate"], weight_decay=chosen["weight_decay"], fused=True
    )
    average = copy.deepcopy(net)
    centre, scale = _standard(data)
    told = {**chosen, "steps": steps, "seed": settings.seed, "task": data.task}
    mark = checkpoint.fingerprint(data, {**told, "profile": settings.profile.model_dump()})
    path = settings.checkpoints / f"net_{settings.label}.safetensors" if settings.checkpoints else None
    at = checkpoint.restore(path, mark, net, average, optimizer) if path else checkpoint.Progressed()
    train = _Rows(data.train, (data.y_train - centre) / scale, data.weight, data.task, device)
    valid = _Rows(data.valid, (data.y_valid - centre) / scale, None, data.task, device)
    while at.epoch < chosen["epochs"] and at.epoch - at.best_epoch < chosen["patience"]:
        _epoch(net, average, optimizer, train, settings, chosen, at.epoch)
        at.epoch += 1
        loss = _validate(average, valid)
        if not np.isfinite(loss):
            raise DataError(
                f"the network's loss is {loss} after epoch {at.epoch}",
                where={"family": "tabm"},
                next_step="lower candidates.*.params.learning_rate",
            )
        if loss < at.best_loss:
            at.best_epoch, at.best_loss = at.epoch, loss
            at.best = {name: value.detach().clone() for name, value in average.state_dict().items()}
        if path:
            checkpoint.save(path, mark, net, average, optimizer, at)
        if settings.progress is not None:
            settings.progress(f"net, validation loss {loss:.4f}, epoch", at.epoch, chosen["epochs"])
    net.load_state_dict(at.best)
    return NetModel(net.cpu().eval(), data.task, at.best_epoch, f"net_{settings.label}", centre, scale)


class _Rows:
    """Rows of one side of the split as tensors on the device."""

    def __init__(self, design: Any, y: NDArray[Any], weight: Any, task: Task, device: torch.device) -> None:
        self.task = task
        numeric, categorical = tensors(design, slice(None))
        self.numeric, self.categorical = numeric.to(device), categorical.to(device)
        target = torch.from_numpy(np.asarray(y))
        self.y = (target.long() if task == "multiclass" else target.float()).to(device)
        self.weight = None if weight is None else torch.from_numpy(np.asarray(weight)).float().to(device)

    def __len__(self) -> int:
        return len(self.y)


def _epoch(
    net: TabM,
    average: TabM,
    optimizer: torch.optim.Optimizer,
    rows: _Rows,
    settings: FitSettings,
    chosen: Mapping[str, Any],
    epoch: int,
) -> None:
    """One pass in an order that depends on seed and epoch alone, so that a resumed training repeats it."""
    torch.manual_seed(settings.seed * 100_003 + epoch)
    order = torch.randperm(len(rows)).to(rows.y.device)
    net.train()
    size, keep = chosen["batch"], chosen["average"]
    steps = epoch * -(-len(rows) // size)
    for start in range(0, len(rows), size):
        at = order[start : start + size]
        with torch.autocast(rows.y.device.type, torch.bfloat16, enabled=settings.profile.precision == "bf16"):
            raw = net(rows.numeric[at], rows.categorical[at])
        loss = _loss(raw.float(), rows.y[at], rows.task)
        weight = None if rows.weight is None else rows.weight[at]
        mean = loss.mean() if weight is None else (loss * weight).sum() / weight.sum()
        optimizer.zero_grad(set_to_none=True)
        mean.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(net.parameters(), chosen["clip"])
        optimizer.step()
        steps += 1
        _average(average, net, min(keep, steps / (steps + 9.0)))


@torch.no_grad()
def _average(average: TabM, net: TabM, keep: float) -> None:
    """Exponential moving average of the weights; ``keep`` is smaller in the first steps, which forget the start."""
    for mean, weight in zip(average.parameters(), net.parameters(), strict=True):
        mean.lerp_(weight, 1.0 - keep)


def _loss(raw: Tensor, y: Tensor, task: Task) -> Tensor:
    """Loss per row ``[n]``: the mean over members of each member's own loss, as TabM trains them."""
    n, members, outputs = raw.shape
    if task == "multiclass":
        wide = y.repeat_interleave(members)
        return (
            nn.functional.cross_entropy(raw.reshape(n * members, outputs), wide, reduction="none").view(n, -1).mean(1)
        )
    target = y.unsqueeze(1).expand(n, members)
    if task == "binary":
        return nn.functional.binary_cross_entropy_with_logits(raw.squeeze(-1), target, reduction="none").mean(1)
    return ((raw.squeeze(-1) - target) ** 2).mean(1)


def _validate(net: TabM, rows: _Rows) -> float:
    """Loss of the members' mean answer: what is shipped is what is judged."""
    net.eval()
    total = 0.0
    with torch.inference_mode():
        for start in range(0, len(rows), BATCH):
            side = slice(start, start + BATCH)
            found = answers(net(rows.numeric[side], rows.categorical[side]).float(), rows.task)
            y = rows.y[side]
            if rows.task == "multiclass":
                loss = nn.functional.nll_loss(torch.log(found.clamp_min(1e-12)), y, reduction="sum")
            elif rows.task == "binary":
                loss = nn.functional.binary_cross_entropy(found, y, reduction="sum")
            else:
                loss = ((found - y) ** 2).sum()
            total += float(loss)
    return total / max(1, len(rows))


def _shape(data: FitData, chosen: Mapping[str, Any], steps: Steps) -> Shape:
    return Shape(
        numeric=data.train.numeric.shape[1],
        bins=chosen["bins"],
        cardinalities=tuple(int(size) for size in data.train.cardinalities),
        outputs=data.classes if data.task == "multiclass" else 1,
        members=chosen["members"],
        width=chosen["width"],
        depth=chosen["depth"],
        embedding=chosen["embedding"],
        dropout=chosen["dropout"],
        steps=steps,
        channels=chosen["channels"] if steps else 0,
        kernel=chosen["kernel"] if steps else 0,
    )


def _standard(data: FitData) -> tuple[float, float]:
    if data.task != "regression":
        return 0.0, 1.0
    return float(np.mean(data.y_train)), float(np.std(data.y_train)) or 1.0
