"""The network: an encoder of transformers, the mean over a text's tokens, a linear head."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from pipelines.errors import ConfigError


class TextNet(nn.Module):
    """Encoder and head.

    Attributes:
        encoder: a model of transformers whose first output is ``last_hidden_state``.
        head: linear, embedding to classes.
        config: the encoder's configuration as JSON values.
    """

    def __init__(self, encoder: nn.Module, width: int, classes: int, dropout: float, config: dict[str, Any]) -> None:
        super().__init__()
        self.encoder = encoder
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(width, classes)
        self.config = config

    def embed(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """Mean over the text's tokens, scaled to length 1: ``[n, width]``."""
        hidden = self.encoder(input_ids=tokens, attention_mask=mask).last_hidden_state
        weight = mask.unsqueeze(-1).to(hidden.dtype)
        mean = (hidden * weight).sum(1) / weight.sum(1).clamp_min(1.0)
        return nn.functional.normalize(mean.float(), dim=-1)

    def classify(self, embedding: Tensor) -> Tensor:
        """Class scores ``[n, k]``, before the softmax."""
        scores: Tensor = self.head(self.dropout(embedding))
        return scores


def pretrained(folder: Path, classes: int, dropout: float) -> TextNet:
    """The encoder of a folder with a new head.

    Raises:
        ConfigError: the folder holds no encoder that transformers can build.
    """
    from transformers import AutoConfig, AutoModel

    try:
        config = AutoConfig.from_pretrained(folder, local_files_only=True)
        encoder = AutoModel.from_pretrained(
            folder, config=config, local_files_only=True, attn_implementation="sdpa", dtype=torch.float32
        )
    except (OSError, ValueError, KeyError, ImportError, RuntimeError) as error:
        raise ConfigError(
            f"not an encoder that transformers can load: {' '.join(str(error).split())[:160]}",
            where={"folder": folder.name},
            next_step="name another model in candidates.*.params.weights",
        ) from error
    return _net(encoder, config, classes, dropout)


def from_config(content: dict[str, Any], classes: int, dropout: float) -> TextNet:
    """An encoder of a configuration with random weights (to be loaded or trained from scratch)."""
    from transformers import AutoConfig, AutoModel

    config = AutoConfig.for_model(**content)
    encoder = AutoModel.from_config(config, attn_implementation="sdpa")  # type: ignore[no-untyped-call]
    return _net(encoder, config, classes, dropout)


def _net(encoder: Any, config: Any, classes: int, dropout: float) -> TextNet:
    if hasattr(encoder, "pooler"):
        encoder.pooler = None
    content = {key: value for key, value in json.loads(config.to_json_string(use_diff=False)).items() if key in KEPT}
    content["model_type"] = config.model_type
    return TextNet(encoder.float(), int(config.hidden_size), classes, dropout, content)


KEPT = frozenset(
    {
        "model_type", "hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size", "hidden_act",
        "hidden_dropout_prob", "attention_probs_dropout_prob", "max_position_embeddings", "type_vocab_size",
        "vocab_size", "layer_norm_eps", "pad_token_id",
    }
)  # fmt: skip


def bert_config(vocabulary: int, layers: int, width: int, heads: int, most: int) -> dict[str, Any]:
    """The configuration of a BERT of a stated size."""
    return {
        "model_type": "bert",
        "vocab_size": vocabulary,
        "hidden_size": width,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "intermediate_size": 4 * width,
        "hidden_act": "gelu",
        "max_position_embeddings": max(64, most),
        "type_vocab_size": 1,
        "layer_norm_eps": 1e-12,
        "pad_token_id": 0,
    }
