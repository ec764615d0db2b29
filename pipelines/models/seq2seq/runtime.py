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
from pipelines.models.seq2seq import graphs
from pipelines.models.seq2seq.graphs import GraphNetwork
from pipelines.models.seq2seq.pieces import END, PAD, START, UNKNOWN, Pieces

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]
FILES = ("seq2seq.npz", "seq2seq.json")
OFFSET = 2  # of BART's learned positions
LOW = np.float32(-1e9)


@dataclass
class Cache:
    """What the decoder keeps, per layer: keys and values of the sources ``[b, h, s, d/h]`` and, of the rows' tokens so
    far, ``[r, h, t, d/h]``, their latest token last: rows that began later have nothing in the first columns.

    Attributes:
        cross: of the sources.
        own: of the tokens so far.
        hidden: 0 where a source has a token, a very low number where it is padded, ``[b, 1, 1, s]``.
        source: the source of each row ``[r]``.
        length: tokens of each row so far ``[r]``.
    """

    cross: list[tuple[Floats, Floats]]
    hidden: Floats
    source: Ints
    length: Ints
    own: list[tuple[Floats, Floats]] = field(default_factory=list)
    _seen: tuple[Ints, list[tuple[Floats, Floats]], Floats] | None = None

    def keep(self, rows: Ints) -> None:
        """Go on with these rows, in this order."""
        self.source, self.length = self.source[rows], self.length[rows]
        first = self.own[0][0].shape[2] - int(self.length.max(initial=0)) if self.own else 0
        self.own = [(keys[rows, :, first:], values[rows, :, first:]) for keys, values in self.own]

    def seen(self) -> tuple[list[tuple[Floats, Floats]], Floats]:
        """``cross`` and ``hidden`` of each row, made once as long as the rows' sources stay the same."""
        if self._seen is None or not np.array_equal(self._seen[0], self.source):
            whole = np.array_equal(self.source, np.arange(len(self.hidden)))
            rows = slice(None) if whole else self.source
            self._seen = (self.source, [(k[rows], v[rows]) for k, v in self.cross], self.hidden[rows])
        return self._seen[1], self._seen[2]

    def unwritten(self) -> Floats | None:
        """A very low number where a row has no token yet ``[r, 1, 1, t + 1]``; None where all rows began together."""
        if not self.own or (self.length == self.length[0]).all():
            return None
        width = self.own[0][0].shape[2]
        empty = np.arange(width + 1)[None] < (width - self.length)[:, None]
        return np.where(empty, LOW, np.float32(0))[:, None, None, :]


def joined(left: Cache, right: Cache) -> Cache:
    """The rows of two caches in one: those of ``left``, then those of ``right``. Sources that no row needs are left
    out; ``left`` and ``right`` are used up."""
    parts = [_compact(left), _compact(right)]
    sources = max(part.hidden.shape[3] for part in parts)
    written = max(part.own[0][0].shape[2] if part.own else 0 for part in parts)
    held = [part.own if part.own else [(k[:, :, :0], v[:, :, :0]) for k, v in part.seen()[0]] for part in parts]
    cross = [
        tuple(np.concatenate([_wider(part.cross[layer][side], sources, 0) for part in parts]) for side in (0, 1))
        for layer in range(len(left.cross))
    ]
    own = [
        tuple(np.concatenate([_wider(one[layer][side], written, 1) for one in held]) for side in (0, 1))
        for layer in range(len(left.cross))
    ]
    hidden = [
        np.concatenate([p.hidden, np.full((*p.hidden.shape[:3], sources - p.hidden.shape[3]), LOW)], axis=3)
        for p in parts
    ]
    return Cache(
        cross,  # type: ignore[arg-type]
        np.concatenate(hidden),
        np.concatenate([parts[0].source, parts[1].source + len(parts[0].hidden)]),
        np.concatenate([left.length, right.length]),
        own if written else [],  # type: ignore[arg-type]
    )


def _compact(cache: Cache) -> Cache:
    used, source = np.unique(cache.source, return_inverse=True)
    if len(used) == len(cache.hidden):
        return cache
    cross = [(keys[used], values[used]) for keys, values in cache.cross]
    return Cache(cross, cache.hidden[used], source.astype(np.int64), cache.length, cache.own)


