"""Training state in one safetensors file, so that a killed training goes on where it was and ends at the same bytes."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from pipelines.files import write_bytes
from pipelines.models.base import FitData

KEY = "nightshift"
CODE = Path(__file__).parent  # a training begun with other code is begun again


@dataclass
class Progressed:
    """How far a training has come.

    Attributes:
        epoch: finished epochs.
        best_epoch: the epoch with the lowest validation loss, from 1.
        best_loss: that loss.
        best: its weights.
    """

    epoch: int = 0
    best_epoch: int = 0
    best_loss: float = float("inf")
    best: dict[str, Tensor] = field(default_factory=dict)


def fingerprint(data: FitData, settings: dict[str, Any]) -> str:
    """Hex digest of everything that decides the result: this package's code and torch's version, rows, targets,
    weights, hyper-parameters, seed, machine.
    """
    sizes = [data.task, data.classes, *data.train.cardinalities]
    digest = hashlib.sha256(json.dumps([settings, sizes, torch.__version__], sort_keys=True, default=str).encode())
    for source in sorted(CODE.glob("*.py")):
        digest.update(source.read_bytes())
    train, valid = data.train, data.valid
    parts = [train.numeric, train.categorical, data.y_train, valid.numeric, valid.categorical, data.y_valid]
    for part in parts if data.weight is None else [*parts, data.weight]:
        digest.update(f"{part.dtype.str}{part.shape}".encode())
        digest.update(part.tobytes())
    return digest.hexdigest()


def save(
    path: Path,
    mark: str,
    net: torch.nn.Module,
    average: torch.nn.Module,
    optimizer: torch.optim.Optimizer,
    at: Progressed,
) -> None:
    """Replace the checkpoint, whole or not at all."""
    from safetensors.torch import save as serialize

    stored = {f"net.{name}": value for name, value in net.state_dict().items()}
    stored |= {f"average.{name}": value for name, value in average.state_dict().items()}
    stored |= {f"best.{name}": value for name, value in at.best.items()}
    for index, state in optimizer.state_dict()["state"].items():
        stored |= {f"opt.{index}.{name}": torch.as_tensor(value) for name, value in state.items()}
    header = {"mark": mark, "epoch": at.epoch, "best_epoch": at.best_epoch, "best_loss": at.best_loss.hex()}
    content = {name: value.detach().cpu().contiguous().clone() for name, value in stored.items()}
    write_bytes(path, serialize(content, {KEY: json.dumps(header)}))


def restore(
    path: Path, mark: str, net: torch.nn.Module, average: torch.nn.Module, optimizer: torch.optim.Optimizer
) -> Progressed:
    """Go on from a checkpoint of the same training; from the start where there is none, or it is of another."""
    from safetensors import SafetensorError, safe_open

    if not path.is_file():
        return Progressed()
    try:
        with safe_open(path, framework="pt") as stored:
            header = json.loads(stored.metadata()[KEY])
            if header["mark"] != mark:
                return Progressed()
            content = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118
    except (SafetensorError, KeyError, TypeError, ValueError, OSError):
        return Progressed()
    net.load_state_dict(_part(content, "net."))
    average.load_state_dict(_part(content, "average."))
    state: dict[int, dict[str, Tensor]] = {}
    for name, value in _part(content, "opt.").items():
        index, key = name.split(".", 1)
        state.setdefault(int(index), {})[key] = value
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
    return Progressed(
        header["epoch"], header["best_epoch"], float.fromhex(header["best_loss"]), _part(content, "best.")
    )


def _part(content: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in content.items() if name.startswith(prefix)}
