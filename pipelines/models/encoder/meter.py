"""Speed of a training: tokens, useful tokens, and the share of the machine's arithmetic that they use (MFU)."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import torch

SIDE = 1024  # of the square matrices whose product is timed


def weights_read(config: Mapping[str, Any]) -> int:
    """Weights that a token is multiplied with: those of the layers, without embeddings, norms and biases."""
    width, inner = int(config["hidden_size"]), int(config["intermediate_size"])
    return int(config["num_hidden_layers"]) * (4 * width * width + 2 * width * inner)


def training_flops(config: Mapping[str, Any], texts: int, length: int) -> float:
    """Floating-point operations of one training step: ``6 N`` per token, and for attention ``12 l d`` per layer.

    Kaplan et al. (2020), Scaling Laws for Neural Language Models, section 2.1; Chowdhery et al. (2022), PaLM, appendix
    B, for the part of attention.

    Args:
        config: of the encoder.
        texts: in the batch.
        length: tokens of each, padding included.
    """
    attention = 12.0 * int(config["num_hidden_layers"]) * int(config["hidden_size"]) * length
    return texts * length * (6.0 * weights_read(config) + attention)


def measured_peak(device: torch.device, bf16: bool, seconds: float = 0.15) -> float:
    """Operations per second of a large matrix product on this machine, the threads as they are set now."""
    kind = torch.bfloat16 if bf16 else torch.float32
    left = torch.ones((SIDE, SIDE), dtype=kind, device=device)
    torch.mm(left, left)
    best, until = 0.0, time.perf_counter() + seconds
    while time.perf_counter() < until:
        began = time.perf_counter()
        torch.mm(left, left)
        if device.type == "cuda":
            torch.cuda.synchronize()
        best = max(best, 2.0 * SIDE**3 / max(1e-9, time.perf_counter() - began))
    return best


class Meter:
    """Progress with the loss, tokens/s, useful (not padding) tokens/s and MFU; never in an output.

    MFU counts useful tokens only: padding is no work done.
    """

    def __init__(self, progress: Any, config: Mapping[str, Any], device: torch.device, bf16: bool, total: int) -> None:
        self._progress, self._config, self._total = progress, config, total
        self._peak = measured_peak(device, bf16) if progress is not None else 0.0
        self._began, self._tokens, self._useful, self._loss, self._flops = time.monotonic(), 0, 0, 0.0, 0.0

    def note(self, loss: float, lengths: Any, step: int) -> None:
        """A step was taken: its loss, the lengths of its texts ``[n]``, its number from 1."""
        self._tokens += int(lengths.max()) * len(lengths)
        self._useful += int(lengths.sum())
        self._flops += sum(training_flops(self._config, 1, int(length)) for length in lengths)
        self._loss = loss if not self._loss else 0.95 * self._loss + 0.05 * loss
        if self._progress is not None:
            seconds = max(1e-9, time.monotonic() - self._began)
            told = f"{self._tokens / seconds:.0f} tokens/s, {self._useful / seconds:.0f} useful"
            share = self._flops / seconds / self._peak
            self._progress(f"loss {self._loss:.3f}, {told}, MFU {share:.0%}, step", step, self._total)
