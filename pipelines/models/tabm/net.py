"""The network: piecewise-linear embeddings, then an efficient ensemble of MLPs that share their weights.

- Piecewise-linear encoding of numbers (PLE): Gorishniy, Rubachev, Babenko (2022), On Embeddings for Numerical
  Features in Tabular Deep Learning, equation 1. Here the open ends of the outer bins stop one bin further out, so
  that an absurd value in production cannot run away with the answer.
- Ensemble by per-member scales around shared weights: BatchEnsemble, Wen, Tran, Ba (2020), equation 3; for tables
  TabM, Gorishniy, Kotelnikov, Babenko (2024). Here the first layer's members differ in the scale and bias *after*
  the shared product, so that the widest product is computed once for all members.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pipelines.models.tabm.history import History, Steps


@dataclass(frozen=True)
class Shape:
    """What a network is built from.

    Attributes:
        numeric: numeric columns ``p``.
        bins: PLE bins per numeric column.
        cardinalities: codes of each categorical column.
        outputs: 1 for binary and regression, the number of classes for multiclass.
        members: ensemble members ``k``.
        width: units of a hidden layer.
        depth: hidden layers, at least 1.
        embedding: width of a column's embedding.
        dropout: share of hidden units dropped while training.
        steps: columns that repeat over time, where there are any.
        channels: of the convolutions over them.
        kernel: steps that a convolution sees at once, odd.
    """

    numeric: int
    bins: int
    cardinalities: tuple[int, ...]
    outputs: int
    members: int
    width: int
    depth: int
    embedding: int
    dropout: float
    steps: Steps = ()
    channels: int = 0
    kernel: int = 0


class PiecewiseLinear(nn.Module):
    """Numbers ``[n, p]`` with NaN -> embeddings ``[n, p * embedding]``.

    Column j is encoded as ``clip((x - start_t) * slope_t, low_t, high_t)`` for its bins t; NaN is encoded as zeros.
    A linear map per column and a ReLU follow.
    """

    start: Tensor
    slope: Tensor
    low: Tensor
    high: Tensor

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        size = (shape.numeric, shape.bins)
        self.register_buffer("start", torch.zeros(size))
        self.register_buffer("slope", torch.zeros(size))
        self.register_buffer("low", torch.zeros(size))
        self.register_buffer("high", torch.ones(size))
        self.weight = nn.Parameter(torch.empty(shape.numeric, shape.bins, shape.embedding))
        self.bias = nn.Parameter(torch.empty(shape.numeric, shape.embedding))
        bound = shape.bins**-0.5
        nn.init.uniform_(self.weight, -bound, bound)
        nn.init.uniform_(self.bias, -bound, bound)

    def forward(self, numeric: Tensor) -> Tensor:
        value = torch.nan_to_num(numeric, nan=0.0).unsqueeze(-1)
        encoded = torch.clamp((value - self.start) * self.slope, self.low, self.high)
        encoded = encoded * (~torch.isnan(numeric)).to(encoded.dtype).unsqueeze(-1)
        hidden = torch.bmm(encoded.transpose(0, 1), self.weight).transpose(0, 1) + self.bias
        return torch.relu(hidden).flatten(1)


class MemberLayer(nn.Module):
    """A shared linear layer with one input scale, output scale and bias per member: ``[n, k, a] -> [n, k, b]``.

    Without ``scale_input`` the input is common to the members, ``[n, a]``, and multiplied once.
    """

    def __init__(self, inputs: int, outputs: int, members: int, *, scale_input: bool) -> None:
        super().__init__()
        bound = inputs**-0.5
        self.weight = nn.Parameter(torch.empty(inputs, outputs).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(members, outputs).uniform_(-bound, bound))
        self.out_scale = nn.Parameter(_signs(members, outputs))
        self.in_scale = nn.Parameter(_signs(members, inputs)) if scale_input else None

    def forward(self, hidden: Tensor) -> Tensor:
        if self.in_scale is not None:
            product = (hidden * self.in_scale) @ self.weight
        else:
            product = (hidden @ self.weight).unsqueeze(1)
        return product * self.out_scale + self.bias


def _signs(members: int, width: int) -> Tensor:
    return torch.randint(0, 2, (members, width)).float() * 2 - 1


class TabM(nn.Module):
    """Numeric ``[n, p]`` (NaN where missing) and categorical codes ``[n, q]`` -> raw scores ``[n, k, outputs]``."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.numbers = PiecewiseLinear(shape) if shape.numeric else None
        self.codes = nn.ModuleList(nn.Embedding(size, shape.embedding) for size in shape.cardinalities)
        inputs = shape.numeric * (shape.embedding + 1) + len(shape.cardinalities) * shape.embedding
        self.history = (
            History(shape.steps, shape.numeric, shape.embedding, shape.channels, shape.kernel) if shape.steps else None
        )
        inputs += self.history.width if self.history is not None else 0
        self.layers = nn.ModuleList(
            MemberLayer(inputs if at == 0 else shape.width, shape.width, shape.members, scale_input=at > 0)
            for at in range(shape.depth)
        )
        self.dropout = nn.Dropout(shape.dropout)
        bound = shape.width**-0.5
        self.head = nn.Parameter(torch.empty(shape.members, shape.width, shape.outputs).uniform_(-bound, bound))
        self.head_bias = nn.Parameter(torch.zeros(shape.members, shape.outputs))

    def embed(self, numeric: Tensor, categorical: Tensor) -> Tensor:
        """The first representation ``[n, a]``: embeddings of numbers, missing indicators, embeddings of codes."""
        parts = []
        if self.numbers is not None:
            parts += [self.numbers(numeric), torch.isnan(numeric).to(numeric.dtype)]
        parts += [codes(categorical[:, place]) for place, codes in enumerate(self.codes)]
        return torch.cat(parts, dim=1)

    def forward(self, numeric: Tensor, categorical: Tensor) -> Tensor:
        return self.scores(self.embed(numeric, categorical))

    def scores(self, embedded: Tensor) -> Tensor:
        """Raw scores ``[n, k, outputs]`` of the first representation ``[n, a]``."""
        hidden = embedded if self.history is None else torch.cat([embedded, self.history(embedded)], dim=1)
        for layer in self.layers:
            hidden = torch.relu(layer(hidden))
            if self.training:  # one mask for all members of a row: drawing masks would cost as much as a layer
                hidden = hidden * self.dropout(torch.ones_like(hidden[:, :1]))
        return torch.einsum("nkw,kwo->nko", hidden, self.head) + self.head_bias
