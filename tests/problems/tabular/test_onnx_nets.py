from __future__ import annotations

from pathlib import Path

import nets
import numpy as np
import pytest

from pipelines.models import load_model
from pipelines.problems.tabular import onnx_nets
from pipelines.problems.tabular.onnx_graph import int8_weights
from pipelines.problems.tabular.parity import compare
from pipelines.problems.tabular.scorers import OnnxScorer


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
@pytest.mark.parametrize(("p", "q", "depth"), [(3, 2, 2), (4, 0, 1), (0, 2, 3)])
def test_the_graph_answers_like_the_network(tmp_path: Path, task: str, p: int, q: int, depth: int) -> None:
    for model in nets.saved(tmp_path, task, p, q, depth, seeds=2):
        graph = onnx_nets.build(tmp_path, [f"{model.name}.safetensors"], model.task)
        (tmp_path / f"{model.name}.onnx").write_bytes(graph)
    exported = OnnxScorer([tmp_path / "net_0.onnx", tmp_path / "net_1.onnx"])
    design = nets.rows(300, p, q, seed=1)
    found = compare(task, load_model(tmp_path).predict, exported.score, design)  # type: ignore[arg-type]
    assert set(found.differences) == {"test", "missing", "unseen", "empty", "far", "alone"}
    assert found.largest < 1e-5


def test_equal_weights_give_equal_bytes_that_name_no_place(tmp_path: Path) -> None:
    nets.saved(tmp_path, "binary")
    first, second = (onnx_nets.build(tmp_path, ["net_0.safetensors"], "binary") for _ in range(2))
    assert first == second
    assert str(tmp_path).encode() not in first
    assert b"doc_string" not in first


def test_any_number_of_rows_is_answered(tmp_path: Path) -> None:
    nets.saved(tmp_path, "binary")
    (tmp_path / "net_0.onnx").write_bytes(onnx_nets.build(tmp_path, ["net_0.safetensors"], "binary"))
    scorer = OnnxScorer([tmp_path / "net_0.onnx"])
    design = nets.rows(70, 3, 2)
    together = scorer.score(design)
    assert ((together > 0) & (together < 1)).all()
    for size in (1, 2, 33):
        assert scorer.score(design.take(np.arange(size))) == pytest.approx(together[:size], abs=1e-6)


def test_int8_weights_are_smaller_near_and_the_same_each_time(tmp_path: Path) -> None:
    nets.saved(tmp_path, "binary", p=6, depth=3)
    content = onnx_nets.build(tmp_path, ["net_0.safetensors"], "binary")
    small = int8_weights(content)
    assert small == int8_weights(content)
    assert len(small) < len(content)
    (tmp_path / "full.onnx").write_bytes(content)
    (tmp_path / "small.onnx").write_bytes(small)
    full, quantized = OnnxScorer([tmp_path / "full.onnx"]), OnnxScorer([tmp_path / "small.onnx"])
    design = nets.rows(200, 6, 2)
    assert quantized.score(design) == pytest.approx(full.score(design), abs=0.02)
    assert np.abs(quantized.score(design) - full.score(design)).max() > 1e-7
