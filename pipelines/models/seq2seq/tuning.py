"""Fine-tunes a pretrained encoder-decoder by the same loop as a new one, and makes it a network that answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pipelines.blocks.models import Profile
from pipelines.models.seq2seq import exporting, training, weights
from pipelines.models.seq2seq.graphs import GraphNetwork
from pipelines.models.seq2seq.subwords import Subwords, with_whole

ROOM = 512  # tokens of a text of a model that states no limit


def pieces_of(name: str, root: Path, whole: Sequence[str]) -> Subwords:
    """The pieces of a pretrained model with ``whole`` ones added.

    Raises:
        ConfigError: no such model, or a tokenizer that takes no further pieces.
    """
    folder = weights.find(name, root)
    return with_whole((folder / "tokenizer.json").read_text(encoding="utf-8"), whole)


def train(
    pairs: training.Pairs, pieces: Subwords, options: Mapping[str, Any], root: Path, seed: int, profile: Profile,
    progress: training.Progress | None = None,
) -> tuple[GraphNetwork, dict[str, Any]]:  # fmt: skip
    """Fit on ``(source, target)`` tokens of ``pieces``; returns the network and what was seen, as ``training.train``.

    Raises:
        ConfigError: the model cannot be read, or not be written as graphs.
    """
    import torch

    torch.manual_seed(seed)
    model = weights.load(weights.find(str(options["weights"]), root))
    model.resize_token_embeddings(len(pieces.tokens), mean_resizing=False)
    frame = frame_of(model, pieces, options)
    seen = training.fit(model, pairs, frame, options, seed, profile, progress)
    return network_of(model, pieces, frame, profile.threads), seen


def frame_of(model: Any, pieces: Subwords, options: Mapping[str, Any]) -> training.Frame:
    """The model's own special tokens, and as much room as it has positions for."""
    config = model.config
    around = len(pieces.before) + len(pieces.behind)
    most = int(getattr(config, "max_position_embeddings", None) or getattr(config, "n_positions", None) or ROOM)
    start = config.decoder_start_token_id
    pad = config.pad_token_id if config.pad_token_id is not None else 0
    end = config.eos_token_id if isinstance(config.eos_token_id, int) else (config.eos_token_id or [pad])[0]
    return training.Frame(
        int(start if start is not None else pad), int(end), int(pad), min(int(options["longest"]), most - around),
        min(int(options["tokens"]), most), tuple(pieces.before), tuple(pieces.behind),
    )  # fmt: skip


def network_of(model: Any, pieces: Subwords, frame: training.Frame, threads: int = 1) -> GraphNetwork:
    """A model of transformers as two ONNX graphs."""
    reading, step = exporting.graphs(model.cpu())
    form = {"start": frame.start, "end": frame.end, "pad": frame.pad, "longest": frame.longest, "room": frame.tokens}
    return GraphNetwork(reading, step, pieces, {**form, "threads": threads})
