"""The linear text model: learns, is saved without pickle, and its words add up to its answer."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pipelines.errors import BundleError, ConfigError, DataError
from pipelines.models.linear_text import fitting, load
from pipelines.models.text import TextData, TextSettings
from pipelines.sources.simulators import text_intents
from pipelines.sources.simulators.text_grammar import World, history

WORLD: World = text_intents.WORLD


def texts(rows: int = 700, classes: int = 8) -> TextData:
    from datetime import date

    frame = history(WORLD, 9, date(2026, 1, 1), date(2026, 1, 1), rows, 0)
    frame = frame[frame["text"].fillna("").str.len() > 5]
    frame = frame[frame["intent"].isin(WORLD.classes[:classes])]
    y = np.array([WORLD.classes.index(label) for label in frame["intent"]], dtype=np.int64)
    words, cut = frame["text"].tolist(), int(0.7 * len(frame))
    return TextData(words[:cut], y[:cut], classes, np.ones(cut), words[cut:], y[cut:])


@pytest.mark.parametrize("loss", ["hinge", "log"])
def test_it_learns_and_answers_the_same_once_saved(tmp_path: Path, loss: str) -> None:
    data = texts()
    model = fitting.fit(data, TextSettings(0, {"loss": loss}))
    answer = model.predict(data.valid_texts)
    assert (answer.argmax(axis=1) == data.y_valid).mean() > 0.8
    assert answer.sum(axis=1) == pytest.approx(1.0)
    assert np.array_equal(load(tmp_path, model.save(tmp_path)).predict(data.valid_texts), answer)


def test_equal_texts_give_equal_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        fitting.fit(texts(300), TextSettings(0)).save(tmp_path / name)
    for file in ("linear_0.json", "linear_0.npz"):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()


def test_the_margins_are_those_of_scikit_learns_sparse_product() -> None:
    data = texts(300)
    model = fitting.fit(data, TextSettings(0))
    wanted = fitting.matrix(model.vectors, data.valid_texts) @ model.weights.astype(np.float64) + model.bias
    assert model.margins(data.valid_texts) == pytest.approx(wanted, abs=1e-9)


def test_an_answer_does_not_depend_on_the_other_texts() -> None:
    data = texts(300)
    model = fitting.fit(data, TextSettings(0))
    together = model.predict(data.valid_texts[:9])
    assert np.array_equal(together, np.concatenate([model.predict([text]) for text in data.valid_texts[:9]]))


def test_the_words_add_up_to_the_log_score_against_the_mean_class() -> None:
    data = texts()
    model = fitting.fit(data, TextSettings(0))
    for text in data.valid_texts[:20]:
        margins = (model.margins([text])[0] - model.bias) / model.temperature
        parts = model.contributions(text, 2)
        assert sum(part for _, part in parts) == pytest.approx(margins[2] - margins.mean(), abs=1e-6)
    words = dict(model.contributions("the shop refunded me but I see nothing", 2))
    assert max(words, key=lambda word: words[word]) in {"refunded", "shop", "nothing", "see"}


def test_two_classes_and_texts_of_unknown_words_are_answered() -> None:
    data = texts(400, classes=2)
    model = fitting.fit(data, TextSettings(0))
    answer = model.predict(["", "zzqx \U0001f600", data.texts[0]])
    assert np.isfinite(answer).all()
    assert answer.shape == (3, 2)
    assert model.contributions("", 0) == []


def test_a_class_without_a_train_text_is_never_answered() -> None:
    data = texts()
    kept = np.flatnonzero(data.y != 3)
    fewer = TextData(
        [data.texts[row] for row in kept], data.y[kept], 8, data.weight[kept], data.valid_texts, data.y_valid
    )
    answer = fitting.fit(fewer, TextSettings(0)).predict(data.valid_texts)
    assert not (answer.argmax(axis=1) == 3).any()


def test_one_text_per_class_is_enough_to_fit() -> None:
    data = TextData(["my card", "my fee"], np.array([0, 1]), 2, np.ones(2), [], np.array([], dtype=np.int64))
    assert fitting.fit(data, TextSettings(0)).predict(["the card", "the fee"]).argmax(axis=1).tolist() == [0, 1]


def test_wrong_settings_and_empty_texts_are_named(tmp_path: Path) -> None:
    data = texts(200)
    with pytest.raises(ConfigError, match="linear_text has no hyper-parameter 'depth'"):
        fitting.fit(data, TextSettings(0, {"depth": 3}))
    with pytest.raises(ConfigError, match="loss must be hinge or log"):
        fitting.fit(data, TextSettings(0, {"loss": "softmax"}))
    empty = TextData(["", ""], np.array([0, 1]), 2, np.ones(2), [], np.array([], dtype=np.int64))
    with pytest.raises(DataError, match="share no word"):
        fitting.fit(empty, TextSettings(0))


@pytest.mark.parametrize("damage", ["gone", "text", "cut", "other"])
def test_damaged_files_are_one_clear_error(tmp_path: Path, damage: str) -> None:
    files = fitting.fit(texts(200), TextSettings(0)).save(tmp_path)
    head, body = tmp_path / files[0], tmp_path / files[1]
    if damage == "gone":
        body.unlink()
    elif damage == "text":
        head.write_text("{", encoding="utf-8")
    elif damage == "cut":
        body.write_bytes(body.read_bytes()[:100])
    else:
        head.write_text(head.read_text(encoding="utf-8").replace('"ccard",\n', ""), encoding="utf-8")
        head.write_text(head.read_text(encoding="utf-8").replace('  "w,",\n', ""), encoding="utf-8")
    with pytest.raises(BundleError):
        load(tmp_path, files)
