"""Greedy search, beam search, sampling with a temperature and a nucleus (Holtzman et al., ICLR 2020), batched."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

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


class Held(Protocol):
    """What a network keeps of sources and rows."""

    def keep(self, rows: NDArray[np.int64]) -> None:
        """Go on with these rows, in this order."""
        ...


class Decoder(Protocol):
    """A network that can be asked for the next token.

    Attributes:
        start: the token that every text begins with.
        end: the one that ends it.
        pad: the one behind the end.
        unsaid: tokens that are never written.
        room: longest text, in tokens.
    """

    @property
    def start(self) -> int: ...

    @property
    def end(self) -> int: ...

    @property
    def pad(self) -> int: ...

    @property
    def unsaid(self) -> Sequence[int]: ...

    @property
    def room(self) -> int: ...

    def encode(self, sources: Sequence[Sequence[int]]) -> Any:
        """What is :class:`Held` of sources, a row each."""
        ...

    def step(self, tokens: NDArray[np.int64], cache: Any) -> NDArray[np.float32]:
        """Feed one token per row: log-probabilities of the next one ``[r, v]``."""
        ...


class Growing:
    """Texts of ``n`` sources while they are written, ``how.width`` rows per source.

    Attributes:
        rows: of all sources, ``r``.
        texts: tokens of each row ``[r]``, the end included.
        score: sums of their log-probabilities ``[r]``.
        tokens: the latest of each row ``[r]``: what the network is fed next.
    """

    def __init__(self, network: Decoder, n: int, how: Decoding, forbidden: NDArray[np.bool_] | None = None) -> None:
        self._network, self._how, self.rows = network, how, n * how.width
        self._never = None if forbidden is None else np.repeat(forbidden, how.width, axis=0)
        self._left = min(how.longest, network.room)
        self._rng = np.random.Generator(np.random.PCG64(how.seed))
        self._done = np.zeros(self.rows, dtype=bool)
        self.texts: list[list[int]] = [[] for _ in range(self.rows)]
        self.tokens = np.full(self.rows, network.start, dtype=np.int64)
        self.score = np.zeros(self.rows, dtype=np.float64)
        if how.method == "beam":
            self.score[np.arange(self.rows) % how.width != 0] = float(NEVER)

    @property
    def ended(self) -> bool:
        """Whether every text is whole."""
        return self._left == 0 or bool(self._done.all())

    def take(self, chances: NDArray[np.float32]) -> NDArray[np.int64] | None:
        """Go on by a token, with the network's log-probabilities ``[r, v]``, which are changed. For a beam: the row
        that each row goes on from."""
        network, how, parents = self._network, self._how, None
        chances[:, list(network.unsaid)] = NEVER
        if self._never is not None:
            chances[self._never] = NEVER
        chances[self._done] = NEVER
        chances[self._done, network.pad] = 0.0
        if how.method == "beam":
            lengths = np.array([len(text) for text in self.texts], dtype=np.int64) + ~self._done
            parents, self.tokens, self.score = _grow(chances, self.score, lengths, how.width)
            self.texts = [list(self.texts[parent]) for parent in parents.tolist()]
            self._done = self._done[parents]
        else:
            drawn = _draw(chances, how, self._rng) if how.method == "sample" else np.argmax(chances, axis=1)
            self.tokens = drawn.astype(np.int64)
            self.score = self.score + chances[np.arange(self.rows), self.tokens]
        for row, token in enumerate(self.tokens.tolist()):
            if not self._done[row]:
                self.texts[row].append(token)
        self._done = self._done | (self.tokens == network.end)
        self._left -= 1
        return parents

    def written(self) -> list[Written]:
        """The texts of each source, best first."""
        width, end = self._how.width, self._network.end
        return [
            _best(self.texts[at : at + width], self.score[at : at + width], end) for at in range(0, self.rows, width)
        ]

    def sure(self) -> list[int]:
        """The first tokens of one source's best text that nothing can change any more."""
        if self.ended:
            best = self.written()[0]
            return best[0][0] if best else []
        alive = [text for text, total in zip(self.texts, self.score.tolist(), strict=True) if total > NEVER / 2]
        return [token for token in _agreed(alive) if token != self._network.end]


def write(
    network: Decoder, sources: Sequence[Sequence[int]], how: Decoding, forbidden: NDArray[np.bool_] | None = None
) -> list[Written]:
    """Write texts for every source; ``forbidden`` bool ``[b, v]``: tokens that may not be written for it."""
    growing = Growing(network, len(sources), how, forbidden)
    for _ in _steps(network, sources, growing):
        pass
    return growing.written()


def stream(
    network: Decoder, source: Sequence[int], how: Decoding, forbidden: NDArray[np.bool_] | None = None
) -> Iterator[int]:
    """The tokens of one text as soon as they are sure, without start and end; closing the generator ends the work.

    Greedy and sampled tokens (of one text) are sure at once; of a beam those on which all hypotheses agree. What comes
    out is the first text of :func:`write`. ``forbidden`` bool ``[v]``.
    """
    growing = Growing(network, 1, single(how), None if forbidden is None else forbidden[None])
    sent = 0
    for _ in _steps(network, [source], growing):
        sure = growing.sure()
        yield from sure[sent:]
        sent = len(sure)


def single(how: Decoding) -> Decoding:
    """The same for one text of a source."""
    return replace(how, beams=1) if how.method == "sample" else how


def _steps(network: Decoder, sources: Sequence[Sequence[int]], growing: Growing) -> Iterator[None]:
    if not sources:
        return
    cache = network.encode(sources)
    cache.keep(np.repeat(np.arange(len(sources), dtype=np.int64), growing.rows // len(sources)))
    while not growing.ended:
        parents = growing.take(network.step(growing.tokens, cache))
        if parents is not None:
            cache.keep(parents)
        yield


def _agreed(texts: Sequence[Sequence[int]]) -> list[int]:
    """The tokens with which all texts begin."""
    found: list[int] = []
    for column in zip(*texts, strict=False):
        if len(set(column)) > 1:
            break
        found.append(column[0])
    return found


def _grow(
    chances: NDArray[np.float32], score: NDArray[np.float64], lengths: NDArray[np.int64], width: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """The ``width`` best continuations of each source by mean log-probability: rows that they grow from, tokens, sums
    of log-probabilities. ``lengths`` int64 ``[r]``: tokens of each row with the next one; an ended row has none."""
    size = chances.shape[1]
    total = score[:, None] + chances
    ranked = np.where(total < NEVER / 2, total, total / lengths[:, None]).reshape(-1, width * size)
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


def _best(texts: Sequence[Sequence[int]], score: NDArray[np.float64], end: int) -> Written:
    found: dict[tuple[int, ...], float] = {}
    for text, total in zip(texts, score.tolist(), strict=True):
        if total > float(NEVER) / 2:
            key = tuple(token for token in text if token != end)
            found[key] = max(found.get(key, -1e9), total / max(1, len(text)))
    return [(list(key), value) for key, value in sorted(found.items(), key=lambda item: -item[1])]
