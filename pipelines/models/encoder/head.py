"""The head alone, on embeddings of an encoder that stays as it is: multinomial logistic regression."""

from __future__ import annotations

import torch
from torch import nn

from pipelines.errors import DataError
from pipelines.models.encoder.model import embeddings
from pipelines.models.encoder.net import TextNet
from pipelines.models.encoder.tokens import TextTokenizer
from pipelines.models.text import TextData, TextSettings

ROUNDS = 200  # L-BFGS iterations at most


def fit(net: TextNet, tokenizer: TextTokenizer, data: TextData, penalty: float, settings: TextSettings) -> None:
    """Set the head's weights: least cross-entropy plus ``penalty / 2`` times the squared weights, by L-BFGS.

    Embeddings have length 1 and nearly one direction in common: they are centred first, and the centre goes into the
    bias.

    Raises:
        DataError: the fit diverged.
    """
    read = embeddings(net, tokenizer, data.texts, settings.progress, settings.profile.precision == "bf16")
    x = torch.from_numpy(read).double()
    centre = x.mean(0)
    x = x - centre
    y = torch.from_numpy(data.y)
    share = torch.from_numpy(data.weight) / float(data.weight.sum())
    weight = torch.zeros((data.classes, x.shape[1]), dtype=torch.float64, requires_grad=True)
    bias = torch.zeros(data.classes, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([weight, bias], max_iter=ROUNDS, history_size=20, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        optimizer.zero_grad()
        each = nn.functional.cross_entropy(x @ weight.T + bias, y, reduction="none")
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
    with torch.no_grad():
        net.head.weight.copy_(weight.float())
        net.head.bias.copy_((bias - weight @ centre).float())
