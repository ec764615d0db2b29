"""The trained network in numpy: the encoder once, then a token at a time with a key-value cache, many rows at once."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.errors import BundleError
from pipelines.models.seq2seq.pieces import PAD, Pieces

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]
FILES = ("seq2seq.npz", "seq2seq.json")
OFFSET = 2  # of BART's learned positions


@dataclass
class Cache:
    """What the decoder keeps, per layer: keys and values of the sources ``[b, h, s, d/h]``,
    of the rows ``[r, h, t, d/h]``.

    Attributes:
        cross: of the sources.
        own: of the tokens so far.
        hidden: 0 where a source has a token, a very low number where it is padded, ``[b, 1, 1, s]``.
        source: the source of each row ``[r]``.
    """

    cross: list[tuple[Floats, Floats]]
    hidden: Floats
    source: Ints
    own: list[tuple[Floats, Floats]] = field(default_factory=list)
    length: int = 0

    def keep(self, rows: Ints) -> None:
        """Go on with these rows, in this order."""
        self.source = self.source[rows]
        self.own = [(keys[rows], values[rows]) for keys, values in self.own]


class Network:
    """Weights by BART's names; never changed after it is made."""

    def __init__(self, weights: Mapping[str, Floats], pieces: Pieces, shape: Mapping[str, Any]) -> None:
        self.pieces, self.shape = pieces, dict(shape)
        self.heads, self.longest = int(shape["heads"]), int(shape["longest"])
        self._w = {name: np.asarray(value, dtype=np.float32) for name, value in weights.items()}

    @property
    def room(self) -> int:
        """Tokens that the decoder has positions for."""
        return len(self._w["decoder.embed_positions"]) - OFFSET

    def encode(self, sources: Sequence[Sequence[int]]) -> Cache:
        """Run the encoder over padded sources (their last ``longest`` tokens)."""
        kept = [list(source)[-self.longest :] or [PAD] for source in sources]
        width = max(map(len, kept))
        tokens = np.array([source + [PAD] * (width - len(source)) for source in kept], dtype=np.int64)
        empty = np.array([[place >= len(source) for place in range(width)] for source in kept])
        hidden = np.where(empty, np.float32(-1e9), np.float32(0))[:, None, None, :]
        x = self._embed("encoder", tokens, 0)
        for layer in range(int(self.shape["layers"])):
            name = f"encoder.layers.{layer}"
            keys, values = self._keys(f"{name}.self_attn", x)
            x = self._norm(
                f"{name}.self_attn_layer_norm", x + self._attend(f"{name}.self_attn", x, keys, values, hidden)
            )
            x = self._forward(name, x)
        cross = [self._keys(f"decoder.layers.{layer}.encoder_attn", x) for layer in range(int(self.shape["layers"]))]
        return Cache(cross, hidden, np.arange(len(kept), dtype=np.int64))

    def step(self, tokens: Ints, cache: Cache) -> Floats:
        """Feed one token per row and return the log-probabilities of the next one, float32 ``[r, v]``."""
        x = self._embed("decoder", tokens[:, None], cache.length)
        own: list[tuple[Floats, Floats]] = []
        for layer in range(int(self.shape["layers"])):
            name = f"decoder.layers.{layer}"
            keys, values = self._keys(f"{name}.self_attn", x)
            if cache.own:
                keys = np.concatenate([cache.own[layer][0], keys], axis=2)
                values = np.concatenate([cache.own[layer][1], values], axis=2)
            own.append((keys, values))
            x = self._norm(f"{name}.self_attn_layer_norm", x + self._attend(f"{name}.self_attn", x, keys, values, None))
            past = (cache.cross[layer][0][cache.source], cache.cross[layer][1][cache.source])
            seen = self._attend(f"{name}.encoder_attn", x, *past, cache.hidden[cache.source])
            x = self._norm(f"{name}.encoder_attn_layer_norm", x + seen)
            x = self._forward(name, x)
        cache.own, cache.length = own, cache.length + 1
        raw = x[:, 0] @ self._w["shared"].T + self._w["final_logits_bias"]
        raw -= raw.max(axis=1, keepdims=True)
        return np.asarray(raw - np.log(np.exp(raw).sum(axis=1, keepdims=True)), dtype=np.float32)

    def save(self, folder: Path) -> list[str]:
        """Write the weights (no pickle) and the pieces; return the files' names."""
        np.savez_compressed(folder / FILES[0], **self._w)  # type: ignore[arg-type]
        record = {"shape": self.shape, "pieces": self.pieces.to_json()}
        (folder / FILES[1]).write_text(json.dumps(record, ensure_ascii=False, sort_keys=True) + "\n", encoding="utf-8")
        return list(FILES)

    def _embed(self, side: str, tokens: Ints, start: int) -> Floats:
        places = self._w[f"{side}.embed_positions"][start + OFFSET : start + OFFSET + tokens.shape[1]]
        return self._norm(f"{side}.layernorm_embedding", self._w["shared"][tokens] + places)

    def _linear(self, name: str, x: Floats) -> Floats:
        return np.asarray(x @ self._w[f"{name}.weight"].T + self._w[f"{name}.bias"])

    def _norm(self, name: str, x: Floats) -> Floats:
        centred = x - x.mean(axis=-1, keepdims=True)
        scale = np.sqrt((centred * centred).mean(axis=-1, keepdims=True) + np.float32(1e-5))
        return np.asarray(centred / scale * self._w[f"{name}.weight"] + self._w[f"{name}.bias"])

    def _split(self, x: Floats) -> Floats:
        rows, length, width = x.shape
        return x.reshape(rows, length, self.heads, width // self.heads).transpose(0, 2, 1, 3)

    def _keys(self, name: str, x: Floats) -> tuple[Floats, Floats]:
        return self._split(self._linear(f"{name}.k_proj", x)), self._split(self._linear(f"{name}.v_proj", x))

    def _attend(self, name: str, x: Floats, keys: Floats, values: Floats, hidden: Floats | None) -> Floats:
        """``softmax(Q K' / sqrt(d/h)) V`` of every head, then the output projection."""
        query = self._split(self._linear(f"{name}.q_proj", x))
        score = query @ keys.transpose(0, 1, 3, 2) / np.float32(np.sqrt(query.shape[-1]))
        if hidden is not None:
            score = score + hidden
        score = np.exp(score - score.max(axis=-1, keepdims=True))
        mixed = (score / score.sum(axis=-1, keepdims=True)) @ values
        return self._linear(f"{name}.out_proj", mixed.transpose(0, 2, 1, 3).reshape(x.shape))

    def _forward(self, name: str, x: Floats) -> Floats:
        from scipy.special import erf

        inner = self._linear(f"{name}.fc1", x)
        inner = np.asarray(0.5 * inner * (1.0 + erf(inner / np.float32(np.sqrt(2.0)))), dtype=np.float32)
        return self._norm(f"{name}.final_layer_norm", x + self._linear(f"{name}.fc2", inner))


def load(folder: Path) -> Network:
    """A saved network.

    Raises:
        BundleError: a file is missing or not what :meth:`Network.save` wrote.
    """
    try:
        record = json.loads((folder / FILES[1]).read_text(encoding="utf-8"))
        with np.load(folder / FILES[0], allow_pickle=False) as held:
            weights = {name: held[name] for name in held.files}
        return Network(weights, Pieces(**record["pieces"]), record["shape"])
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise BundleError(
            f"the encoder-decoder cannot be read: {error}", where={"file": FILES[0]}, next_step="pack the model again"
        ) from error
