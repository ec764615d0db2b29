"""Zero-shot answers: the class whose description a sentence encoder finds most alike to the text."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pipelines.blocks.weak import ZeroShotFunction
from pipelines.features.text import clean
from pipelines.problems.common.weak_functions import ZeroShot
from pipelines.step import Step


def comparing(step: Step) -> ZeroShot:
    """A :data:`ZeroShot` with the profile's threads; weights are read when it is first asked."""

    def compare(function: ZeroShotFunction, texts: Sequence[str], told: Sequence[str]) -> NDArray[np.int64]:
        import torch

        from pipelines.models.encoder.model import embeddings
        from pipelines.models.encoder.net import pretrained
        from pipelines.models.encoder.options import find_weights
        from pipelines.models.encoder.tokens import TextTokenizer

        torch.set_num_threads(step.params.profile.threads)
        folder = find_weights(function.weights, step.layout.root)
        net = pretrained(folder, 2, 0.0)
        tokenizer = TextTokenizer.read(folder / "tokenizer.json", function.tokens)
        descriptions = embeddings(net, tokenizer, [clean(one) for one in told])
        rows = embeddings(net, tokenizer, [clean(text) for text in texts], step.progress)
        return most_alike(rows, descriptions, function.least_margin)

    return compare


def most_alike(rows: NDArray[np.float32], descriptions: NDArray[np.float32], least_margin: float) -> NDArray[np.int64]:
    """Index of the description with the highest cosine ``[n]``; -1 where the next one is nearer than the margin.

    Args:
        rows: ``[n, d]``.
        descriptions: ``[k, d]``, k >= 2.
        least_margin: between the two highest cosines.
    """
    cosine = _unit(rows) @ _unit(descriptions).T
    two = np.sort(cosine, axis=1)[:, -2:]
    return np.where(two[:, 1] - two[:, 0] >= least_margin, cosine.argmax(axis=1), -1).astype(np.int64)


def _unit(vectors: NDArray[np.float32]) -> NDArray[np.float64]:
    wide = vectors.astype(np.float64)
    return np.asarray(wide / np.maximum(np.linalg.norm(wide, axis=1, keepdims=True), 1e-12))
