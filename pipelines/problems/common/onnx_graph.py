"""An ONNX graph put together node by node: no tracing, no paths, no clock; equal weights give equal bytes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

OPSET = 18
ML_OPSET = 5
IR_VERSION = 10


class Graph:
    """Nodes are added in the order in which they run; each returns the name of its value."""

    def __init__(self) -> None:
        self._nodes: list[Any] = []
        self._inputs: list[Any] = []
        self._constants: list[Any] = []

    def input(self, name: str, dtype: type, columns: int | str) -> str:
        """An input ``[n, columns]``; a name instead of a number where the width is free."""
        from onnx import helper

        self._inputs.append(helper.make_tensor_value_info(name, _element(dtype), ["n", columns]))
        return name

    def constant(self, value: NDArray[Any]) -> str:
        """A weight."""
        from onnx import numpy_helper

        name = f"c{len(self._constants)}"
        self._constants.append(numpy_helper.from_array(np.asarray(value, order="C"), name))
        return name

    def add(self, operator: str, inputs: Sequence[str], *, domain: str = "", **attributes: Any) -> str:
        """A node of one output; attributes may be numpy arrays (tensors) or numpy types (``to``)."""
        from onnx import helper, numpy_helper

        name = f"v{len(self._nodes)}"
        given = {}
        for key, value in attributes.items():
            if isinstance(value, np.ndarray):
                given[key] = numpy_helper.from_array(value, key)
            elif isinstance(value, type):
                given[key] = _element(value)
            else:
                given[key] = value
        self._nodes.append(helper.make_node(operator, list(inputs), [name], domain=domain, **given))
        return name

    def output(self, name: str, dtype: type, columns: int | None, more: Sequence[tuple[str, str, int]] = ()) -> bytes:
        """Name the value ``score`` (``[n]``, or ``[n, columns]``), check the graph and serialize it.

        ``more``: further outputs of the same dtype, ``(value, name, columns)``.
        """
        import onnx
        from onnx import helper

        self._nodes.append(helper.make_node("Identity", [name], ["score"]))
        shape: list[Any] = ["n"] if columns is None else ["n", columns]
        outputs = [helper.make_tensor_value_info("score", _element(dtype), shape)]
        for value, called, width in more:
            self._nodes.append(helper.make_node("Identity", [value], [called]))
            outputs.append(helper.make_tensor_value_info(called, _element(dtype), ["n", width]))
        graph = helper.make_graph(
            self._nodes,
            "score",
            self._inputs,
            outputs,
            self._constants,
        )
        domains = {node.domain for node in self._nodes}
        versions = {"": OPSET, "ai.onnx.ml": ML_OPSET}
        model = helper.make_model(
            graph,
            opset_imports=[helper.make_opsetid(domain, versions[domain]) for domain in sorted(domains)],
            ir_version=IR_VERSION,
            producer_name="nightshift",
        )
        onnx.checker.check_model(model, full_check=True)
        return bytes(model.SerializeToString(deterministic=True))


def int8_weights(content: bytes) -> bytes:
    """The same graph with matrix weights as int8 and activations quantized as they come (dynamic quantization)."""
    import logging
    import tempfile
    from pathlib import Path

    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic

    logger = logging.getLogger()
    before = logger.level
    logger.setLevel(logging.ERROR)  # it advises a preparation that a graph put together here does not need
    try:
        with tempfile.TemporaryDirectory() as folder:
            target = Path(folder) / "int8.onnx"
            quantize_dynamic(onnx.load_from_string(content), target, weight_type=QuantType.QInt8)
            return bytes(onnx.load(target).SerializeToString(deterministic=True))
    finally:
        logger.setLevel(before)


def _element(dtype: type) -> int:
    from onnx import helper

    return int(helper.np_dtype_to_tensor_dtype(np.dtype(dtype)))
