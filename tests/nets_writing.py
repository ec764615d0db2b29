"""A tiny untrained encoder-decoder and its pieces, for tests of writing."""

from __future__ import annotations

from functools import cache
from typing import Any

from pipelines.models.seq2seq import training
from pipelines.models.seq2seq.pieces import Pieces, learn
from pipelines.models.seq2seq.runtime import Network

TEXTS = ["hello {Name} how are you?", "I paid 12 dollars, did I?", "where is it <customer> I don't know", "{Day} at 7"]
OPTIONS = {"dimensions": 32, "inner": 48, "layers": 2, "heads": 4, "longest": 24, "tokens": 16, "pieces": 150}


@cache
def pieces() -> Pieces:
    """Learned of ``TEXTS``."""
    return learn(TEXTS * 5, ["{Name}", "{Day}", "<customer>"], 150)


@cache
def pair() -> tuple[Any, Network]:
    """The network of transformers and the same in numpy."""
    import torch

    torch.manual_seed(3)
    options = training.settings(OPTIONS)
    model = training.build(len(pieces().tokens), options).eval()
    return model, training.network_of(model, pieces(), options)
