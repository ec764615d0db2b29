"""Pretrained encoder-decoders: found, fine-tuned, written as graphs, asked."""

from __future__ import annotations

import json
from pathlib import Path

import pretrained
import pytest
from nets_writing import TEXTS

from pipelines.blocks.models import Profile
from pipelines.errors import BundleError, ConfigError
from pipelines.models.seq2seq import graphs, runtime, training, tuning, weights
from pipelines.models.seq2seq.decoding import Decoding, stream, write
from pipelines.models.seq2seq.engine import Engine
from pipelines.models.seq2seq.subwords import Subwords

WHOLE = ["{Name}", "{Day}", "<customer>"]
BRIEF = {"epochs": 20, "batch": 8, "learning_rate": 0.01, "tokens": 24, "longest": 40}


def test_missing_folder_and_unknown_name_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    with pytest.raises(ConfigError, match=r"no folder './nowhere'"):
        weights.find("./nowhere", tmp_path)
    with pytest.raises(ConfigError, match="not in the local cache"):
        weights.find("nobody/no-such-model-at-all", tmp_path)


def test_a_folder_without_a_readable_model_is_named(tmp_path: Path) -> None:
    for name in weights.NEEDED[1:]:
        (tmp_path / name).write_bytes(b"{}")
    with pytest.raises(ConfigError, match=r"config\.json is missing"):
        weights.find(".", tmp_path)
    (tmp_path / "config.json").write_text("{", encoding="utf-8")
    with pytest.raises(ConfigError, match="cannot be read"):
        weights.find(".", tmp_path)


@pytest.mark.slow
def test_a_model_of_another_kind_or_without_weights_is_named(tmp_path: Path) -> None:
    for name in weights.NEEDED[1:]:
        (tmp_path / name).write_bytes(b"{}")
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "bert"}), encoding="utf-8")
    with pytest.raises(ConfigError, match="no encoder-decoder but of the kind 'bert'"):
        weights.find(".", tmp_path)
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "bart"}), encoding="utf-8")
    assert weights.find(".", tmp_path) == tmp_path
    with pytest.raises(ConfigError, match="cannot be read"):
        weights.load(tmp_path)


@pytest.mark.parametrize("kind", ["bart", "t5"])
def test_added_pieces_stay_whole_and_texts_survive(kind: str, tmp_path: Path) -> None:
    pieces = tuning.pieces_of(str(pretrained.save(kind, tmp_path, TEXTS)), tmp_path, WHOLE)
    for text in TEXTS:
        assert pieces.decode(pieces.encode(text)) == text
    for token in WHOLE:
        assert pieces.tokens[pieces.encode(token)[0]] == token
    again = Subwords(json.dumps(pieces.to_json()))
    assert again.encode(TEXTS[0]) == pieces.encode(TEXTS[0])
    assert again.tokens == pieces.tokens


def test_fine_tuning_has_defaults_of_its_own() -> None:
    assert training.settings({"weights": "owner/model"})["learning_rate"] == 5e-5
    assert training.settings({"weights": "owner/model", "learning_rate": 0.1})["learning_rate"] == 0.1
    assert training.settings({})["learning_rate"] == training.DEFAULTS["learning_rate"]


@pytest.mark.slow
def test_pretrained_t5_learns_to_copy_and_its_graphs_answer_like_transformers(tmp_path: Path) -> None:
    name = str(pretrained.save("t5", tmp_path / "model", TEXTS))
    pieces = tuning.pieces_of(name, tmp_path, WHOLE)
    pairs = [(pieces.encode(text), pieces.encode(text)) for text in TEXTS] * 8
    options = training.settings({**BRIEF, "weights": name})
    with pretrained.kept() as kept:
        network, seen = tuning.train(pairs, pieces, options, tmp_path, 0, Profile(threads=1))
    assert seen["steps"] == 80
    assert pretrained.difference(*kept, network, [source for source, _ in pairs[:3]]) < 1e-3
    sources = [source for source, _ in pairs[:4]]
    written = write(network, sources, Decoding(longest=24))
    assert [pieces.decode(one[0][0]) for one in written] == TEXTS
    (tmp_path / "saved").mkdir()
    assert network.save(tmp_path / "saved") == list(graphs.FILES)
    again = runtime.load(tmp_path / "saved")
    how = Decoding("beam", 3, longest=24)
    assert write(again, sources, how) == write(network, sources, how)
    engine = Engine(again)
    texts = [engine.stream(source, how) for source in sources]
    assert [list(text) for text in texts] == [list(stream(again, source, how)) for source in sources]
    assert b"site-packages" not in (tmp_path / "saved" / graphs.STEP).read_bytes()
    (tmp_path / "saved" / graphs.STEP).write_bytes(b"no graph")
    with pytest.raises(BundleError):
        runtime.load(tmp_path / "saved")
