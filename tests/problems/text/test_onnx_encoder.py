"""The hand-made ONNX graph answers like the torch network, padded or not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pipelines.blocks.models import Profile
from pipelines.errors import BundleError
from pipelines.files import read_json, write_json
from pipelines.models.encoder import fitting
from pipelines.models.encoder.tokens import padded
from pipelines.models.text import TextData, TextSettings
from pipelines.problems.text.export.onnx_encoder import build

TEXTS = ["my card is lost", "the refund of the shop has not come, where is it?", "login", "card card card"]


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str], object]:
    params = {
        "weights": "scratch", "layers": 2, "width": 16, "heads": 2, "vocabulary": 120, "tokens": 20, "epochs": 1,
    }  # fmt: skip
    data = TextData(TEXTS, np.array([0, 1, 2, 0]), 3, np.ones(4), [], np.array([], dtype=np.int64))
    model = fitting.fit(data, TextSettings(0, params, Profile(threads=1)))
    folder = tmp_path_factory.mktemp("encoder")
    return folder, model.save(folder), model


def test_scores_and_embeddings_are_those_of_torch(saved: tuple[Path, list[str], object]) -> None:
    import onnxruntime as ort

    folder, files, model = saved
    content = build(folder, files)
    assert content == build(folder, files)
    session = ort.InferenceSession(content, providers=["CPUExecutionProvider"])
    score, embedding = model.read(TEXTS)
    tokens, mask = padded(model.tokenizer.ids(TEXTS))
    together = session.run(["score", "embedding"], {"tokens": tokens, "mask": mask})
    assert together[0] == pytest.approx(score, abs=1e-5)
    assert together[1] == pytest.approx(embedding, abs=1e-5)


def test_an_encoder_of_another_kind_is_one_clear_error(saved: tuple[Path, list[str], object], tmp_path: Path) -> None:
    folder, files, _ = saved
    head = read_json(folder / files[0])
    head["config"]["model_type"] = "electra"
    write_json(tmp_path / files[0], head)
    with pytest.raises(BundleError, match="'electra'"):
        build(tmp_path, files)
