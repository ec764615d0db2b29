"""A smaller encoder that a fitted one teaches: fewer of its layers, its answers beside the labels."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import torch

from pipelines.errors import ConfigError
from pipelines.models.encoder.net import TextNet


def thinned(net: TextNet, layers: int) -> TextNet:
    """A copy with ``layers`` of the encoder's layers, evenly spread, the first and the last among them.

    Sanh et al. (2019), DistilBERT, begin their student likewise.

    Raises:
        ConfigError: not fewer layers than there are, or an encoder whose layers are not found.
    """
    stack = getattr(getattr(net.encoder, "encoder", None), "layer", None)
    if not isinstance(stack, torch.nn.ModuleList):
        raise ConfigError(
            "this encoder's layers are not found, so none can be left out",
            where={"key": "candidates.*.params.student_layers"},
            next_step="set student_layers to 0, or name a BERT as weights",
        )
    if not 1 <= layers < len(stack):
        raise ConfigError(
            f"a student of {layers} layers, of an encoder that has {len(stack)}",
            where={"key": "candidates.*.params.student_layers"},
            next_step=f"choose 1 to {len(stack) - 1}, or 0 for none",
        )
    kept = np.round(np.linspace(0, len(stack) - 1, layers)).astype(int).tolist() if layers > 1 else [len(stack) - 1]
    small = copy.deepcopy(net)
    body: Any = small.encoder
    body.encoder.layer = torch.nn.ModuleList([body.encoder.layer[place] for place in kept])
    body.config.num_hidden_layers = layers
    small.config = {**net.config, "num_hidden_layers": layers}
    return small
