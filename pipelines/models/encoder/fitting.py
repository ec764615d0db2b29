"""Fits the encoder: only the head on frozen embeddings; or, from there on, the whole of it.

Beginning a fine-tuning with the fitted head keeps what the encoder knows (Kumar et al., 2022, Fine-Tuning can Distort
Pretrained Features). Batches hold texts of like length; rates go up over the warmup and then down to 0.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pipelines.errors import ConfigError, DataError
from pipelines.models.encoder import checkpoint, head, losses
from pipelines.models.encoder.model import EncoderText
from pipelines.models.encoder.net import TextNet, bert_config, from_config, pretrained
from pipelines.models.encoder.options import DEFAULTS, SHARES, find_weights
from pipelines.models.encoder.tokens import Ids, TextTokenizer, padded, training_batches
from pipelines.models.encoder.wordpieces import learn_tokenizer
from pipelines.models.hyper import resolve
from pipelines.models.text import TextData, TextSettings

CLIP = 1.0  # largest gradient norm


def fit(data: TextData, settings: TextSettings) -> EncoderText:
    """Fit one model with one seed; see :data:`DEFAULTS`.

    A checkpoint of the same training in ``settings.checkpoints`` is continued.

    Raises:
        ConfigError: a hyper-parameter that the family does not know, weights that are not there, no GPU.
        DataError: the training diverged.
    """
    chosen = resolve("encoder", DEFAULTS, settings.params, shares=SHARES)
    scratch = chosen["weights"] == "scratch"
    if scratch and not chosen["epochs"]:
        raise ConfigError(
            "an encoder from scratch must be trained",
            where={"key": "candidates.*.params.epochs"},
            next_step="set epochs to 1 or more, or name weights",
        )
    device = _device(settings)
    torch.set_num_threads(settings.profile.threads)
    torch.manual_seed(settings.seed)
    net, tokenizer = _start(data, chosen, settings.root)
    net.to(device)
    if chosen["epochs"]:
        _train(net, tokenizer, data, settings, chosen)
    else:
        head.fit(net, tokenizer, data, chosen["penalty"], settings)
    return EncoderText(net.cpu().eval(), tokenizer, int(chosen["epochs"]), f"encoder_{settings.label}")


def _start(data: TextData, chosen: Mapping[str, Any], root: Path) -> tuple[TextNet, TextTokenizer]:
    if chosen["weights"] == "scratch":
        content = learn_tokenizer(data.texts, chosen["vocabulary"])
        tokenizer = TextTokenizer(content, chosen["tokens"])
        config = bert_config(tokenizer.size, chosen["layers"], chosen["width"], chosen["heads"], chosen["tokens"])
        return from_config(config, data.classes, chosen["dropout"]), tokenizer
    folder = find_weights(chosen["weights"], root)
    net = pretrained(folder, data.classes, chosen["dropout"])
    most = min(chosen["tokens"], int(net.config.get("max_position_embeddings", chosen["tokens"])))
    return net, TextTokenizer.read(folder / "tokenizer.json", most)


def _device(settings: TextSettings) -> torch.device:
    if settings.profile.device == "cuda" and not torch.cuda.is_available():
        raise ConfigError(
            "the profile says cuda, but torch sees no GPU",
            where={"key": "profile.device"},
            next_step="set profile.device to cpu, or mend the driver",
        )
    return torch.device(settings.profile.device)


def _train(
    net: TextNet, tokenizer: TextTokenizer, data: TextData, settings: TextSettings, chosen: Mapping[str, Any]
) -> None:
    optimizer = torch.optim.AdamW(_groups(net, chosen), weight_decay=chosen["weight_decay"], fused=True)
    rates = [group["lr"] for group in optimizer.param_groups]
    ids = tokenizer.ids(data.texts)
    lengths = np.array([len(one) for one in ids], dtype=np.int64)
    per_epoch = -(-len(ids) // chosen["batch"])
    total = per_epoch * chosen["epochs"]
    mark = checkpoint.fingerprint(
        data, {**chosen, "seed": settings.seed, "profile": settings.profile.model_dump(mode="json")}
    )
    path = settings.checkpoints / f"encoder_{settings.label}.safetensors" if settings.checkpoints else None
    step = checkpoint.restore(path, mark, net, optimizer) if path else 0
    if not step and chosen["weights"] != "scratch":
        head.fit(net, tokenizer, data, chosen["penalty"], settings)
    batches: list[Any] = []
    meter = _Meter(settings, total)
    for epoch in range(step // per_epoch, chosen["epochs"]):
        batches = training_batches(lengths, chosen["batch"], settings.seed, epoch)
        for rows in batches[step - epoch * per_epoch :]:
            torch.manual_seed(settings.seed * 1_000_003 + step)
            share = _schedule(step, total, chosen["warmup"])
            for group, rate in zip(optimizer.param_groups, rates, strict=True):
                group["lr"] = rate * share
            loss = _step(net, optimizer, [ids[row] for row in rows], rows, data, settings, chosen)
            step += 1
            meter.note(loss, lengths[rows], step)
            if path and step % chosen["checkpoint_steps"] == 0 and step < total:
                checkpoint.save(path, mark, net, optimizer, step)


def _step(
    net: TextNet,
    optimizer: torch.optim.Optimizer,
    ids: Sequence[Ids],
    rows: Any,
    data: TextData,
    settings: TextSettings,
    chosen: Mapping[str, Any],
) -> float:
    device = net.head.weight.device
    tokens, mask = (torch.from_numpy(part).to(device) for part in padded(ids))
    y = torch.from_numpy(data.y[rows]).to(device)
    weight = torch.from_numpy(data.weight[rows]).float().to(device)
    net.train()
    optimizer.zero_grad(set_to_none=True)
    loss = _loss(net, tokens, mask, y, weight, settings, chosen)
    if not torch.isfinite(loss):
        raise DataError(
            f"the encoder's loss is {float(loss)}",
            where={"family": "encoder"},
            next_step="lower candidates.*.params.learning_rate",
        )
    loss.backward()  # type: ignore[no-untyped-call]
    if chosen["adversarial"] > 0:
        with losses.shifted_embeddings(net, chosen["adversarial"]):
            _loss(net, tokens, mask, y, weight, settings, chosen).backward()  # type: ignore[no-untyped-call]
    torch.nn.utils.clip_grad_norm_(net.parameters(), CLIP)
    optimizer.step()
    return float(loss.detach())


def _loss(
    net: TextNet,
    tokens: Tensor,
    mask: Tensor,
    y: Tensor,
    weight: Tensor,
    settings: TextSettings,
    chosen: Mapping[str, Any],
) -> Tensor:
    with torch.autocast(tokens.device.type, torch.bfloat16, enabled=settings.profile.precision == "bf16"):
        embedding = net.embed(tokens, mask)
    scores = net.classify(embedding.float())
    loss = losses.classification(scores, y, weight, chosen["smoothing"])
    if chosen["contrastive"] > 0:
        loss = loss + chosen["contrastive"] * losses.contrastive(embedding.float(), y)
    return loss


def _schedule(step: int, total: int, warmup: float) -> float:
    """Linear up over the share ``warmup`` of the steps, then linear down to 0."""
    first = max(1, round(warmup * total))
    return (step + 1) / first if step < first else max(0.0, (total - step) / max(1, total - first))


def _groups(net: TextNet, chosen: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Parameters by depth, the lower the slower; biases and norms without weight decay."""
    layers = int(net.config["num_hidden_layers"])
    groups: dict[tuple[float, bool], list[Any]] = {}
    for name, parameter in net.named_parameters():
        if not parameter.requires_grad:
            continue
        if name.startswith("head."):
            rate = chosen["head_rate"]
        else:
            parts = name.split(".")
            depth = int(parts[parts.index("layer") + 1]) + 1 if "layer" in parts else 0
            rate = chosen["learning_rate"] * chosen["layer_decay"] ** (layers - depth)
        groups.setdefault((rate, parameter.ndim < 2), []).append(parameter)
    return [
        {"params": parameters, "lr": rate, **({"weight_decay": 0.0} if plain else {})}
        for (rate, plain), parameters in groups.items()
    ]


class _Meter:
    """Progress with loss, tokens per second and useful (not padding) tokens per second; never in an output."""

    def __init__(self, settings: TextSettings, total: int) -> None:
        self._progress, self._total = settings.progress, total
        self._began, self._tokens, self._useful, self._loss = time.monotonic(), 0, 0, 0.0

    def note(self, loss: float, lengths: Any, step: int) -> None:
        self._tokens += int(lengths.max()) * len(lengths)
        self._useful += int(lengths.sum())
        self._loss = loss if not self._loss else 0.95 * self._loss + 0.05 * loss
        if self._progress is not None:
            seconds = max(1e-9, time.monotonic() - self._began)
            rate, useful = self._tokens / seconds, self._useful / seconds
            self._progress(f"loss {self._loss:.3f}, {rate:.0f} tokens/s, {useful:.0f} useful, step", step, self._total)
