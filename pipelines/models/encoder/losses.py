"""Losses of the fine-tuning, and the adversarial step on word embeddings."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from pipelines.models.encoder.net import TextNet

CONTRAST_TEMPERATURE = 0.1


def classification(scores: Tensor, y: Tensor, weight: Tensor | None, smoothing: float) -> Tensor:
    """Weighted mean cross-entropy with label smoothing."""
    each = nn.functional.cross_entropy(scores.float(), y, reduction="none", label_smoothing=smoothing)
    return each.mean() if weight is None else (each * weight).sum() / weight.sum().clamp_min(1e-12)


def contrastive(embedding: Tensor, y: Tensor) -> Tensor:
    """Supervised contrastive loss of embeddings of length 1 (Khosla et al., 2020, their L_out); 0 without a pair."""
    likeness = embedding @ embedding.T / CONTRAST_TEMPERATURE
    self_pair = torch.eye(len(y), dtype=torch.bool, device=y.device)
    likeness = likeness.masked_fill(self_pair, float("-inf"))
    pairs = (y.unsqueeze(0) == y.unsqueeze(1)) & ~self_pair
    counts = pairs.sum(1)
    log_share = likeness - torch.logsumexp(likeness, dim=1, keepdim=True)
    mean = log_share.masked_fill(~pairs, 0.0).sum(1) / counts.clamp_min(1)
    chosen = counts > 0
    return -(mean * chosen).sum() / chosen.sum().clamp_min(1)


@contextlib.contextmanager
def shifted_embeddings(net: TextNet, size: float) -> Iterator[None]:
    """Word embeddings moved ``size`` times their mean norm up the loss's gradient, as long as the block lasts.

    Fast gradient method (Miyato, Dai, Goodfellow, 2017): the step is the gradient scaled to that length.
    """
    embedding = net.encoder.get_input_embeddings().weight  # type: ignore[operator]
    gradient = embedding.grad
    norm = float(gradient.norm())
    if not norm > 0:
        yield
        return
    step = gradient * (size * float(embedding.detach().norm(dim=1).mean()) / norm)
    with torch.no_grad():
        embedding.add_(step)
    try:
        yield
    finally:
        with torch.no_grad():
            embedding.sub_(step)
