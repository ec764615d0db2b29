"""One exported text model in memory: linear weights, or an ONNX graph with its tokenizer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from pipelines.errors import BundleError
from pipelines.models.encoder.tokens import TextTokenizer, padded, reading_batches
from pipelines.models.linear_text import LinearText, load
from pipelines.problems.common.opening import onnx_session

FloatArray = NDArray[np.float64]
BATCH_TOKENS = 4096


class Scorer(Protocol):
    """Answers as the model that was trained."""

    def score(self, texts: Sequence[str]) -> FloatArray:
        """Probabilities ``[n, k]`` of cleaned texts."""
        ...


class LinearScorer:
    """The mean of linear models (one per seed)."""

    def __init__(self, models: Sequence[LinearText]) -> None:
        self.models = list(models)

    def score(self, texts: Sequence[str]) -> FloatArray:
        """See :meth:`Scorer.score`."""
        return np.asarray(np.mean([model.predict(texts) for model in self.models], axis=0), dtype=np.float64)

    def contributions(self, text: str, label: int) -> list[tuple[str, float]]:
        """Each word's part in the log-score of a class, of the first model."""
        return self.models[0].contributions(text, label)


class OnnxScorer:
    """The mean of encoders (one per seed): ``tokens`` and ``mask`` int64 ``[n, l]`` in, ``score`` ``[n, k]`` and
    ``embedding`` ``[n, width]`` out. Texts of one length are read together, so that no padding has a say."""

    def __init__(self, graphs: Sequence[Path], tokenizers: Sequence[TextTokenizer]) -> None:
        self._members: list[tuple[Any, TextTokenizer]] = []
        for path, tokenizer in zip(graphs, tokenizers, strict=True):
            self._members.append((onnx_session(path), tokenizer))

    def score(self, texts: Sequence[str]) -> FloatArray:
        """See :meth:`Scorer.score`."""
        found = [self._run(place, texts, "score") for place in range(len(self._members))]
        return np.asarray(np.mean(found, axis=0), dtype=np.float64)

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embeddings of length 1, float32 ``[n, width]``, of the first encoder."""
        return self._run(0, texts, "embedding").astype(np.float32)

    def _run(self, place: int, texts: Sequence[str], output: str) -> FloatArray:
        session, tokenizer = self._members[place]
        ids = tokenizer.ids(texts)
        lengths = np.array([len(one) for one in ids], dtype=np.int64)
        answer: FloatArray = np.zeros((len(texts), session.get_outputs()[0 if output == "score" else 1].shape[1]))
        for rows in reading_batches(lengths, BATCH_TOKENS):
            tokens, mask = padded([ids[row] for row in rows])
            answer[rows] = session.run([output], {"tokens": tokens, "mask": mask})[0]
        return answer


def load_scorer(folder: Path, member: Mapping[str, Any]) -> Scorer:
    """The scorer of one entry of ``export.json``'s ``members``.

    Raises:
        BundleError: a file is missing or unreadable, or the format is unknown.
    """
    names = list(member["files"])
    missing = [name for name in names if not (folder / name).is_file()]
    if missing or not names:
        raise BundleError(
            f"model file {missing[0]} is missing" if missing else "no model file is listed",
            where={"model": member["model"]},
            next_step="export and pack the model again",
        )
    if member["format"] == "linear_text":
        pairs = zip(names[::2], names[1::2], strict=True)
        return LinearScorer([load((folder / head).parent, [Path(head).name, Path(body).name]) for head, body in pairs])
    if member["format"] == "onnx":
        graphs, tokenizers = names[::2], names[1::2]
        return OnnxScorer(
            [folder / name for name in graphs],
            [TextTokenizer.read(folder / name, int(member["tokens"])) for name in tokenizers],
        )
    raise BundleError(
        f"unknown model format {member['format']!r}",
        where={"model": member["model"]},
        next_step="serve it with the code that exported it",
    )
