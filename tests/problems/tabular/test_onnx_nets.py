from __future__ import annotations

from pathlib import Path

import fits
import nets
import numpy as np
import pytest

from pipelines.models import load_model
from pipelines.problems.common.onnx_graph import int8_weights
from pipelines.problems.common.scorers import OnnxScorer
from pipelines.problems.tabular.export import onnx_nets
from pipelines.problems.tabular.export.parity import compare


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


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_each_trained_network_is_answered_for_with_holes_and_row_by_row(tmp_path: Path, task: str) -> None:
    answers = []
    for seed, model in enumerate(fits.nets(tmp_path, task)):
        path = tmp_path / f"{model.name}.onnx"
        path.write_bytes(onnx_nets.build(tmp_path, [f"net_{seed}.safetensors"], model.task))
        exported, design = OnnxScorer([path]), fits.data(task).valid
        holes = design.take(np.arange(20))
        holes.numeric[:, ::2] = np.nan
        holes.numeric[0], holes.categorical[0] = np.nan, 0
        for rows in (design, holes):
            expected = model.predict(rows)
            scale = max(1.0, float(np.std(expected)))
            assert exported.score(rows) == pytest.approx(expected, abs=1e-5 * scale)
            alone = np.concatenate([exported.score(rows.take(np.array([row]))) for row in range(20)])
            assert alone == pytest.approx(expected[:20], abs=1e-5 * scale)
        answers.append(exported.score(design))
    spread = max(1.0, float(np.std(answers[0])))
    assert min(np.abs(answers[0] - other).max() for other in answers[1:]) > 1e-3 * spread, "each seed its own network"


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
