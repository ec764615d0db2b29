"""What every problem does to open a bundle: its JSON files, the entries of the members chosen, ONNX graphs.

Needs numpy alone, and ONNX Runtime for :func:`onnx_session`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipelines.errors import BundleError
from pipelines.files import read_json


def read_parts(*paths: Path) -> list[dict[str, Any]]:
    """The contents of these JSON files, in order.

    Raises:
        BundleError: one is missing or not JSON.
    """
    content: list[dict[str, Any]] = []
    for path in paths:
        try:
            content.append(read_json(path))
        except (OSError, ValueError) as error:
            raise BundleError(
                f"{path.name} cannot be read", where={"folder": path.parent.name}, next_step="pack the model again"
            ) from error
    return content


def exported_members(choice: Mapping[str, Any], exported: Mapping[str, Any], folder: str) -> list[dict[str, Any]]:
    """The entries of ``export.json`` for the members of ``choice.json``, in the choice's order.

    Args:
        folder: named in the error.

    Raises:
        BundleError: a chosen member was not exported.
    """
    by_model = {member["model"]: member for member in exported["members"]}
    missing = [member["model"] for member in choice["members"] if member["model"] not in by_model]
    if missing:
        raise BundleError(
            f"the choice names model {missing[0]!r}, which was not exported",
            where={"folder": folder},
            next_step="run the export stage again",
        )
    return [by_model[member["model"]] for member in choice["members"]]


def onnx_session(path: Path) -> Any:
    """An ONNX Runtime session on one thread of the CPU.

    Raises:
        BundleError: the file is missing or not a graph that this runtime reads.
    """
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    try:
        return ort.InferenceSession(path.read_bytes(), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's errors share no public base
        raise BundleError(
            f"not an ONNX model that this runtime reads: {' '.join(str(error).split())[:200]}",
            where={"file": path.name},
            next_step="export the model again with the pinned versions",
        ) from error
