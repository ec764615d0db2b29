"""The loop of the fine-tuning: batches of like length, rates up over the warmup and then down to 0, checkpoints."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pipelines.errors import DataError
from pipelines.models.encoder import checkpoint, losses
from pipelines.models.encoder.augment import changed
from pipelines.models.encoder.meter import Meter
from pipelines.models.encoder.net import TextNet
from pipelines.models.encoder.tokens import Ids, TextTokenizer, padded, training_batches
from pipelines.models.text import FloatArray, TextData, TextSettings

CLIP = 1.0  # largest gradient norm


@dataclass(frozen=True)
class Lesson:
    """What is learned from, and how.

    Attributes:
        data: texts and labels.
        settings: seed, machine, progress, where checkpoints lie.
        chosen: all hyper-parameters.
        soft: a teacher's probabilities of the texts ``[n, k]``, or None.
        name: of the checkpoint.
    """

    data: TextData
    settings: TextSettings
    chosen: Mapping[str, Any]
    soft: FloatArray | None = None
    name: str = "encoder"


@dataclass(frozen=True)
class _Batch:
    tokens: Tensor
    mask: Tensor
    y: Tensor
    weight: Tensor
    soft: Tensor | None


def train(net: TextNet, tokenizer: TextTokenizer, lesson: Lesson, begin: Any = None) -> None:
    """Fine-tune the whole network; a checkpoint of the same training is continued.

    Args:
        net: on its device.
        tokenizer: the network's.
        lesson: what from, and how.
        begin: called without arguments before the first step of a training that no checkpoint continues.

    Raises:
        DataError: the training diverged.
    """
    data, settings, chosen = lesson.data, lesson.settings, lesson.chosen
    optimizer = torch.optim.AdamW(_groups(net, chosen), weight_decay=chosen["weight_decay"], fused=True)
    rates = [group["lr"] for group in optimizer.param_groups]
    ids = tokenizer.ids(data.texts)
    lengths = np.array([len(one) for one in ids], dtype=np.int64)
    per_epoch = -(-len(ids) // chosen["batch"])
    total = per_epoch * chosen["epochs"]
    mark = checkpoint.fingerprint(data, checkpoint.conditions(chosen, settings, lesson.name))
    path = settings.checkpoints / f"{lesson.name}_{settings.label}.safetensors" if settings.checkpoints else None
    step = checkpoint.restore(path, mark, net, optimizer) if path else 0
    if not step and begin is not None:
        begin()
    device = net.head.weight.device
    meter = Meter(settings.progress, net.config, device, settings.profile.precision == "bf16", total)
    for epoch in range(step // per_epoch, chosen["epochs"]):
        batches = training_batches(lengths, chosen["batch"], settings.seed, epoch)
        for rows in batches[step - epoch * per_epoch :]:
            torch.manual_seed(settings.seed * 1_000_003 + step)
            share = schedule(step, total, chosen["warmup"])
            for group, rate in zip(optimizer.param_groups, rates, strict=True):
                group["lr"] = rate * share
            loss = _step(net, optimizer, list(_parts(tokenizer, lesson, ids, rows, step, device)), lesson)
            step += 1
            meter.note(loss, lengths[rows], step)
            if path and step % chosen["checkpoint_steps"] == 0 and step < total:
                checkpoint.save(path, mark, net, optimizer, step)


def _parts(
    tokenizer: TextTokenizer, lesson: Lesson, ids: Sequence[Ids], rows: Any, step: int, device: torch.device
) -> Iterator[_Batch]:
    """The batch in ``accumulate`` parts."""
    data, chosen = lesson.data, lesson.chosen
    read = [ids[row] for row in rows]
    if chosen["augment"] > 0:
        rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence([lesson.settings.seed, step, 1])))
        read = tokenizer.ids([changed(data.texts[row], chosen["augment"], rng) for row in rows])
    weight = data.weight[rows]
    if chosen["balanced"]:
        weight = weight * balance(data.y)[data.y[rows]] if data.y.ndim == 1 else weight
    for part in np.array_split(np.arange(len(rows)), min(chosen["accumulate"], len(rows))):
        tokens, mask = padded([read[place] for place in part])
        soft = None if lesson.soft is None else torch.from_numpy(lesson.soft[rows[part]]).float().to(device)
        yield _Batch(
            torch.from_numpy(tokens).to(device),
            torch.from_numpy(mask).to(device),
            torch.from_numpy(data.y[rows[part]]).to(device),
            torch.from_numpy(weight[part]).float().to(device),
            soft,
        )


def balance(y: Any) -> FloatArray:
    """What a text counts for by its class, ``[k]``: ``n / (classes x texts of the class)``."""
    counts = np.bincount(y)
    return np.asarray(len(y) / (len(counts) * np.maximum(counts, 1)), dtype=np.float64)


def _step(net: TextNet, optimizer: torch.optim.Optimizer, parts: Sequence[_Batch], lesson: Lesson) -> float:
    net.train()
    optimizer.zero_grad(set_to_none=True)
    whole = sum(len(part.weight) for part in parts)
    told = 0.0
    for part in parts:
        share = len(part.weight) / whole
        loss = _loss(net, part, lesson) * share
        if not torch.isfinite(loss):
            raise DataError(
                f"the encoder's loss is {float(loss)}",
                where={"family": "encoder"},
                next_step="lower candidates.*.params.learning_rate",
            )
        told += float(loss.detach())
        loss.backward()  # type: ignore[no-untyped-call]
    if lesson.chosen["adversarial"] > 0:
        _adversarial(net, parts, lesson, whole, lesson.chosen["adversarial_steps"])
    torch.nn.utils.clip_grad_norm_(net.parameters(), CLIP)
    optimizer.step()
    return told


def _adversarial(net: TextNet, parts: Sequence[_Batch], lesson: Lesson, whole: int, steps: int) -> None:
    """The loss at word embeddings moved up the gradient is learned from too; with several steps only the last one's."""
    chosen = lesson.chosen
    with losses.shifted_embeddings(net, chosen["adversarial"] / chosen["adversarial_steps"]):
        kept = None
        if steps > 1:  # only where to go next is asked: the gradient so far is set aside
            kept = [None if one.grad is None else one.grad.clone() for one in net.parameters()]
            net.zero_grad(set_to_none=True)
        for part in parts:
            (_loss(net, part, lesson) * (len(part.weight) / whole)).backward()  # type: ignore[no-untyped-call]
        if kept is not None:
            _further(net, parts, lesson, whole, steps - 1, kept)


