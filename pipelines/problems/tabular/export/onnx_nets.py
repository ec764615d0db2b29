"""A trained TabM network as one ONNX graph, node by node: the scaling and the encoding are inside it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pipelines.models import tabm
from pipelines.models.base import Task
from pipelines.models.tabm.history import History
from pipelines.models.tabm.net import MemberLayer, TabM
from pipelines.problems.common.onnx_graph import Graph


def build(folder: Path, files: Sequence[str], task: Task) -> bytes:
    """The graph of one network.

    Inputs ``numeric`` float32 ``[n, p]`` (NaN where missing) and ``categorical`` int64 ``[n, q]``, each only where the
    network has such columns; output ``score`` float32 ``[n]``, several classes ``[n, k]``.
    """
    model = tabm.load(folder, files)
    net, graph = model.net, Graph()
    hidden = _embed(graph, net)
    if net.history is not None:
        hidden = graph.add("Concat", [hidden, _history(graph, hidden, net.history)], axis=1)
    for layer in net.layers:
        assert isinstance(layer, MemberLayer)
        hidden = graph.add("Relu", [_layer(graph, hidden, layer)])
    raw = _head(graph, hidden, net)
    if task == "multiclass":
        probability = graph.add("Softmax", [raw], axis=-1)
        return graph.output(_mean(graph, probability), np.float32, net.shape.outputs)
    flat = graph.add("Squeeze", [raw, graph.constant(np.array([2], dtype=np.int64))])
    if task == "binary":
        return graph.output(_mean(graph, graph.add("Sigmoid", [flat])), np.float32, None)
    scaled = graph.add("Mul", [_mean(graph, flat), graph.constant(np.array(model.scale, dtype=np.float32))])
    return graph.output(
        graph.add("Add", [scaled, graph.constant(np.array(model.centre, dtype=np.float32))]), np.float32, None
    )


def _embed(graph: Graph, net: TabM) -> str:
    parts: list[str] = []
    if net.numbers is not None:
        numbers, p = net.numbers, net.shape.numeric
        numeric = graph.input("numeric", np.float32, p)
        missing = graph.add("IsNaN", [numeric])
        value = graph.add("Where", [missing, graph.constant(np.zeros((), dtype=np.float32)), numeric])
        wide = graph.add("Unsqueeze", [value, graph.constant(np.array([2], dtype=np.int64))])
        encoded = wide
        for operator, name in (("Sub", "start"), ("Mul", "slope"), ("Max", "low"), ("Min", "high")):
            encoded = graph.add(operator, [encoded, _weight(graph, getattr(numbers, name))])
        known = graph.add("Cast", [graph.add("Not", [missing])], to=np.float32)
        known = graph.add("Unsqueeze", [known, graph.constant(np.array([2], dtype=np.int64))])
        encoded = graph.add("Mul", [encoded, known])
        by_column = graph.add("Transpose", [encoded], perm=[1, 0, 2])
        product = graph.add("MatMul", [by_column, _weight(graph, numbers.weight)])
        shifted = graph.add("Add", [graph.add("Transpose", [product], perm=[1, 0, 2]), _weight(graph, numbers.bias)])
        parts.append(graph.add("Flatten", [graph.add("Relu", [shifted])], axis=1))
        parts.append(graph.add("Cast", [missing], to=np.float32))
    if net.codes:
        codes = graph.input("categorical", np.int64, len(net.codes))
        for place, table in enumerate(net.codes):
            column = graph.add("Gather", [codes, graph.constant(np.array(place, dtype=np.int64))], axis=1)
            parts.append(graph.add("Gather", [_weight(graph, table.weight), column], axis=0))
    return graph.add("Concat", parts, axis=1)


def _history(graph: Graph, embedded: str, history: History) -> str:
    """The convolutions over steps: ``[n, a] -> [n, channels * steps]``."""
    shape = graph.constant(np.array([-1, history.steps, history.inputs], dtype=np.int64))
    places = graph.constant(history.index.numpy().astype(np.int64))
    found = graph.add("Reshape", [graph.add("Gather", [embedded, places], axis=1), shape])
    found = graph.add("Transpose", [found], perm=[0, 2, 1])
    for layer in (history.first, history.second):
        assert layer.bias is not None
        pads = [layer.kernel_size[0] // 2] * 2
        found = graph.add("Conv", [found, _weight(graph, layer.weight), _weight(graph, layer.bias)], pads=pads)
        found = graph.add("Relu", [found])
    return graph.add("Flatten", [found], axis=1)


def _layer(graph: Graph, hidden: str, layer: MemberLayer) -> str:
    if layer.in_scale is not None:
        hidden = graph.add("Mul", [hidden, _weight(graph, layer.in_scale)])
        product = graph.add("MatMul", [hidden, _weight(graph, layer.weight)])
    else:
        product = graph.add("MatMul", [hidden, _weight(graph, layer.weight)])
        product = graph.add("Unsqueeze", [product, graph.constant(np.array([1], dtype=np.int64))])
    scaled = graph.add("Mul", [product, _weight(graph, layer.out_scale)])
    return graph.add("Add", [scaled, _weight(graph, layer.bias)])


def _head(graph: Graph, hidden: str, net: TabM) -> str:
    """``[n, k, w] x [k, w, o] -> [n, k, o]``: the members' heads side by side."""
    by_member = graph.add("Transpose", [hidden], perm=[1, 0, 2])
    product = graph.add("MatMul", [by_member, _weight(graph, net.head)])
    return graph.add("Add", [graph.add("Transpose", [product], perm=[1, 0, 2]), _weight(graph, net.head_bias)])


def _mean(graph: Graph, value: str) -> str:
    return graph.add("ReduceMean", [value, graph.constant(np.array([1], dtype=np.int64))], keepdims=0)


def _weight(graph: Graph, value: object) -> str:
    return graph.constant(np.asarray(value.detach().numpy(), dtype=np.float32))  # type: ignore[attr-defined]
