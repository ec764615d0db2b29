"""A convolution over columns that repeat over time: a customer's last six months as a sequence, not as loose columns.

Two one-dimensional convolutions with ReLU over the steps, zeros beyond both ends (a small temporal convolutional
network: Bai, Kolter, Koltun (2018), without dilation or causality, since all steps lie in the past). What they find at
each step goes into the first hidden layer beside the columns themselves.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from pipelines.errors import ConfigError

Steps = tuple[tuple[int, ...], ...]
"""Per step, oldest first, the places of its columns among the numeric ones; the same number at each step."""


class History(nn.Module):
    """The network's first representation ``[n, a]`` -> ``[n, channels * steps]``."""

    index: Tensor

    def __init__(self, steps: Steps, numeric: int, embedding: int, channels: int, kernel: int) -> None:
        super().__init__()
        places = [_places(column, numeric, embedding) for columns in steps for column in columns]
        self.register_buffer("index", torch.tensor(places).flatten(), persistent=False)
        self.steps = len(steps)
        self.inputs = len(steps[0]) * (embedding + 1)
        self.width = channels * self.steps
        self.first = nn.Conv1d(self.inputs, channels, kernel, padding=kernel // 2)
        self.second = nn.Conv1d(channels, channels, kernel, padding=kernel // 2)

    def forward(self, embedded: Tensor) -> Tensor:
        found = embedded[:, self.index].view(-1, self.steps, self.inputs).transpose(1, 2)
        return torch.relu(self.second(torch.relu(self.first(found)))).flatten(1)


def _places(column: int, numeric: int, embedding: int) -> list[int]:
    """Where a column's embedding and its missing indicator stand in the first representation."""
    return [*range(column * embedding, (column + 1) * embedding), numeric * embedding + column]


def resolve_steps(given: Any, names: Sequence[str]) -> Steps:
    """``steps`` of params.yaml, ``{what: [column of the oldest step, ...]}``, as places among the numeric columns.

    Raises:
        ConfigError: not such a mapping, lists of different lengths, fewer than two steps, or an unknown column.
    """
    if given is None or given == {}:
        return ()
    where = {"key": "candidates.*.params.steps", "family": "tabm"}
    if not isinstance(given, Mapping) or not all(isinstance(columns, list) for columns in given.values()):
        raise ConfigError(
            "steps must name lists of columns", where=where, next_step="write steps: {bill: [BILL_MAY, BILL_JUNE]}"
        )
    lengths = {what: len(columns) for what, columns in given.items()}
    if len(set(lengths.values())) != 1 or min(lengths.values()) < 2:
        told = ", ".join(f"{what} {count}" for what, count in lengths.items())
        raise ConfigError(
            f"each list of steps must hold the same number of columns, at least two; they hold: {told}",
            where=where,
            next_step="name one column per step in each list, the oldest step first",
        )
    place = {name: at for at, name in enumerate(names)}
    unknown = [name for columns in given.values() for name in columns if name not in place]
    if unknown:
        raise ConfigError(
            f"steps name {unknown[0]!r}, which is no numeric feature",
            where=where,
            next_step=f"choose from: {', '.join(list(names)[:40])}",
        )
    return tuple(zip(*([place[name] for name in columns] for columns in given.values()), strict=True))