def _wider(table: Floats, width: int, before: int) -> Floats:
    """``[r, h, t, d/h]`` with zeros before (1) or behind (0) its columns."""
    more = width - table.shape[2]
    zeros = np.zeros((*table.shape[:2], more, table.shape[3]), dtype=np.float32)
    return np.concatenate([zeros, table] if before else [table, zeros], axis=2) if more else table


class Network:
    """Weights by BART's names; never changed after it is made. See ``Decoder`` in ``decoding.py``."""

    start, end, pad = START, END, PAD
    unsaid = (PAD, START, UNKNOWN)

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
        hidden = np.where(empty, LOW, np.float32(0))[:, None, None, :]
        x = self._embed("encoder", tokens, np.zeros(len(kept), dtype=np.int64))
        for layer in range(int(self.shape["layers"])):
            name = f"encoder.layers.{layer}"
            keys, values = self._keys(f"{name}.self_attn", x)
            x = self._norm(
                f"{name}.self_attn_layer_norm", x + self._attend(f"{name}.self_attn", x, keys, values, hidden)
            )
            x = self._forward(name, x)
        cross = [self._keys(f"decoder.layers.{layer}.encoder_attn", x) for layer in range(int(self.shape["layers"]))]
        return Cache(cross, hidden, np.arange(len(kept), dtype=np.int64), np.zeros(len(kept), dtype=np.int64))

    def step(self, tokens: Ints, cache: Cache) -> Floats:
        """Feed one token per row and return the log-probabilities of the next one, float32 ``[r, v]``."""
        x = self._embed("decoder", tokens[:, None], cache.length)
        own: list[tuple[Floats, Floats]] = []
        (cross, hidden), unwritten = cache.seen(), cache.unwritten()
        for layer in range(int(self.shape["layers"])):
            name = f"decoder.layers.{layer}"
            keys, values = self._keys(f"{name}.self_attn", x)
            if cache.own:
                keys = np.concatenate([cache.own[layer][0], keys], axis=2)
                values = np.concatenate([cache.own[layer][1], values], axis=2)
            own.append((keys, values))
            told = self._attend(f"{name}.self_attn", x, keys, values, unwritten)
            x = self._norm(f"{name}.self_attn_layer_norm", x + told)
            seen = self._attend(f"{name}.encoder_attn", x, *cross[layer], hidden)
            x = self._norm(f"{name}.encoder_attn_layer_norm", x + seen)
            x = self._forward(name, x)
        cache.own, cache.length = own, cache.length + 1
        raw = x[:, 0] @ self._w["shared"].T + self._w["final_logits_bias"]
        raw -= raw.max(axis=1, keepdims=True)
        return np.asarray(raw - np.log(np.exp(raw).sum(axis=1, keepdims=True)), dtype=np.float32)

    def join(self, left: Cache, right: Cache) -> Cache:
        """The rows of two caches in one, those of ``left`` first; both are used up."""
        return joined(left, right)

    def save(self, folder: Path) -> list[str]:
        """Write the weights (no pickle) and the pieces; return the files' names."""
        np.savez_compressed(folder / FILES[0], **self._w)  # type: ignore[arg-type]
        record = {"shape": self.shape, "pieces": self.pieces.to_json()}
        (folder / FILES[1]).write_text(json.dumps(record, ensure_ascii=False, sort_keys=True) + "\n", encoding="utf-8")
        return list(FILES)

    def _embed(self, side: str, tokens: Ints, start: Ints) -> Floats:
        places = OFFSET + start[:, None] + np.arange(tokens.shape[1])[None]
        table = self._w[f"{side}.embed_positions"]
        return self._norm(f"{side}.layernorm_embedding", self._w["shared"][tokens] + table[places])

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


def load(folder: Path) -> Network | GraphNetwork:
    """A saved network: this one, or one as ONNX graphs.

    Raises:
        BundleError: a file is missing or not what ``save`` wrote.
    """
    try:
        record = json.loads((folder / FILES[1]).read_text(encoding="utf-8"))
        if "graphs" in record:
            return graphs.read(folder, record)
        with np.load(folder / FILES[0], allow_pickle=False) as held:
            weights = {name: held[name] for name in held.files}
        return Network(weights, Pieces(**record["pieces"]), record["shape"])
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise BundleError(
            f"the encoder-decoder cannot be read: {error}", where={"file": FILES[1]}, next_step="pack the model again"
        ) from error
