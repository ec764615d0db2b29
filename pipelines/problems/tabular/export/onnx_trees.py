"""LightGBM's text as an ONNX graph that answers to the last digits.

The ``TreeEnsemble`` operator (ai.onnx.ml version 5) keeps thresholds and leaf values as float64 and tests category
sets, so nothing is rounded and no category is unrolled into a chain of nodes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pipelines.errors import BundleError
from pipelines.problems.common.onnx_graph import Graph

CATEGORICAL, DEFAULT_LEFT = 1, 2  # bits of a node's decision_type
MISSING_ZERO, MISSING_NAN = 1, 2  # its bits 2 and 3
BRANCH_LEQ, BRANCH_MEMBER = 0, 6  # nodes_modes


@dataclass
class Trees:
    """Attributes of the operator, one entry per inner node or leaf."""

    features: list[int] = field(default_factory=list)
    splits: list[float] = field(default_factory=list)
    modes: list[int] = field(default_factory=list)
    missing_true: list[int] = field(default_factory=list)
    members: list[float] = field(default_factory=list)
    true_ids: list[int] = field(default_factory=list)
    true_leafs: list[int] = field(default_factory=list)
    false_ids: list[int] = field(default_factory=list)
    false_leafs: list[int] = field(default_factory=list)
    leaf_targets: list[int] = field(default_factory=list)
    leaf_weights: list[float] = field(default_factory=list)
    roots: list[int] = field(default_factory=list)

    def add(self, block: Mapping[str, str], target: int) -> None:
        """Append one ``Tree=`` block of LightGBM's text."""
        first_node, first_leaf = len(self.features), len(self.leaf_weights)
        self.roots.append(first_node)
        leaves = _floats(block["leaf_value"])
        self.leaf_weights += leaves
        self.leaf_targets += [target] * len(leaves)
        if len(leaves) == 1:  # a tree without a split: both ways lead to its leaf
            self._node(0, 0.0, BRANCH_LEQ, 0, (~0, ~0), first_node, first_leaf)
            return
        bounds, sets = _category_sets(block)
        columns = zip(
            _ints(block["split_feature"]),
            _floats(block["threshold"]),
            _ints(block["decision_type"]),
            _ints(block["left_child"]),
            _ints(block["right_child"]),
            strict=True,
        )
        for feature, threshold, decision, left, right in columns:
            missing = (decision >> 2) & 3
            if decision & CATEGORICAL:
                place = int(threshold)
                self.members += [float(code) for code in _members(sets[bounds[place] : bounds[place + 1]])] + [np.nan]
                self._node(feature, 0.0, BRANCH_MEMBER, 0, (left, right), first_node, first_leaf)
                continue
            if missing == MISSING_ZERO:
                raise BundleError("zero as missing has no ONNX form", next_step="train without zero_as_missing")
            default_left = bool(decision & DEFAULT_LEFT)
            goes_left = default_left if missing == MISSING_NAN else threshold >= 0.0  # otherwise NaN counts as 0
            self._node(feature, threshold, BRANCH_LEQ, int(goes_left), (left, right), first_node, first_leaf)

    def _node(
        self,
        feature: int,
        split: float,
        mode: int,
        missing_true: int,
        children: tuple[int, int],
        first_node: int,
        first_leaf: int,
    ) -> None:
        self.features.append(feature)
        self.splits.append(split)
        self.modes.append(mode)
        self.missing_true.append(missing_true)
        ids, leafs = (self.true_ids, self.false_ids), (self.true_leafs, self.false_leafs)
        for child, to, leaf in zip(children, ids, leafs, strict=True):
            leaf.append(int(child < 0))
            to.append(first_leaf + ~child if child < 0 else first_node + child)

    def attributes(self, targets: int) -> dict[str, Any]:
        """For ``TreeEnsemble``."""
        attributes: dict[str, Any] = {
            "aggregate_function": 1,  # sum
            "post_transform": 0,
            "n_targets": targets,
            "tree_roots": self.roots,
            "nodes_featureids": self.features,
            "nodes_splits": np.array(self.splits, dtype=np.float64),
            "nodes_modes": np.array(self.modes, dtype=np.uint8),
            "nodes_missing_value_tracks_true": self.missing_true,
            "nodes_truenodeids": self.true_ids,
            "nodes_trueleafs": self.true_leafs,
            "nodes_falsenodeids": self.false_ids,
            "nodes_falseleafs": self.false_leafs,
            "leaf_targetids": self.leaf_targets,
            "leaf_weights": np.array(self.leaf_weights, dtype=np.float64),
        }
        if self.members:
            attributes["membership_values"] = np.array(self.members, dtype=np.float64)
        return attributes


def build(text: str, numeric: int, categorical: int) -> bytes:
    """The serialized graph; inputs and output as :class:`pipelines.problems.common.scorers.OnnxScorer` says.

    Args:
        text: LightGBM's model text.
        numeric: numeric columns of the design.
        categorical: categorical columns of the design.

    Raises:
        BundleError: the text uses something that has no ONNX form here.
    """
    header, blocks = _parse(text)
    targets = int(header["num_tree_per_iteration"])
    objective = header["objective"].split()
    if "average_output" in header or any(block.get("is_linear", "0") != "0" for block in blocks):
        raise BundleError("random forests and linear trees have no ONNX form here", next_step="train with gbdt")
    if objective[0] == "binary" and "sigmoid:1" not in objective:
        raise BundleError("a sigmoid other than 1 has no ONNX form here", next_step="train with sigmoid 1")
    trees = Trees()
    for place, block in enumerate(blocks):
        trees.add(block, place % targets)
    graph = Graph()
    parts = []
    if numeric:
        parts.append(graph.add("Cast", [graph.input("numeric", np.float32, numeric)], to=np.float64))
    if categorical:
        parts.append(graph.add("Cast", [graph.input("categorical", np.int64, categorical)], to=np.float64))
    joined = graph.add("Concat", parts, axis=1) if len(parts) > 1 else parts[0]
    raw = graph.add("TreeEnsemble", [joined], domain="ai.onnx.ml", **trees.attributes(targets))
    if objective[0] == "multiclass":
        return graph.output(graph.add("Softmax", [raw], axis=1), np.float64, targets)
    flat = graph.add("Squeeze", [raw, graph.constant(np.array([1], dtype=np.int64))])
    return graph.output(graph.add("Sigmoid", [flat]) if objective[0] == "binary" else flat, np.float64, None)


def _parse(text: str) -> tuple[dict[str, str], list[dict[str, str]]]:
    head, *rest = text.split("\nTree=")
    blocks = [_pairs(part.split("\nend of trees")[0]) for part in rest]
    return _pairs(head), blocks


def _pairs(part: str) -> dict[str, str]:
    found = {}
    for line in part.splitlines():
        key, equals, value = line.partition("=")
        if equals:
            found[key] = value
        elif key == "average_output":
            found[key] = "1"
    return found


def _category_sets(block: Mapping[str, str]) -> tuple[list[int], list[int]]:
    if int(block["num_cat"]) == 0:
        return [], []
    return _ints(block["cat_boundaries"]), _ints(block["cat_threshold"])


def _members(words: list[int]) -> list[int]:
    """Codes of a bit set of 32-bit words."""
    return [32 * place + bit for place, word in enumerate(words) for bit in range(32) if word >> bit & 1]


def _ints(text: str) -> list[int]:
    return [int(item) for item in text.split()]


def _floats(text: str) -> list[float]:
    return [float(item) for item in text.split()]
