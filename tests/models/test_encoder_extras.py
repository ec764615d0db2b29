"""What a fine-tuning of the encoder may have besides: each does what it says, and a killed training ends the same."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tiny_encoder import SCRATCH, SETTINGS, data, saved

from pipelines.errors import ConfigError
from pipelines.models.encoder import fitting, losses
from pipelines.models.encoder.augment import changed, slip
from pipelines.models.encoder.loop import balance
from pipelines.models.encoder.meter import training_flops, weights_read
from pipelines.models.encoder.model import load
from pipelines.models.encoder.pretraining import IGNORED, masked, pretrain
from pipelines.models.text import TextData, of_rows

WORDS = st.lists(st.text("abcdefgh", min_size=1, max_size=9), min_size=1, max_size=20)


@given(WORDS, st.floats(0.0, 0.9), st.integers(0, 99))
def test_a_changed_text_keeps_most_of_its_words_and_is_never_empty(words: list[str], share: float, seed: int) -> None:
    text = " ".join(words)
    after = changed(text, share, np.random.default_rng(seed))
    assert after.strip()
    assert changed(text, 0.0, np.random.default_rng(seed)) == text
    assert changed(text, share, np.random.default_rng(seed)) == after
    assert len(after.split()) <= len(words)


@given(st.text("abcdefgh", min_size=1, max_size=12), st.integers(0, 99))
def test_a_slip_spares_the_ends_of_a_word(word: str, seed: int) -> None:
    after = slip(word, np.random.default_rng(seed))
    assert (after[0], after[-1]) == (word[0], word[-1])
    assert abs(len(after) - len(word)) <= 1
    assert len(word) >= 4 or after == word


@given(st.integers(0, 50), st.floats(0.05, 0.5))
def test_masks_hide_ordinary_tokens_only_and_ask_for_what_stood_there(seed: int, share: float) -> None:
    rng = np.random.default_rng(seed)
    tokens, mask = rng.integers(0, 40, (6, 12)), (np.arange(12) < rng.integers(2, 13, (6, 1))).astype(np.int64)
    special = frozenset({0, 1, 2, 3, 4})
    shown, wanted = masked(tokens, mask, special, 4, 40, share, rng)
    asked = wanted != IGNORED
    ordinary = (mask == 1) & ~np.isin(tokens, list(special))
    assert asked.any() == ordinary.any()
    assert not (asked & ~ordinary).any()
    assert (wanted[asked] == tokens[asked]).all()
    assert (shown[~asked] == tokens[~asked]).all()


@pytest.mark.slow
def test_pretraining_lowers_the_loss_and_goes_on_after_its_checkpoint(tmp_path: Path) -> None:
    settings = replace(SETTINGS, params={**SCRATCH, "pretrain_steps": 40, "pretrain_rate": 0.01})
    found = []
    torch.set_num_threads(1)
    for steps, folder in ((3, None), (40, None), (40, tmp_path), (40, tmp_path)):
        chosen = fitting.resolve("encoder", fitting.DEFAULTS, {**settings.params, "pretrain_steps": steps})
        torch.manual_seed(0)
        net, tokenizer = fitting._start(data(), chosen, Path())
        loss = pretrain(net, tokenizer, data(), replace(settings, checkpoints=folder), chosen)
        found.append((loss, net.encoder.get_input_embeddings().weight.detach().numpy().copy()))
    assert found[1][0] < found[0][0] - 0.3
    assert np.array_equal(found[1][1], found[2][1])
    assert np.isnan(found[3][0])  # nothing was left to do
    assert np.array_equal(found[2][1], found[3][1])


KILLED = """
import os, signal, sys
sys.path[:0] = {path!r}
from pathlib import Path
import tiny_encoder as case
from dataclasses import replace
seen = []
def progress(what, done, total):
    seen.append(done)
    if len(seen) == {at}: os.kill(os.getpid(), signal.SIGKILL)
