"""Trains the network from scratch: transformers' BART of a stated size, AdamW, warm-up and linear decay."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from pipelines.blocks.models import Profile
from pipelines.errors import ConfigError
from pipelines.models.hyper import resolve
from pipelines.models.seq2seq.decoding import Decoding
from pipelines.models.seq2seq.pieces import END, PAD, START, Pieces
from pipelines.models.seq2seq.runtime import Network

if TYPE_CHECKING:
    import torch

DEFAULTS: dict[str, Any] = {
    "dimensions": 128, "layers": 2, "heads": 4, "inner": 256, "dropout": 0.1, "pieces": 2000, "longest": 96,
    "epochs": 3, "batch": 64, "learning_rate": 0.001, "smoothing": 0.1, "rows": 1_000_000,
    "decoding": "beam", "beams": 3, "tokens": 40, "temperature": 1.0, "top_p": 0.9,
}  # fmt: skip
SHARES = ("dropout", "smoothing")
Pairs = Sequence[tuple[Sequence[int], Sequence[int]]]


def settings(params: Mapping[str, Any]) -> dict[str, Any]:
    """The family's hyper-parameters with ``params`` over them.

    Raises:
        ConfigError: a name that the family does not have, or a value out of range.
    """
    found = resolve("seq2seq", DEFAULTS, params, shares=SHARES)
    if found["decoding"] not in ("greedy", "beam", "sample"):
        raise ConfigError(
            f"no decoding {found['decoding']!r}",
            where={"key": "candidates.*.params.decoding"},
            next_step="choose greedy, beam or sample",
        )
    if found["dimensions"] % found["heads"]:
        raise ConfigError(
            "dimensions must be a multiple of heads", where={"key": "candidates.*.params"}, next_step="mend one of them"
        )
    return found


def decoding_of(options: Mapping[str, Any], seed: int = 0) -> Decoding:
    """How the family's hyper-parameters say that texts are written."""
    return Decoding(
        options["decoding"], options["beams"], options["tokens"], options["temperature"], options["top_p"], seed
    )


def train(
    pairs: Pairs, pieces: Pieces, options: Mapping[str, Any], seed: int, profile: Profile,
    progress: Callable[[str, int, int], None] | None = None,
) -> tuple[Network, dict[str, Any]]:  # fmt: skip
    """Fit on ``(source, target)`` tokens; returns the network and what was seen: steps, tokens, loss at the end."""
    import torch

    torch.set_num_threads(profile.threads)
    torch.manual_seed(seed)
    device = torch.device(profile.device)
    model = build(len(pieces.tokens), options).to(device)
    optimiser = torch.optim.AdamW(model.parameters(), lr=float(options["learning_rate"]), weight_decay=0.01)
    rng = np.random.Generator(np.random.PCG64(seed))
    batch, epochs = int(options["batch"]), int(options["epochs"])
    steps, done, seen, loss = epochs * -(-len(pairs) // batch), 0, 0, 0.0
    model.train()
    for _ in range(epochs):
        for chosen in _batches(pairs, batch, rng):
            source, target = _padded(
                [pairs[row] for row in chosen], int(options["longest"]), int(options["tokens"]), device
            )
            for group in optimiser.param_groups:
                group["lr"] = float(options["learning_rate"]) * min(
                    (done + 1) / max(1, steps // 10), 1.0 - done / steps
                )
            with torch.autocast(device.type, torch.bfloat16, enabled=profile.precision == "bf16"):
                raw = model(
                    input_ids=source, attention_mask=(source != PAD).long(), decoder_input_ids=target[:, :-1]
                ).logits
            found = torch.nn.functional.cross_entropy(
                raw.float().flatten(0, 1), target[:, 1:].flatten(), ignore_index=PAD,
                label_smoothing=float(options["smoothing"]),
            )  # fmt: skip
            optimiser.zero_grad()
            found.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimiser.step()
            done, loss = done + 1, 0.9 * loss + 0.1 * float(found.detach()) if done else float(found.detach())
            seen += int((source != PAD).sum()) + int((target[:, 1:] != PAD).sum())
            if progress is not None:
                progress("batches", done, steps)
    return network_of(model, pieces, options), {"steps": done, "tokens": seen, "loss": round(loss, 4)}


def build(vocabulary: int, options: Mapping[str, Any]) -> Any:
    """An untrained BART of the stated size."""
    from transformers import BartConfig, BartForConditionalGeneration

    room = max(int(options["longest"]), int(options["tokens"])) + 2
    return BartForConditionalGeneration(
        BartConfig(
            vocab_size=vocabulary, d_model=options["dimensions"], max_position_embeddings=room,
            encoder_layers=options["layers"], decoder_layers=options["layers"],
            encoder_attention_heads=options["heads"], decoder_attention_heads=options["heads"],
            encoder_ffn_dim=options["inner"], decoder_ffn_dim=options["inner"], dropout=options["dropout"],
            pad_token_id=PAD, bos_token_id=START, eos_token_id=END, decoder_start_token_id=START,
            forced_eos_token_id=None,
        )
    )  # fmt: skip


def network_of(model: Any, pieces: Pieces, options: Mapping[str, Any]) -> Network:
    """A BART of transformers as arrays."""
    weights: dict[str, Any] = {}
    for name, value in model.state_dict().items():
        short = name.removeprefix("model.")
        if "embed_tokens" in short or short == "lm_head.weight":
            continue
        short = {"shared.weight": "shared"}.get(short, short).replace("embed_positions.weight", "embed_positions")
        array = value.detach().cpu().numpy().astype(np.float32)
        weights[short] = array[0] if short == "final_logits_bias" else array
    shape = {"heads": options["heads"], "layers": options["layers"], "longest": options["longest"]}
    return Network(weights, pieces, shape)


def _batches(pairs: Pairs, size: int, rng: np.random.Generator) -> list[list[int]]:
    """Rows in batches of about equal length, in random order."""
    order = rng.permutation(len(pairs))
    found: list[list[int]] = []
    for start in range(0, len(order), 50 * size):
        part = sorted(order[start : start + 50 * size].tolist(), key=lambda row: len(pairs[row][0]))
        found += [part[at : at + size] for at in range(0, len(part), size)]
    return [found[place] for place in rng.permutation(len(found)).tolist()]


def _padded(pairs: Pairs, longest: int, tokens: int, device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    import torch

    sources = [list(source)[-longest:] or [PAD] for source, _ in pairs]
    targets = [[START, *list(target)[: tokens - 1], END] for _, target in pairs]
    return tuple(  # type: ignore[return-value]
        torch.tensor([row + [PAD] * (max(map(len, rows)) - len(row)) for row in rows], device=device)
        for rows in (sources, targets)
    )
