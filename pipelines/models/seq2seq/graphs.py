"""A fine-tuned encoder-decoder as two ONNX graphs with a key-value cache, for any model that transformers has.

``reading``: tokens and mask of the sources, int64 ``[b, s]``, to the decoder's keys and values of them, ``2 l`` arrays
``[b, h, s, d/h]``. ``step``: one token per row, int64 ``[r, 1]``, mask ``[r, s]``, own keys and values ``[r, h, t,
d/h]`` and those of the sources, to log-probabilities ``[r, v]`` and the own ones with the token's.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.errors import BundleError
from pipelines.models.seq2seq.subwords import Subwords

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]
READING, STEP, RECORD = FILES = ("seq2seq-reading.onnx", "seq2seq-step.onnx", "seq2seq.json")
FORM = ("start", "end", "pad", "longest", "room", "threads")


@dataclass
class Cache:
    """What the step graph is fed besides the tokens.

    Attributes:
        cross: of the sources ``[b, h, s, d/h]``, keys and values of each layer in turn.
        mask: 1 where a source has a token ``[b, s]``.
        source: the source of each row ``[r]``.
        own: of the tokens so far ``[r, h, t, d/h]``, likewise.
    """

    cross: list[Floats]
    mask: Ints
    source: Ints
    own: list[Floats]
    _seen: tuple[Ints, list[Floats], Ints] | None = field(default=None, repr=False)

    def keep(self, rows: Ints) -> None:
        """Go on with these rows, in this order."""
        self.source = self.source[rows]
        self.own = [part[rows] for part in self.own]

    def seen(self) -> tuple[list[Floats], Ints]:
        """``cross`` and ``mask`` of each row, made once as long as the rows' sources stay the same."""
        if self._seen is None or not np.array_equal(self._seen[0], self.source):
            self._seen = (self.source, [part[self.source] for part in self.cross], self.mask[self.source])
        return self._seen[1], self._seen[2]


class GraphNetwork:
    """See ``Decoder`` in ``decoding.py``.

    Args:
        reading: serialized graph.
        step: serialized graph.
        pieces: the model's own.
        form: ``FORM``: numbers of special tokens, tokens read, tokens written at most, threads.
    """

    def __init__(self, reading: bytes, step: bytes, pieces: Subwords, form: Mapping[str, int]) -> None:
        self.pieces, self.form = pieces, dict(form)
        self.start, self.end, self.pad = int(form["start"]), int(form["end"]), int(form["pad"])
        self.unsaid = sorted({*pieces.special, self.start, self.pad} - {self.end})
        self._content = {READING: reading, STEP: step}
        self._reading, self._step = (_session(content, int(form["threads"])) for content in (reading, step))
        self._names = [given.name for given in self._step.get_inputs()]
        shape = self._step.get_inputs()[2].shape
        self._empty = (int(shape[1]), 0, int(shape[3]))

    @property
    def room(self) -> int:
        """Longest text, in tokens."""
        return int(self.form["room"])

    def encode(self, sources: Sequence[Sequence[int]]) -> Cache:
        """Run the encoder over padded sources (their last tokens, in the tokenizer's own frame)."""
        before, behind = self.pieces.before, self.pieces.behind
        kept = [[*before, *list(source)[-int(self.form["longest"]) :], *behind] or [self.pad] for source in sources]
        width = max(map(len, kept))
        tokens = np.array([source + [self.pad] * (width - len(source)) for source in kept], dtype=np.int64)
        mask = np.array([[1] * len(source) + [0] * (width - len(source)) for source in kept], dtype=np.int64)
        names = [given.name for given in self._reading.get_inputs()]
        cross = self._reading.run(None, dict(zip(names, (tokens, mask), strict=True)))
        own = [np.zeros((len(kept), *self._empty), dtype=np.float32) for _ in cross]
        return Cache(cross, mask, np.arange(len(kept), dtype=np.int64), own)

    def step(self, tokens: Ints, cache: Cache) -> Floats:
        """Feed one token per row and return the log-probabilities of the next one, float32 ``[r, v]``."""
        cross, mask = cache.seen()
        given = (tokens[:, None], mask, *cache.own, *cross)
        chances, *cache.own = self._step.run(None, dict(zip(self._names, given, strict=True)))
        return np.asarray(chances, dtype=np.float32)

    def save(self, folder: Path) -> list[str]:
        """Write both graphs and the pieces; return the files' names."""
        for name, content in self._content.items():
            (folder / name).write_bytes(content)
        record = {"graphs": self.form, "pieces": self.pieces.to_json()}
        (folder / RECORD).write_text(json.dumps(record, ensure_ascii=False, sort_keys=True) + "\n", encoding="utf-8")
        return list(FILES)


def read(folder: Path, record: Mapping[str, Any]) -> GraphNetwork:
    """A saved network whose ``seq2seq.json`` is ``record``; errors are the caller's."""
    pieces = Subwords(json.dumps(record["pieces"], ensure_ascii=False))
    return GraphNetwork((folder / READING).read_bytes(), (folder / STEP).read_bytes(), pieces, record["graphs"])


def _session(content: bytes, threads: int) -> Any:
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    try:
        return ort.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's errors share no public base
        raise BundleError(
            f"not a graph that this runtime reads: {' '.join(str(error).split())[:200]}",
            where={"file": READING}, next_step="train the model again with the pinned versions",
        ) from error  # fmt: skip
