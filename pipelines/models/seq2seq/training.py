"""Trains the network from scratch: transformers' BART of a stated size, AdamW, warm-up and linear decay."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pipelines.blocks.models import Profile
from pipelines.errors import ConfigError
from pipelines.models.hyper import resolve
from pipelines.models.seq2seq.decoding import Decoding
from pipelines.models.seq2seq.pieces import END, PAD, START, Pieces
from pipelines.models.seq2seq.runtime import Network
from pipelines.models.seq2seq.weights import SCRATCH

if TYPE_CHECKING:
    import torch

DEFAULTS: dict[str, Any] = {
    "weights": SCRATCH,  # or a folder, or a Hugging Face name: then its own size and pieces
    "dimensions": 128, "layers": 2, "heads": 4, "inner": 256, "dropout": 0.1, "pieces": 2000, "longest": 96,
    "epochs": 3, "batch": 64, "learning_rate": 0.001, "smoothing": 0.1, "rows": 1_000_000,
    "decoding": "beam", "beams": 3, "tokens": 40, "temperature": 1.0, "top_p": 0.9,
}  # fmt: skip
SHARES = ("dropout", "smoothing")
Pairs = Sequence[tuple[Sequence[int], Sequence[int]]]
Progress = Callable[[str, int, int], None]
IGNORED = -100
FINE_TUNING = {"learning_rate": 5e-5, "smoothing": 0.0}  # instead of the defaults, for pretrained weights


def settings(params: Mapping[str, Any]) -> dict[str, Any]:
    """The family's hyper-parameters with ``params`` over them.

    Raises:
        ConfigError: a name that the family does not have, or a value out of range.
    """
    found = resolve("seq2seq", DEFAULTS, params, shares=SHARES)
    if found["weights"] != SCRATCH:
        found |= {name: value for name, value in FINE_TUNING.items() if name not in params}
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


@dataclass(frozen=True)
class Frame:
    """What stands around the tokens of a pair.

    Attributes:
        start: token that the decoder begins with.
        end: token that ends a text.
        pad: token behind it.
        longest: tokens of a source that are read, its last ones.
        tokens: longest text, the end included.
        before: tokens before every source.
        behind: and behind it.
    """

    start: int
    end: int
    pad: int
    longest: int
    tokens: int
    before: Sequence[int] = ()
    behind: Sequence[int] = ()

    def source(self, tokens: Sequence[int]) -> list[int]:
        """A source as the encoder reads it."""
        return [*self.before, *list(tokens)[-self.longest :], *self.behind] or [self.pad]

    def target(self, tokens: Sequence[int]) -> list[int]:
        """A text as the decoder learns it."""
        return [self.start, *list(tokens)[: self.tokens - 1], self.end]


def train(
    pairs: Pairs, pieces: Pieces, options: Mapping[str, Any], seed: int, profile: Profile,
    progress: Progress | None = None,
) -> tuple[Network, dict[str, Any]]:  # fmt: skip
    """Fit from scratch on ``(source, target)`` tokens; returns the network and what was seen (:func:`fit`)."""
    import torch

    torch.manual_seed(seed)
    model = build(len(pieces.tokens), options)
    frame = Frame(START, END, PAD, int(options["longest"]), int(options["tokens"]))
    seen = fit(model, pairs, frame, options, seed, profile, progress)
    return network_of(model, pieces, options), seen


def fit(
    model: Any, pairs: Pairs, frame: Frame, options: Mapping[str, Any], seed: int, profile: Profile,
    progress: Progress | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Train any encoder-decoder of transformers in place; returns steps, tokens without padding, loss at the end."""
    import torch

    torch.set_num_threads(profile.threads)
    torch.manual_seed(seed)
    device = torch.device(profile.device)
    model.to(device).train()
    optimiser = torch.optim.AdamW(model.parameters(), lr=float(options["learning_rate"]), weight_decay=0.01)
    rng = np.random.Generator(np.random.PCG64(seed))
    batch, epochs = int(options["batch"]), int(options["epochs"])
    steps, done, seen, loss = epochs * -(-len(pairs) // batch), 0, 0, 0.0
    for _ in range(epochs):
        for chosen in batches(pairs, batch, rng):
            source, target, real = padded([pairs[row] for row in chosen], frame, device)
            for group in optimiser.param_groups:
                group["lr"] = float(options["learning_rate"]) * min(
                    (done + 1) / max(1, steps // 10), 1.0 - done / steps
                )
            given = target[:, :-1].masked_fill(target[:, :-1] == IGNORED, frame.pad)
            with torch.autocast(device.type, torch.bfloat16, enabled=profile.precision == "bf16"):
                raw = model(input_ids=source, attention_mask=real, decoder_input_ids=given).logits
            wanted = target[:, 1:]
            found = torch.nn.functional.cross_entropy(
                raw.float().flatten(0, 1), wanted.flatten(), ignore_index=IGNORED,
                label_smoothing=float(options["smoothing"]),
            )  # fmt: skip
            optimiser.zero_grad()
            found.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimiser.step()
            done, loss = done + 1, 0.9 * loss + 0.1 * float(found.detach()) if done else float(found.detach())
            seen += int(real.sum()) + int((wanted != IGNORED).sum())
            if progress is not None:
                progress("batches", done, steps)
    return {"steps": done, "tokens": seen, "loss": round(loss, 4)}


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


def batches(pairs: Pairs, size: int, rng: np.random.Generator) -> list[list[int]]:
    """Rows in batches of about equal length, in random order."""
    order = rng.permutation(len(pairs))
    found: list[list[int]] = []
    for start in range(0, len(order), 50 * size):
        part = sorted(order[start : start + 50 * size].tolist(), key=lambda row: len(pairs[row][0]))
        found += [part[at : at + size] for at in range(0, len(part), size)]
    return [found[place] for place in rng.permutation(len(found)).tolist()]


def padded(pairs: Pairs, frame: Frame, device: torch.device) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Sources ``[b, s]``, targets ``[b, t]`` with the start, padded with ``IGNORED`` behind the end, and mask of the
    sources ``[b, s]``."""
    import torch

    def table(rows: list[list[int]], fill: int) -> torch.Tensor:
        width = max(map(len, rows))
        return torch.tensor([row + [fill] * (width - len(row)) for row in rows], device=device)

    sources = [frame.source(source) for source, _ in pairs]
    targets = [frame.target(target) for _, target in pairs]
    real = table([[1] * len(source) for source in sources], 0)
    return table(sources, frame.pad), table(targets, IGNORED), real
