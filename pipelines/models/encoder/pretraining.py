"""Masked-language modelling on the product's own texts, before the fine-tuning.

Gururangan et al. (2020), Don't Stop Pretraining; masks as in Devlin et al. (2019): of the picked tokens four fifths
become the mask, a tenth another token, a tenth stay. The output layer is the word embeddings with a bias.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from pipelines.errors import ConfigError, DataError
from pipelines.models.encoder import checkpoint
from pipelines.models.encoder.meter import Meter
from pipelines.models.encoder.net import TextNet
from pipelines.models.encoder.tokens import TextTokenizer, padded, training_batches
from pipelines.models.text import TextData, TextSettings

IGNORED = -100
CLIP = 1.0  # largest gradient norm


class _Guesser(nn.Module):
    """The encoder with a transform and a bias that go when the pretraining ends."""

    def __init__(self, net: TextNet) -> None:
        super().__init__()
        width, size = int(net.config["hidden_size"]), int(net.config["vocab_size"])
        self.encoder = net.encoder
        self.dense, self.norm = nn.Linear(width, width), nn.LayerNorm(width)
        self.bias = nn.Parameter(torch.zeros(size))

    def forward(self, tokens: Tensor, mask: Tensor, wanted: Tensor) -> Tensor:
        hidden = self.encoder(input_ids=tokens, attention_mask=mask).last_hidden_state[wanted != IGNORED]
        hidden = self.norm(nn.functional.gelu(self.dense(hidden)))
        words = self.encoder.get_input_embeddings().weight  # type: ignore[operator]
        return nn.functional.cross_entropy((hidden @ words.T + self.bias).float(), wanted[wanted != IGNORED])


def pretrain(
    net: TextNet, tokenizer: TextTokenizer, data: TextData, settings: TextSettings, chosen: Mapping[str, Any]
) -> float:
    """Train the encoder to guess masked tokens for ``pretrain_steps`` steps; a checkpoint is continued.

    Returns:
        The mean loss of the last tenth of the steps taken here, nats per masked token; NaN where none was taken.

    Raises:
        ConfigError: the tokenizer has no mask.
        DataError: the training diverged.
    """
    special = tokenizer.special()
    if special.mask is None:
        raise ConfigError(
            "the tokenizer has no [MASK], so nothing can be masked",
            where={"key": "candidates.*.params.pretrain_steps"},
            next_step="set pretrain_steps to 0, or name weights of a masked language model",
        )
    total, device = int(chosen["pretrain_steps"]), net.head.weight.device
    torch.manual_seed(settings.seed)
    guesser = _Guesser(net).to(device)
    optimizer = torch.optim.AdamW(guesser.parameters(), lr=0.0, weight_decay=chosen["weight_decay"], fused=True)
    ids = tokenizer.ids(data.texts)
    lengths = np.array([len(one) for one in ids], dtype=np.int64)
    mark = checkpoint.fingerprint(data, checkpoint.conditions(chosen, settings, "pretraining"))
    path: Path | None = None
    if settings.checkpoints:
        path = settings.checkpoints / f"pretraining_{settings.label}.safetensors"
    step = checkpoint.restore(path, mark, guesser, optimizer) if path else 0
    bf16 = settings.profile.precision == "bf16"
    meter = Meter(settings.progress, net.config, device, bf16, total)
    per_epoch = -(-len(ids) // chosen["batch"])
    seen: list[float] = []
    while step < total:
        epoch = step // per_epoch
        for rows in training_batches(lengths, chosen["batch"], settings.seed, epoch)[step - epoch * per_epoch :]:
            if step >= total:
                break
            torch.manual_seed(settings.seed * 1_000_003 + step)
            rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence([settings.seed, step, 2])))
            tokens, mask = padded([ids[row] for row in rows])
            share = float(chosen["pretrain_mask"])
            tokens, wanted = masked(tokens, mask, special.all, special.mask, tokenizer.size, share, rng)
            for group in optimizer.param_groups:
                group["lr"] = chosen["pretrain_rate"] * min(1.0, (step + 1) / max(1, total // 10)) * (1 - step / total)
            guesser.train()
            optimizer.zero_grad(set_to_none=True)
            with torch.autocast(device.type, torch.bfloat16, enabled=bf16):
                loss = guesser(*(torch.from_numpy(part).to(device) for part in (tokens, mask, wanted)))
            if not torch.isfinite(loss):
                raise DataError(
                    f"the pretraining's loss is {float(loss)}",
                    where={"family": "encoder"},
                    next_step="lower candidates.*.params.pretrain_rate",
                )
            loss.backward()
            nn.utils.clip_grad_norm_(guesser.parameters(), CLIP)
            optimizer.step()
            step += 1
            seen.append(float(loss.detach()))
            meter.note(seen[-1], lengths[rows], step)
            if path and (step % chosen["checkpoint_steps"] == 0 or step == total):
                checkpoint.save(path, mark, guesser, optimizer, step)
    return float(np.mean(seen[-max(1, total // 10) :])) if seen else float("nan")


def masked(
    tokens: NDArray[np.int64],
    mask: NDArray[np.int64],
    special: frozenset[int],
    sign: int,
    size: int,
    share: float,
    rng: np.random.Generator,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Tokens with about ``share`` of the ordinary ones hidden, and what is to be guessed, both ``[n, l]``.

    At least one token of the batch is hidden where there is an ordinary one; where nothing is to be guessed the second
    array holds ``IGNORED``.
    """
    ordinary = (mask == 1) & ~np.isin(tokens, sorted(special))
    picked = ordinary & (rng.random(tokens.shape) < share)
    if not picked.any() and ordinary.any():
        places = np.flatnonzero(ordinary)
        picked.flat[places[int(rng.integers(len(places)))]] = True
    wanted = np.where(picked, tokens, IGNORED)
    how = rng.random(tokens.shape)
    shown = np.where(picked & (how < 0.8), sign, tokens)
    other = picked & (how >= 0.8) & (how < 0.9)
    shown[other] = rng.integers(0, size, int(other.sum()))
    return shown, wanted
