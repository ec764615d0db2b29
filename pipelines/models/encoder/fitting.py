"""Fits the encoder: only the head on frozen embeddings; or, from there on, the whole of it.

Beginning a fine-tuning with the fitted head keeps what the encoder knows (Kumar et al., 2022, Fine-Tuning can Distort
Pretrained Features).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from pipelines.errors import ConfigError
from pipelines.models.device import torch_device
from pipelines.models.encoder import head
from pipelines.models.encoder.loop import Lesson, train
from pipelines.models.encoder.model import EncoderText
from pipelines.models.encoder.net import TextNet, bert_config, from_config, pretrained
from pipelines.models.encoder.options import DEFAULTS, SHARES, find_weights
from pipelines.models.encoder.pretraining import pretrain
from pipelines.models.encoder.student import thinned
from pipelines.models.encoder.tokens import TextTokenizer
from pipelines.models.encoder.wordpieces import learn_tokenizer
from pipelines.models.hyper import resolve
from pipelines.models.text import FloatArray, TextData, TextSettings, of_rows


def fit(data: TextData, settings: TextSettings) -> EncoderText:
    """Fit one model with one seed; see :data:`DEFAULTS`.

    A checkpoint of the same training in ``settings.checkpoints`` is continued.

    Raises:
        ConfigError: a hyper-parameter that the family does not know, weights that are not there, no GPU.
        DataError: the training diverged.
    """
    net, tokenizer, chosen = _begin(data, settings)

    def begin() -> None:
        head.fit(net, tokenizer, data, chosen["penalty"], settings)

    if chosen["epochs"]:
        train(net, tokenizer, Lesson(data, settings, chosen), None if chosen["weights"] == "scratch" else begin)
    else:
        begin()
    if chosen["student_layers"]:
        net = _taught(net, tokenizer, data, settings, chosen)
    return EncoderText(
        net.cpu().eval(), tokenizer, int(chosen["epochs"]), f"encoder_{settings.label}", data.y.ndim == 2
    )


def fit_folded(data: TextData, fold: NDArray[np.int64], settings: TextSettings) -> tuple[EncoderText, FloatArray]:
    """As :func:`fit`, and probabilities ``[n, k]`` of every text by a model that was fitted without its fold.

    A frozen encoder reads the texts once, and only the head is fitted per fold.

    Args:
        data: the texts.
        fold: of each ``[n]``.
        settings: as for :func:`fit`.
    """
    chosen = resolve("encoder", DEFAULTS, settings.params, shares=SHARES)
    answer: FloatArray = np.zeros((len(data.texts), data.classes))
    if not chosen["epochs"]:
        net, tokenizer, chosen = _begin(data, settings)
        read = head.read(net, tokenizer, data, settings)
        for part in np.unique(fold):
            seen, held = np.flatnonzero(fold != part), np.flatnonzero(fold == part)
            weight, bias = head.solve(read[torch.from_numpy(seen)], of_rows(data, seen), chosen["penalty"])
            scores = read[torch.from_numpy(held)] @ weight.T + bias
            several = data.y.ndim == 2
            answer[held] = (torch.sigmoid(scores) if several else torch.softmax(scores, -1)).numpy()
        head.set_head(net, *head.solve(read, data, chosen["penalty"]))
        model = EncoderText(net.cpu().eval(), tokenizer, 0, f"encoder_{settings.label}", data.y.ndim == 2)
        return model, answer
    for part in np.unique(fold):
        held = np.flatnonzero(fold == part)
        apart = replace(settings, label=f"{settings.label}_fold{int(part)}")
        model = fit(of_rows(data, np.flatnonzero(fold != part)), apart)
        answer[held] = model.predict([data.texts[row] for row in held.tolist()])
    return fit(data, settings), answer


def _begin(data: TextData, settings: TextSettings) -> tuple[TextNet, TextTokenizer, dict[str, Any]]:
    """The network before the fit, on its device, pretrained where that is asked for."""
    chosen = resolve("encoder", DEFAULTS, settings.params, shares=SHARES)
    if not chosen["epochs"] and (chosen["weights"] == "scratch" or chosen["student_layers"]):
        what = "an encoder from scratch" if chosen["weights"] == "scratch" else "a student"
        raise ConfigError(
            f"{what} must be trained",
            where={"key": "candidates.*.params.epochs"},
            next_step="set epochs to 1 or more, or name weights and leave student_layers at 0",
        )
    device = torch_device(settings.profile.device)
    torch.set_num_threads(settings.profile.threads)
    torch.manual_seed(settings.seed)
    net, tokenizer = _start(data, chosen, settings.root)
    net.to(device)
    if chosen["pretrain_steps"]:
        pretrain(net, tokenizer, data, settings, chosen)
    return net, tokenizer, chosen


def _taught(
    teacher: TextNet, tokenizer: TextTokenizer, data: TextData, settings: TextSettings, chosen: Mapping[str, Any]
) -> TextNet:
    """The student, after as many epochs as the teacher had."""
    told = EncoderText(teacher, tokenizer, 0, "teacher", data.y.ndim == 2).predict(data.texts)
    net = thinned(teacher, chosen["student_layers"])
    train(net, tokenizer, Lesson(data, settings, chosen, told, "student"))
    return net


def _start(data: TextData, chosen: Mapping[str, Any], root: Path) -> tuple[TextNet, TextTokenizer]:
    if chosen["weights"] == "scratch":
        content = learn_tokenizer(data.texts, chosen["vocabulary"])
        tokenizer = TextTokenizer(content, chosen["tokens"])
        config = bert_config(tokenizer.size, chosen["layers"], chosen["width"], chosen["heads"], chosen["tokens"])
        return from_config(config, data.classes, chosen["dropout"]), tokenizer
    folder = find_weights(chosen["weights"], root)
    net = pretrained(folder, data.classes, chosen["dropout"])
    most = min(chosen["tokens"], int(net.config.get("max_position_embeddings", chosen["tokens"])))
    return net, TextTokenizer.read(folder / "tokenizer.json", most)