def _further(
    net: TextNet, parts: Sequence[_Batch], lesson: Lesson, whole: int, steps: int, kept: Sequence[Tensor | None]
) -> None:
    """The steps of :func:`_adversarial` after the first, from the gradient at the place that was reached."""
    chosen = lesson.chosen
    with losses.shifted_embeddings(net, chosen["adversarial"] / chosen["adversarial_steps"]):
        if steps == 1:
            for one, gradient in zip(net.parameters(), kept, strict=True):
                one.grad = gradient
        else:
            net.zero_grad(set_to_none=True)
        for part in parts:
            (_loss(net, part, lesson) * (len(part.weight) / whole)).backward()  # type: ignore[no-untyped-call]
        if steps > 1:
            _further(net, parts, lesson, whole, steps - 1, kept)


def _loss(net: TextNet, batch: _Batch, lesson: Lesson) -> Tensor:
    chosen, several = lesson.chosen, batch.y.ndim == 2
    bf16 = lesson.settings.profile.precision == "bf16"
    scores, embedding = _read(net, batch, bf16)
    loss = losses.classification(scores, batch.y, batch.weight, chosen["smoothing"])
    if batch.soft is not None:
        weight = chosen["distil"]
        loss = (1.0 - weight) * loss + weight * losses.distillation(scores, batch.soft, several)
    if chosen["contrastive"] > 0:
        loss = loss + chosen["contrastive"] * losses.contrastive(embedding, batch.y)
    if chosen["consistency"] > 0:
        other, _ = _read(net, batch, bf16)
        loss = (loss + losses.classification(other, batch.y, batch.weight, chosen["smoothing"])) / 2.0
        loss = loss + chosen["consistency"] * losses.consistency(scores, other, several)
    return loss


def _read(net: TextNet, batch: _Batch, bf16: bool) -> tuple[Tensor, Tensor]:
    with torch.autocast(batch.tokens.device.type, torch.bfloat16, enabled=bf16):
        embedding = net.embed(batch.tokens, batch.mask)
    return net.classify(embedding.float()), embedding.float()


def schedule(step: int, total: int, warmup: float) -> float:
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
