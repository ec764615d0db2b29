"""A fitted network: answers, and its one safetensors file."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pipelines.errors import BundleError
from pipelines.features.design import Design
from pipelines.files import write_bytes
from pipelines.models.base import FloatArray, Task
from pipelines.models.tabm.net import Shape, TabM

BATCH = 4096  # rows per forward pass
KEY = "nightshift"  # one metadata key: safetensors does not keep the order of several


@dataclass(frozen=True)
class NetModel:
    """A trained network.

    Attributes:
        net: weights, float32, on the CPU.
        task: what it answers.
        best_iteration: epochs behind the weights kept.
        name: stem of its file.
        centre: regression: mean of the training target, else 0.
        scale: regression: standard deviation of the training target, else 1.
    """

    net: TabM
    task: Task
    best_iteration: int
    name: str
    centre: float = 0.0
    scale: float = 1.0

    def predict(self, design: Design) -> FloatArray:
        """See :meth:`pipelines.models.base.Model.predict`; the mean of the members' answers."""
        self.net.eval()
        parts = []
        with torch.inference_mode():
            for start in range(0, len(design), BATCH):
                numeric, categorical = tensors(design, slice(start, start + BATCH))
                parts.append(answers(self.net(numeric, categorical), self.task).numpy())
        shape = (0,) if self.task != "multiclass" else (0, self.net.shape.outputs)
        found = np.concatenate(parts).astype(np.float64) if parts else np.empty(shape)
        return np.asarray(found * self.scale + self.centre if self.task == "regression" else found)

    def save(self, folder: Path) -> list[str]:
        """Write ``<name>.safetensors``: weights and, in its header, the shape."""
        from safetensors.torch import save

        header = {
            "shape": asdict(self.net.shape),
            "task": self.task,
            "best_iteration": self.best_iteration,
            "centre": self.centre,
            "scale": self.scale,
        }
        weights = {name: value.contiguous() for name, value in self.net.state_dict().items()}
        write_bytes(folder / f"{self.name}.safetensors", save(weights, {KEY: json.dumps(header, sort_keys=True)}))
        return [f"{self.name}.safetensors"]


def tensors(design: Design, rows: slice | NDArray[Any]) -> tuple[Tensor, Tensor]:
    """Numeric float32 and categorical int64 tensors of some rows."""
    numeric = torch.from_numpy(np.ascontiguousarray(design.numeric[rows]))
    return numeric, torch.from_numpy(design.categorical[rows].astype(np.int64))


def answers(raw: Tensor, task: Task) -> Tensor:
    """Raw scores ``[n, k, outputs]`` -> P(positive) ``[n]``, probabilities ``[n, classes]`` or values ``[n]``."""
    if task == "binary":
        return torch.sigmoid(raw.squeeze(-1)).mean(1)
    if task == "multiclass":
        return torch.softmax(raw, -1).mean(1)
    return raw.squeeze(-1).mean(1)


def load(folder: Path, files: Sequence[str]) -> NetModel:
    """A network from its file.

    Raises:
        BundleError: not a file that :meth:`NetModel.save` wrote.
    """
    from safetensors import SafetensorError, safe_open

    path = folder / files[0]
    try:
        with safe_open(path, framework="pt") as stored:
            header = json.loads(stored.metadata()[KEY])
            weights = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118
        told = header["shape"]
        steps = tuple(tuple(columns) for columns in told.get("steps", ()))
        shape = Shape(**{**told, "cardinalities": tuple(told["cardinalities"]), "steps": steps})
        net = TabM(shape)
        net.load_state_dict(weights)
    except (SafetensorError, KeyError, TypeError, ValueError, RuntimeError, OSError) as error:
        raise BundleError(
            f"not a network of this family: {' '.join(str(error).split())[:160]}",
            where={"file": files[0]},
            next_step="train or pack the model again",
        ) from error
    stem = files[0].removesuffix(".safetensors")
    return NetModel(net, header["task"], header["best_iteration"], stem, header["centre"], header["scale"])
