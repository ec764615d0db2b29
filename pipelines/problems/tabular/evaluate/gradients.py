"""Integrated gradients of a network, from the usual row to each row."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from pipelines.features.design import Design
from pipelines.files import read_json
from pipelines.models import tabm
from pipelines.models.tabm.model import NetModel, tensors
from pipelines.problems.common.explaining import Explained, FloatArray
from pipelines.problems.common.reasons import reference_design
from pipelines.problems.common.trained import Answers

STEPS = 128  # points of the midpoint rule
CHUNK = 32  # rows per pass


def integrated_gradients(member: Answers, weight: float, design: Design, reference: Mapping[str, Any]) -> Explained:
    """Contributions of the inputs to the raw score: Sundararajan, Taly, Yan (2017), equation 1, midpoint rule.

    The path is straight in the network's first representation (embeddings and missing indicators), where numbers,
    missing values and categories alike have a place between two rows; parts of one column are added up.

    Args:
        member: a trained network (its seeds are averaged).
        weight: its weight in the blend.
        design: rows to explain ``[n]``.
        reference: ``numeric`` and ``categorical`` of the usual row.
    """
    record = read_json(member.folder / "model.json")
    nets = [tabm.load(member.folder, one["files"]) for one in record["members"]]
    base_row = reference_design(reference, design)
    found = [_one(net, design, base_row) for net in nets]
    values, base, raw = (np.mean([part[place] for part in found], axis=0) for place in range(3))
    return Explained(member.model, "integrated_gradients", weight, values, base, raw)


def _one(model: NetModel, design: Design, base_row: Design) -> tuple[FloatArray, FloatArray, FloatArray]:
    import torch

    net = model.net.eval()
    owners = torch.from_numpy(_owners(net.shape.numeric, len(net.shape.cardinalities), net.shape.embedding))
    columns, outputs = net.shape.numeric + len(net.shape.cardinalities), net.shape.outputs
    points = (torch.arange(STEPS, dtype=torch.float32) + 0.5) / STEPS
    with torch.inference_mode():
        start = net.embed(*tensors(base_row, slice(None))).clone()
        base = _raw(net, start).double().numpy()
    values, raws = [], []
    for at in range(0, len(design), CHUNK):
        with torch.inference_mode():
            end = net.embed(*tensors(design, slice(at, at + CHUNK))).clone()
            raws.append(_raw(net, end).double().numpy())
        step = (end - start).clone()
        path = (start + points[:, None, None] * step).reshape(-1, step.shape[1]).clone().requires_grad_(True)
        parts = []
        for output in range(outputs):
            (slope,) = torch.autograd.grad(_raw(net, path)[:, output].sum(), path)
            mean = slope.reshape(STEPS, len(step), -1).double().mean(0) * step.double()
            parts.append(torch.zeros(len(step), columns, dtype=torch.float64).index_add_(1, owners, mean))
        values.append(torch.stack(parts, dim=1).numpy())
    contributions, raw = np.concatenate(values), np.concatenate(raws)
    base = np.broadcast_to(base, raw.shape)
    if outputs == 1:
        contributions, base, raw = contributions[:, 0], base[:, 0], raw[:, 0]
    if model.task == "regression":
        return contributions * model.scale, base * model.scale + model.centre, raw * model.scale + model.centre
    return contributions, np.asarray(base), raw


def _raw(net: Any, embedded: Any) -> Any:
    """Mean over the members of the raw score ``[n, outputs]``, from the first representation."""
    return net.scores(embedded).mean(1)


def _owners(numeric: int, categorical: int, embedding: int) -> Any:
    """Which column each unit of the first representation belongs to, int64 ``[a]``."""
    return np.concatenate(
        [
            np.repeat(np.arange(numeric), embedding),
            np.arange(numeric),
            np.repeat(np.arange(numeric, numeric + categorical), embedding),
        ]
    ).astype(np.int64)
