"""Tiny encoder-decoders with their tokenizers, saved as ``save_pretrained`` of transformers does it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipelines.models.seq2seq import tuning

SPECIAL = {"bart": ["<s>", "<pad>", "</s>", "<unk>"], "t5": ["<pad>", "</s>", "<unk>"]}


def save(kind: str, folder: Path, texts: Sequence[str], size: int = 120) -> Path:
    """A ``bart`` with byte-level pieces, or a ``t5`` with word-start pieces, learned of ``texts``; random weights."""
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = _tokenizer(kind, texts, size)
    tokenizer.save(str(folder / "tokenizer.json"))
    model = _model(kind, tokenizer.get_vocab_size())
    model.save_pretrained(folder, safe_serialization=True)
    return folder


def _tokenizer(kind: str, texts: Sequence[str], size: int) -> Any:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers

    special = SPECIAL[kind]
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>"))
    if kind == "bart":
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        tokenizer.decoder = decoders.ByteLevel()
        alphabet = pre_tokenizers.ByteLevel.alphabet()
    else:
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
        tokenizer.decoder = decoders.Metaspace()
        alphabet = []
    trainer = trainers.BpeTrainer(
        vocab_size=size + len(alphabet), special_tokens=special, initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(list(texts), trainer)
    frame = "<s> $A </s>" if kind == "bart" else "$A </s>"
    known = [(token, tokenizer.token_to_id(token)) for token in special if token in frame]
    tokenizer.post_processor = processors.TemplateProcessing(single=frame, special_tokens=known)
    return tokenizer


def _model(kind: str, size: int) -> Any:
    import torch
    from transformers import BartConfig, BartForConditionalGeneration, T5Config, T5ForConditionalGeneration

    torch.manual_seed(1)
    if kind == "bart":
        return BartForConditionalGeneration(
            BartConfig(
                vocab_size=size, d_model=32, encoder_layers=1, decoder_layers=2, encoder_attention_heads=4,
                decoder_attention_heads=4, encoder_ffn_dim=48, decoder_ffn_dim=48, max_position_embeddings=64,
                bos_token_id=0, pad_token_id=1, eos_token_id=2, decoder_start_token_id=2,
            )
        )  # fmt: skip
    return T5ForConditionalGeneration(
        T5Config(
            vocab_size=size, d_model=32, d_kv=8, d_ff=48, num_layers=2, num_heads=4, feed_forward_proj="gated-gelu",
            decoder_start_token_id=0, pad_token_id=0, eos_token_id=1,
        )
    )  # fmt: skip


@contextmanager
def kept() -> Iterator[list[Any]]:
    """What is made a network meanwhile: the model of transformers and its frame."""
    held: list[Any] = []
    made = tuning.network_of

    def hold(model: Any, pieces: Any, frame: Any, threads: int) -> Any:
        held.extend([model, frame])
        return made(model, pieces, frame, threads)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tuning, "network_of", hold)
        yield held


def difference(model: Any, frame: Any, network: Any, sources: list[list[int]]) -> float:
    """Largest difference of log-probabilities, of a few tokens fed one by one and all at once."""
    import torch

    rng = np.random.Generator(np.random.PCG64(0))
    given = rng.integers(4, 30, (len(sources), 4))
    given[:, 0] = frame.start
    cache = network.encode(sources)
    ours = np.stack([network.step(given[:, at], cache) for at in range(given.shape[1])], axis=1)
    framed = [frame.source(source) for source in sources]
    width = max(map(len, framed))
    ids = torch.tensor([row + [frame.pad] * (width - len(row)) for row in framed])
    mask = torch.tensor([[1] * len(row) + [0] * (width - len(row)) for row in framed])
    with torch.no_grad():
        raw = model(input_ids=ids, attention_mask=mask, decoder_input_ids=torch.tensor(given)).logits
    return float(np.abs(ours - torch.log_softmax(raw, -1).numpy()).max())