params = {params!r}
case.fitting.fit(
    case.data(), replace(case.SETTINGS, params=params, checkpoints=Path(sys.argv[1]), progress=progress)
)
"""


@pytest.mark.slow
@pytest.mark.parametrize("at", [4, 20, 50])
def test_killed_in_pretraining_teacher_or_student_it_ends_at_the_same_bytes(tmp_path: Path, at: int) -> None:
    params = {**SCRATCH, "layers": 2, "student_layers": 1, "pretrain_steps": 8}
    script = KILLED.format(path=sys.path, at=at, params=params)
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "c")], env={**os.environ, "OMP_NUM_THREADS": "1"}, check=False
    )
    assert done.returncode == -signal.SIGKILL
    settings = replace(SETTINGS, params=params)
    again = saved(replace(settings, checkpoints=tmp_path / "c"), tmp_path / "resumed")
    assert again == saved(settings, tmp_path / "whole")


@pytest.mark.slow
def test_a_student_has_fewer_layers_and_answers_nearly_like_its_teacher(tmp_path: Path) -> None:
    model = fitting.fit(data(), replace(SETTINGS, params={**SCRATCH, "layers": 3, "student_layers": 1}))
    assert model.net.config["num_hidden_layers"] == 1
    again = load(tmp_path, model.save(tmp_path))
    assert np.array_equal(again.predict(data().texts), model.predict(data().texts))
    assert (model.predict(data().texts).argmax(axis=1) == data().y).mean() > 0.9


@pytest.mark.parametrize("params", [{"student_layers": 1}, {"student_layers": 2, "layers": 2, "epochs": 1}])
def test_a_student_that_cannot_be_is_one_clear_error(params: dict[str, Any]) -> None:
    epochs = {"epochs": 0, "weights": "scratch"} if "epochs" not in params else {}
    with pytest.raises(ConfigError, match=r"must be trained|a student of 2 layers"):
        fitting.fit(data(), replace(SETTINGS, params={**SCRATCH, **params, **epochs}))


@pytest.mark.slow
def test_out_of_fold_answers_come_from_models_that_did_not_see_the_text() -> None:
    rows = data(45)
    spoilt = TextData(rows.texts, rows.y.copy(), rows.classes, rows.weight, [], rows.y[:0])
    fold = np.arange(45) // 3 % 3  # not the class, which is the place modulo 3
    spoilt.y[0] = (spoilt.y[0] + 1) % 3
    _, first = fitting.fit_folded(rows, fold, SETTINGS)
    _, second = fitting.fit_folded(spoilt, fold, SETTINGS)
    assert np.array_equal(first[fold == 0], second[fold == 0])
    assert not np.array_equal(first[fold == 1], second[fold == 1])
    assert (first.argmax(axis=1) == rows.y).mean() > 0.9


@pytest.mark.slow
def test_several_labels_are_learned_each_with_a_probability_of_its_own(tmp_path: Path) -> None:
    rows = data()
    both = TextData(
        [f"{one} {other}" for one, other in zip(rows.texts, rows.texts[1:] + rows.texts[:1], strict=True)],
        np.clip(np.eye(3, dtype=np.int64)[rows.y] + np.eye(3, dtype=np.int64)[np.roll(rows.y, -1)], 0, 1),
        3, rows.weight, [], np.zeros((0, 3), dtype=np.int64),
    )  # fmt: skip
    model = fitting.fit(both, replace(SETTINGS, params={**SCRATCH, "epochs": 8, "tokens": 24}))
    p = load(tmp_path, model.save(tmp_path)).predict(both.texts)
    assert ((p > 0.5) == both.y).mean() > 0.95
    assert p.sum(axis=1).max() > 1.5


@pytest.mark.slow
@pytest.mark.parametrize(
    "option",
    [
        {"adversarial": 0.2, "adversarial_steps": 3},
        {"consistency": 1.0},
        {"augment": 0.3},
        {"accumulate": 2},
        {"pretrain_steps": 4},
        {"layers": 2, "student_layers": 1},
    ],
    ids=lambda option: "-".join(option),
)
def test_every_extra_changes_the_weights_and_repeats_itself(tmp_path: Path, option: dict[str, Any]) -> None:
    plain = saved(SETTINGS, tmp_path / "plain")
    changed_settings = replace(SETTINGS, params={**SCRATCH, **option})
    first, second = (saved(changed_settings, tmp_path / name) for name in ("first", "second"))
    assert first == second != plain


def test_losses_are_what_their_papers_say() -> None:
    torch.manual_seed(0)
    a, b = torch.randn(4, 3), torch.randn(4, 3)
    p, q = a.softmax(-1), b.softmax(-1)
    wanted = ((p * (p / q).log()).sum(-1) + (q * (q / p).log()).sum(-1)).mean() / 2
    assert float(losses.consistency(a, b, False)) == pytest.approx(float(wanted), rel=1e-5)
    assert float(losses.consistency(a, a, True)) == 0.0
    assert float(losses.distillation(a, p, False)) == pytest.approx(float(-(p * p.log()).sum(-1).mean()), rel=1e-5)


def test_rare_classes_weigh_more() -> None:
    assert balance(np.array([0, 0, 0, 1])).tolist() == pytest.approx([4 / 6, 4 / 2])


def test_operations_are_counted_by_the_formula() -> None:
    config = {"num_hidden_layers": 6, "hidden_size": 384, "intermediate_size": 1536}
    assert weights_read(config) == 6 * (4 * 384**2 + 2 * 384 * 1536)
    assert training_flops(config, 2, 10) == 20 * (6 * weights_read(config) + 12 * 6 * 384 * 10)


def test_rows_are_taken_with_their_weights() -> None:
    part = of_rows(data(), np.array([3, 1]))
    assert (part.texts, part.y.tolist()) == ([data().texts[3], data().texts[1]], [0, 1])
