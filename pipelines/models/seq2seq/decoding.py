"""Greedy search, beam search, sampling with a temperature and a nucleus (Holtzman et al., ICLR 2020), batched."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pipelines.models.seq2seq.pieces import END, PAD, START, UNKNOWN
from pipelines.models.seq2seq.runtime import Network

Method = Literal["greedy", "beam", "sample"]
NEVER = np.float32(-1e9)


@dataclass(frozen=True)
class Decoding:
    """How to write.

    Attributes:
        method: greedy, beam or sample.
        beams: hypotheses kept per source; for sample, texts drawn per source.
        longest: tokens of a text.
        temperature: sample: the log-probabilities are divided by it; 1 as learned, lower is surer.
        top_p: sample: the most likely tokens that together have this probability are drawn from.
        seed: sample: of the draws.
    """

    method: Method = "greedy"
    beams: int = 1
    longest: int = 48
    temperature: float = 1.0
    top_p: float = 1.0
    seed: int = 0

    @property
    def width(self) -> int:
        """Rows per source."""
        return 1 if self.method == "greedy" else self.beams


Written = list[tuple[list[int], float]]
"""Texts of one source as ``(tokens without start and end, mean log-probability per token)``, best first."""


def write(
    network: Network, sources: Sequence[Sequence[int]], how: Decoding, on_token: Callable[[int], None] | None = None
) -> list[Written]:
    """Write texts for every source.

    ``on_token`` is called with each token of the first row as it comes; what it raises ends the work.
    """
    if not sources:
        return []
    width = how.width
    cache = network.encode(sources)
    cache.keep(np.repeat(cache.source, width))
    rows = len(cache.source)
    tokens = np.full(rows, START, dtype=np.int64)
    score = np.zeros(rows, dtype=np.float64)
    if how.method == "beam":
        score[np.arange(rows) % width != 0] = float(NEVER)
    texts: list[list[int]] = [[] for _ in range(rows)]
    done = np.zeros(rows, dtype=bool)
    rng = np.random.Generator(np.random.PCG64(how.seed))
    for _ in range(min(how.longest, network.room)):
        chances = network.step(tokens, cache)
        chances[:, [PAD, START, UNKNOWN]] = NEVER
        chances[done] = NEVER
        chances[done, PAD] = 0.0
        if how.method == "beam":
            parents, tokens, score = _grow(chances, score, texts, width)
            cache.keep(parents)
            texts, done = [list(texts[parent]) for parent in parents.tolist()], done[parents]
        else:
            tokens = _draw(chances, how, rng) if how.method == "sample" else np.argmax(chances, axis=1)
            score += chances[np.arange(rows), tokens]
        for row, token in enumerate(tokens.tolist()):
            if not done[row]:
                texts[row].append(token)
        done = done | (tokens == END)
        if on_token is not None and tokens[0] not in (PAD, END):
            on_token(int(tokens[0]))
        if done.all():
            break
    return [_best(texts[start : start + width], score[start : start + width]) for start in range(0, rows, width)]


def _grow(
    chances: NDArray[np.float32], score: NDArray[np.float64], texts: Sequence[Sequence[int]], width: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """The ``width`` best continuations of each source: rows that they grow from, tokens, sums of log-probabilities."""
    size = chances.shape[1]
    total = score[:, None] + chances
    length = np.array([len(text) + 1 for text in texts], dtype=np.float64)[:, None]
    ranked = np.where(total < NEVER / 2, total, total / length).reshape(-1, width * size)
    top = np.argsort(-ranked, axis=1, kind="stable")[:, :width] if size < 64 else _top(ranked, width)
    parents = (top // size + np.arange(len(ranked))[:, None] * width).ravel()
    tokens = (top % size).ravel()
    return parents.astype(np.int64), tokens.astype(np.int64), total[parents, tokens]


def _top(ranked: NDArray[np.float64], width: int) -> NDArray[np.int64]:
    near = np.sort(np.argpartition(-ranked, width - 1, axis=1)[:, :width], axis=1)
    order = np.argsort(-np.take_along_axis(ranked, near, axis=1), axis=1, kind="stable")
    return np.asarray(np.take_along_axis(near, order, axis=1))


def _draw(chances: NDArray[np.float32], how: Decoding, rng: np.random.Generator) -> NDArray[np.int64]:
    scaled = chances.astype(np.float64) / max(how.temperature, 1e-6)
    p = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    order = np.argsort(-p, axis=1, kind="stable")
    ranked = np.take_along_axis(p, order, axis=1)
    before = np.cumsum(ranked, axis=1) - ranked
    ranked = np.where(before < how.top_p, ranked, 0.0)
    ranked /= ranked.sum(axis=1, keepdims=True)
    place = (np.cumsum(ranked, axis=1) < rng.random((len(p), 1))).sum(axis=1).clip(max=p.shape[1] - 1)
    return np.asarray(order[np.arange(len(p)), place])


def _best(texts: Sequence[Sequence[int]], score: NDArray[np.float64]) -> Written:
    found: dict[tuple[int, ...], float] = {}
    for text, total in zip(texts, score.tolist(), strict=True):
        if total > float(NEVER) / 2:
            key = tuple(token for token in text if token != END)
            found[key] = max(found.get(key, -1e9), total / max(1, len(text)))
    return [(list(key), value) for key, value in sorted(found.items(), key=lambda item: -item[1])]
