"""Pretrained encoder-decoders: a local folder or a Hugging Face name in the local cache."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from pipelines.errors import ConfigError

SCRATCH = "scratch"
NEEDED = ("config.json", "model.safetensors", "tokenizer.json")
WHERE = {"key": "candidates.*.params.weights"}


def find(name: str, root: Path) -> Path:
    """The folder with ``NEEDED``.

    Args:
        name: a folder, relative to ``root``, or a Hugging Face name, looked up in the local cache, and fetched only
            where ``HF_HUB_OFFLINE=0`` allows it.
        root: the folder of ``params.yaml``.

    Raises:
        ConfigError: nothing of that name, a folder that holds no model, or a model that is no encoder-decoder.
    """
    folder = root / Path(name).expanduser()
    if not folder.is_dir():
        if name.startswith((".", "/", "~")) or name.count("/") > 1:
            raise ConfigError(
                f"no folder {name!r} with a model", where=WHERE,
                next_step=f"name a folder, a Hugging Face model, or {SCRATCH} to train without one",
            )  # fmt: skip
        folder = _from_hub(name)
    for file in NEEDED:
        if not (folder / file).is_file():
            raise ConfigError(
                f"{name!r} is not a model: {file} is missing", where=WHERE,
                next_step="name a folder as `save_pretrained` of model and fast tokenizer writes it",
            )  # fmt: skip
    _check(folder, name)
    return folder


def load(folder: Path) -> Any:
    """The model, with its weights in float32.

    Raises:
        ConfigError: transformers cannot read it.
    """
    import torch
    from transformers import AutoModelForSeq2SeqLM

    try:
        return AutoModelForSeq2SeqLM.from_pretrained(folder, local_files_only=True, dtype=torch.float32)
    except Exception as error:  # transformers and safetensors raise what they like
        raise ConfigError(
            f"the model {folder.name!r} cannot be read: {' '.join(str(error).split())[:200]}", where=WHERE,
            next_step="restore the folder, or name another model",
        ) from error  # fmt: skip


def _check(folder: Path, name: str) -> None:
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        kind = str(config.get("model_type", "unknown"))
    except (ValueError, AttributeError) as error:
        raise ConfigError(
            f"{name!r} is not a model: config.json cannot be read", where=WHERE, next_step="restore the folder"
        ) from error
    from transformers.models.auto import modeling_auto

    if kind not in modeling_auto.MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING_NAMES:
        raise ConfigError(
            f"{name!r} is no encoder-decoder but of the kind {kind!r}", where=WHERE,
            next_step="choose a sequence-to-sequence model, e.g. a BART, T5 or BlenderBot",
        )  # fmt: skip


def _from_hub(name: str) -> Path:
    from huggingface_hub import snapshot_download

    try:
        return Path(
            snapshot_download(
                name, allow_patterns=list(NEEDED), local_files_only=os.environ.get("HF_HUB_OFFLINE", "1") != "0"
            )
        )
    except Exception as error:  # the hub's errors share no base
        raise ConfigError(
            f"the model {name!r} is not in the local cache: {' '.join(str(error).split())[:160]}", where=WHERE,
            next_step="fetch it once with HF_HUB_OFFLINE=0, or name a local folder",
        ) from error  # fmt: skip
