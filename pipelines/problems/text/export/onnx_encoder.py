"""A trained BERT encoder with its head as one ONNX graph, put together node by node.

Devlin, Chang, Lee, Toutanova (2019): embeddings, then layers of self-attention and a feed-forward net, each followed by
a sum with its input and a layer norm; here with the mean over a text's tokens, scaled to length 1, before the head.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.errors import BundleError
from pipelines.files import read_json
from pipelines.problems.common.onnx_graph import Graph

Weights = Mapping[str, NDArray[Any]]
ACTIVATIONS = ("gelu", "relu")


def build(folder: Path, files: Sequence[str]) -> bytes:
    """The graph of one encoder as its train stage saved it.

    Inputs ``tokens`` and ``mask``, int64 ``[n, l]``; outputs ``score``, probabilities float32 ``[n, k]``, and
    ``embedding``, float32 ``[n, width]``.

    Raises:
        BundleError: an encoder of another kind than BERT.
    """
    from safetensors.numpy import load_file

    head = read_json(folder / files[0])
    config = head["config"]
    if config["model_type"] != "bert" or config["hidden_act"] not in ACTIVATIONS:
        raise BundleError(
            f"an encoder of the kind {config['model_type']!r} ({config['hidden_act']}) cannot be exported",
            where={"folder": folder.name},
            next_step="choose a BERT (e.g. MiniLM), or set the candidate's use to never",
        )
    weights = load_file(folder / files[2])
    graph = Graph()
    tokens, mask = graph.input("tokens", np.int64, "l"), graph.input("mask", np.int64, "l")
    hidden = _embeddings(graph, weights, config, tokens)
    wide = graph.add("Cast", [mask], to=np.float32)
    bias = graph.add("Mul", [graph.add("Sub", [_number(graph, 1.0), wide]), _number(graph, -1e9)])
    bias = graph.add("Unsqueeze", [bias, _axes(graph, 1, 2)])
    for place in range(int(config["num_hidden_layers"])):
        hidden = _layer(graph, weights, config, f"encoder.encoder.layer.{place}.", hidden, bias)
    weight = graph.add("Unsqueeze", [wide, _axes(graph, 2)])
    total = graph.add("ReduceSum", [graph.add("Mul", [hidden, weight]), _axes(graph, 1)], keepdims=0)
    count = graph.add("Max", [graph.add("ReduceSum", [weight, _axes(graph, 1)], keepdims=0), _number(graph, 1.0)])
    mean = graph.add("Div", [total, count])
    length = graph.add("ReduceL2", [mean, _axes(graph, 1)], keepdims=1)
    embedding = graph.add("Div", [mean, graph.add("Max", [length, _number(graph, 1e-12)])])
    scores = _linear(graph, weights, "head.", embedding)
    several = bool(head.get("several", False))
    probability = graph.add("Sigmoid", [scores]) if several else graph.add("Softmax", [scores], axis=-1)
    width = int(config["hidden_size"])
    return graph.output(probability, np.float32, int(head["classes"]), [(embedding, "embedding", width)])


def _embeddings(graph: Graph, weights: Weights, config: Mapping[str, Any], tokens: str) -> str:
    part = "encoder.embeddings."
    word = graph.add("Gather", [graph.constant(weights[f"{part}word_embeddings.weight"]), tokens])
    length = graph.add("Shape", [tokens], start=1, end=2)
    places = graph.constant(weights[f"{part}position_embeddings.weight"])
    zero = graph.constant(np.array([0], dtype=np.int64))
    position = graph.add("Slice", [places, zero, length, zero])
    kind = graph.constant(weights[f"{part}token_type_embeddings.weight"][:1])
    total = graph.add("Add", [graph.add("Add", [word, position]), kind])
    return _norm(graph, weights, config, f"{part}LayerNorm.", total)


def _layer(graph: Graph, weights: Weights, config: Mapping[str, Any], part: str, hidden: str, bias: str) -> str:
    heads, width = int(config["num_attention_heads"]), int(config["hidden_size"])
    shape = graph.constant(np.array([0, 0, heads, width // heads], dtype=np.int64))

    def split(name: str, perm: list[int]) -> str:
        line = _linear(graph, weights, f"{part}attention.self.{name}.", hidden)
        return graph.add("Transpose", [graph.add("Reshape", [line, shape])], perm=perm)

    query, key, value = split("query", [0, 2, 1, 3]), split("key", [0, 2, 3, 1]), split("value", [0, 2, 1, 3])
    scaled = graph.add("Mul", [graph.add("MatMul", [query, key]), _number(graph, float((width // heads) ** -0.5))])
    share = graph.add("Softmax", [graph.add("Add", [scaled, bias])], axis=-1)
    context = graph.add("Transpose", [graph.add("MatMul", [share, value])], perm=[0, 2, 1, 3])
    flat = graph.add("Reshape", [context, graph.constant(np.array([0, 0, width], dtype=np.int64))])
    attended = _linear(graph, weights, f"{part}attention.output.dense.", flat)
    hidden = _norm(graph, weights, config, f"{part}attention.output.LayerNorm.", graph.add("Add", [attended, hidden]))
    inner = _activation(graph, config, _linear(graph, weights, f"{part}intermediate.dense.", hidden))
    outer = _linear(graph, weights, f"{part}output.dense.", inner)
    return _norm(graph, weights, config, f"{part}output.LayerNorm.", graph.add("Add", [outer, hidden]))


def _linear(graph: Graph, weights: Weights, part: str, hidden: str) -> str:
    product = graph.add("MatMul", [hidden, graph.constant(np.ascontiguousarray(weights[f"{part}weight"].T))])
    return graph.add("Add", [product, graph.constant(weights[f"{part}bias"])])


def _norm(graph: Graph, weights: Weights, config: Mapping[str, Any], part: str, hidden: str) -> str:
    scale, shift = graph.constant(weights[f"{part}weight"]), graph.constant(weights[f"{part}bias"])
    return graph.add("LayerNormalization", [hidden, scale, shift], axis=-1, epsilon=float(config["layer_norm_eps"]))


def _activation(graph: Graph, config: Mapping[str, Any], hidden: str) -> str:
    if config["hidden_act"] == "relu":
        return graph.add("Relu", [hidden])
    # x (1 + erf(x / sqrt 2)) / 2: ONNX Runtime joins these into one kernel.
    error = graph.add("Erf", [graph.add("Div", [hidden, _number(graph, float(np.sqrt(2.0)))])])
    return graph.add(
        "Mul", [graph.add("Mul", [hidden, graph.add("Add", [error, _number(graph, 1.0)])]), _number(graph, 0.5)]
    )


def _number(graph: Graph, value: float) -> str:
    return graph.constant(np.array(value, dtype=np.float32))


def _axes(graph: Graph, *axes: int) -> str:
    return graph.constant(np.array(axes, dtype=np.int64))
