"""Fits the next-action head with torch: Adam, a learning rate that falls to zero, label smoothing, dropout."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.models.hyper import resolve
from pipelines.models.retrieval.head import Head, normalised
from pipelines.models.retrieval.vocabulary import Bags, Rows, learn

DEFAULTS: dict[str, Any] = {
    "dimensions": 96,
    "epochs": 4,
    "batch": 256,
    "learning_rate": 0.006,
    "dropout": 0.3,
    "smoothing": 0.05,
    "fewest": 3,
    "most": 40_000,
    "neighbours": 24,
}
SHARES = ("dropout", "smoothing")


def settings(params: Mapping[str, Any]) -> dict[str, Any]:
    """The family's hyper-parameters with ``params`` over them.

    Raises:
        ConfigError: a name that the family does not have, or a value out of range.
    """
    return resolve("retrieval", DEFAULTS, params, shares=SHARES)


def fit(
    bags: Bags, y: NDArray[np.int64], classes: int, options: Mapping[str, Any], seed: int, threads: int,
    progress: Callable[[str, int, int], None] | None = None,
) -> Head:  # fmt: skip
    """Fit on situations ``[n]`` with actions ``y`` ``[n]``; all of them can be found later."""
    vocabulary = learn(bags, options["fewest"], options["most"])
    rows = vocabulary.rows(bags)
    embedding, weight, bias = _train(rows, y, classes, len(vocabulary.tokens), options, seed, threads, progress)
    head = Head(vocabulary, embedding, weight, bias, np.zeros((0, embedding.shape[1]), dtype=np.float16))
    past = normalised(head.hidden(rows)).astype(np.float16)
    return Head(vocabulary, embedding, weight, bias, past)


def _train(
    rows: Rows, y: NDArray[np.int64], classes: int, width: int, options: Mapping[str, Any], seed: int, threads: int,
    progress: Callable[[str, int, int], None] | None,
) -> tuple[Any, Any, Any]:  # fmt: skip
    import torch
    from torch.nn import functional

    torch.set_num_threads(threads)
    generator = torch.Generator().manual_seed(seed)
    size = int(options["dimensions"])
    table = torch.nn.Parameter(0.05 * torch.randn(width, size, generator=generator))
    weight = torch.nn.Parameter(torch.randn(size, classes, generator=generator) / size**0.5)
    bias = torch.nn.Parameter(torch.zeros(classes))
    optimiser = torch.optim.Adam([table, weight, bias], lr=float(options["learning_rate"]))
    rng = np.random.Generator(np.random.PCG64(seed))
    batch, epochs, dropout = int(options["batch"]), int(options["epochs"]), float(options["dropout"])
    steps, done = epochs * -(-len(rows) // batch), 0
    for _ in range(epochs):
        order = rng.permutation(len(rows))
        for start in range(0, len(rows), batch):
            chosen = order[start : start + batch]
            part = rows.take(chosen)
            hidden = functional.embedding_bag(
                torch.from_numpy(part.columns), table, torch.from_numpy(part.starts[:-1]), mode="sum",
                per_sample_weights=torch.from_numpy(part.values),
            )  # fmt: skip
            kept = torch.from_numpy((rng.random(hidden.shape) >= dropout).astype(np.float32)) / (1.0 - dropout)
            raw = (torch.relu(hidden) * kept) @ weight + bias
            loss = functional.cross_entropy(raw, torch.from_numpy(y[chosen]), label_smoothing=options["smoothing"])
            for group in optimiser.param_groups:
                group["lr"] = float(options["learning_rate"]) * (1.0 - done / steps)
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            done += 1
            if progress is not None:
                progress("batches", done, steps)
    parts = (table, weight, bias)
    numbers = [part.detach().numpy().astype(np.float32) for part in parts]
    numbers[0] = numbers[0].astype(np.float16).astype(np.float32)  # as it is kept
    return numbers[0], numbers[1], numbers[2]
