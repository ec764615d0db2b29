"""Training state in one safetensors file: a killed training goes on at its last checkpoint and ends the same."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from pipelines.files import write_bytes
from pipelines.models.text import TextData, TextSettings

KEY = "nightshift"
CODE = Path(__file__).parent  # a training begun with other code is begun again


def fingerprint(data: TextData, settings: Mapping[str, Any]) -> str:
    """Hex digest of all that decides the result: code, versions, texts, classes, weights, settings."""
    import transformers

    head = [dict(settings), data.classes, torch.__version__, transformers.__version__]
    digest = hashlib.sha256(json.dumps(head, sort_keys=True, default=str).encode())
    for source in sorted(CODE.glob("*.py")):
        digest.update(source.read_bytes())
    for text in data.texts:
        digest.update(text.encode("utf-8", "surrogatepass") + b"\x00")
    digest.update(data.y.tobytes())
    digest.update(data.weight.tobytes())
    return digest.hexdigest()


def conditions(chosen: Mapping[str, Any], settings: TextSettings, name: str) -> dict[str, Any]:
    """All settings that decide the result: hyper-parameters, seed, machine, and which training it is."""
    machine = settings.profile
    stated = {"device": machine.device, "precision": machine.precision, "threads": machine.threads}
    return {**chosen, "seed": settings.seed, "profile": stated, "name": name}


def save(path: Path, mark: str, net: torch.nn.Module, optimizer: torch.optim.Optimizer, step: int) -> None:
    """Replace the checkpoint, whole or not at all."""
    from safetensors.torch import save as serialize

    stored = {f"net.{name}": value for name, value in net.state_dict().items()}
    for index, state in optimizer.state_dict()["state"].items():
        stored |= {f"opt.{index}.{name}": torch.as_tensor(value) for name, value in state.items()}
    content = {name: value.detach().cpu().contiguous().clone() for name, value in stored.items()}
    write_bytes(path, serialize(content, {KEY: json.dumps({"mark": mark, "step": step})}))


def restore(path: Path, mark: str, net: torch.nn.Module, optimizer: torch.optim.Optimizer) -> int:
    """Steps already taken: from a checkpoint of the same training; 0 where there is none, or it is of another."""
    from safetensors import SafetensorError, safe_open

    if not path.is_file():
        return 0
    try:
        with safe_open(path, framework="pt") as stored:
            header = json.loads(stored.metadata()[KEY])
            if header["mark"] != mark:
                return 0
            content = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118
    except (SafetensorError, KeyError, TypeError, ValueError, OSError):
        return 0
    net.load_state_dict(_part(content, "net."))
    state: dict[int, dict[str, Tensor]] = {}
    for name, value in _part(content, "opt.").items():
        index, key = name.split(".", 1)
        state.setdefault(int(index), {})[key] = value
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
    return int(header["step"])


def _part(content: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in content.items() if name.startswith(prefix)}
