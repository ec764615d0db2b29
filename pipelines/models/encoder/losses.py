"""Losses of the fine-tuning, and the adversarial step on word embeddings."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from pipelines.models.encoder.net import TextNet

CONTRAST_TEMPERATURE = 0.1


def classification(scores: Tensor, y: Tensor, weight: Tensor | None, smoothing: float) -> Tensor:
    """Weighted mean cross-entropy with label smoothing; for several labels per text (``y`` ``[n, k]`` of 0 and 1) the
    mean over the labels of the binary cross-entropy, smoothed towards one half."""
    if y.ndim == 2:
        target = y.float() * (1.0 - smoothing) + 0.5 * smoothing
        each = nn.functional.binary_cross_entropy_with_logits(scores.float(), target, reduction="none").mean(1)
    else:
        each = nn.functional.cross_entropy(scores.float(), y, reduction="none", label_smoothing=smoothing)
    return each.mean() if weight is None else (each * weight).sum() / weight.sum().clamp_min(1e-12)


def distillation(scores: Tensor, soft: Tensor, several: bool) -> Tensor:
    """Mean cross-entropy with a teacher's probabilities ``[n, k]`` (Hinton, Vinyals, Dean, 2015, at temperature 1)."""
    if several:
        return nn.functional.binary_cross_entropy_with_logits(scores.float(), soft)
    return nn.functional.cross_entropy(scores.float(), soft)


def consistency(first: Tensor, second: Tensor, several: bool) -> Tensor:
    """Half the sum of both Kullback-Leibler divergences of two answers under two dropouts (Wu et al., 2021, R-Drop)."""
    if several:
        p, q = torch.sigmoid(first.float()), torch.sigmoid(second.float())
        return ((p - q) * (first.float() - second.float())).mean() / 2.0  # the two divergences of a Bernoulli, summed
    a, b = first.float().log_softmax(-1), second.float().log_softmax(-1)
    return ((a.exp() - b.exp()) * (a - b)).sum(-1).mean() / 2.0


def contrastive(embedding: Tensor, y: Tensor) -> Tensor:
    """Supervised contrastive loss of embeddings of length 1 (Khosla et al., 2020, their L_out); 0 without a pair.

    With several labels per text two texts are a pair where all their labels are the same.
    """
    likeness = embedding @ embedding.T / CONTRAST_TEMPERATURE
    self_pair = torch.eye(len(y), dtype=torch.bool, device=y.device)
    likeness = likeness.masked_fill(self_pair, float("-inf"))
    same = y.unsqueeze(0) == y.unsqueeze(1)
    pairs = (same.all(-1) if y.ndim == 2 else same) & ~self_pair
    counts = pairs.sum(1)
    log_share = likeness - torch.logsumexp(likeness, dim=1, keepdim=True)
    mean = log_share.masked_fill(~pairs, 0.0).sum(1) / counts.clamp_min(1)
    chosen = counts > 0
    return -(mean * chosen).sum() / chosen.sum().clamp_min(1)


@contextlib.contextmanager
def shifted_embeddings(net: TextNet, size: float) -> Iterator[None]:
    """Word embeddings moved ``size`` times their mean norm up the loss's gradient, as long as the block lasts.

    Fast gradient method (Miyato, Dai, Goodfellow, 2017): the step is the gradient scaled to that length. Nested
    blocks, each with the gradient at its own place, are projected gradient descent (Madry et al., 2018): the steps
    together are never longer than the sum of their sizes.
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
