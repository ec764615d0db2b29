"""The head alone, on embeddings of an encoder that stays as it is: multinomial logistic regression."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pipelines.errors import DataError
from pipelines.models.encoder.model import embeddings
from pipelines.models.encoder.net import TextNet
from pipelines.models.encoder.tokens import TextTokenizer
from pipelines.models.text import TextData, TextSettings

ROUNDS = 200  # L-BFGS iterations at most


def fit(net: TextNet, tokenizer: TextTokenizer, data: TextData, penalty: float, settings: TextSettings) -> None:
    """Set the head's weights from the texts' embeddings (:func:`solve`).

    Raises:
        DataError: the fit diverged.
    """
    set_head(net, *solve(read(net, tokenizer, data, settings), data, penalty))


def read(net: TextNet, tokenizer: TextTokenizer, data: TextData, settings: TextSettings) -> Tensor:
    """Embeddings of the train texts, float64 ``[n, width]``."""
    found = embeddings(net, tokenizer, data.texts, settings.progress, settings.profile.precision == "bf16")
    return torch.from_numpy(found).double()


def set_head(net: TextNet, weight: Tensor, bias: Tensor) -> None:
    """Put a solution into the network."""
    with torch.no_grad():
        net.head.weight.copy_(weight.float())
        net.head.bias.copy_(bias.float())


def solve(embedding: Tensor, data: TextData, penalty: float) -> tuple[Tensor, Tensor]:
    """Weights ``[k, width]`` and bias ``[k]``: least cross-entropy plus ``penalty / 2`` times the squared weights, by
    L-BFGS; several labels per text: the mean over them of the binary cross-entropy.

    Embeddings have length 1 and nearly one direction in common: they are centred first, and the centre goes into the
    bias.

    Raises:
        DataError: the fit diverged.
    """
    centre = embedding.mean(0)
    x = embedding - centre
    y = torch.from_numpy(data.y)
    share = torch.from_numpy(data.weight) / float(data.weight.sum())
    weight = torch.zeros((data.classes, x.shape[1]), dtype=torch.float64, requires_grad=True)
    bias = torch.zeros(data.classes, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([weight, bias], max_iter=ROUNDS, history_size=20, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimizer.zero_grad()
        scores = x @ weight.T + bias
        if y.ndim == 2:
            each = nn.functional.binary_cross_entropy_with_logits(scores, y.double(), reduction="none").mean(1)
        else:
            each = nn.functional.cross_entropy(scores, y, reduction="none")
        total = (each * share).sum() + 0.5 * penalty * (weight**2).sum()
        total.backward()  # type: ignore[no-untyped-call]
        return total

    optimizer.step(loss)  # type: ignore[no-untyped-call]
    if not bool(torch.isfinite(weight).all()):
        raise DataError(
            "the encoder's head diverged",
            where={"family": "encoder"},
            next_step="raise candidates.*.params.penalty",
        )
    solved = weight.detach()
    return solved, bias.detach() - solved @ centre
