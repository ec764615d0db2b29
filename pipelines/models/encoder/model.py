"""A fitted encoder: answers, embeddings, and its files (safetensors and JSON)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from pipelines.errors import BundleError
from pipelines.files import canonical_json, read_json, write_bytes, write_text
from pipelines.models.encoder.net import TextNet, from_config
from pipelines.models.encoder.tokens import TextTokenizer, padded, reading_batches

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class EncoderText:
    """A fitted network with its tokenizer.

    Attributes:
        net: on the CPU, in evaluation mode.
        tokenizer: cut off at the length that the network was fitted with.
        best_iteration: epochs; 0: the encoder was left as it was.
        name: stem of the files.
        several: whether a text has several labels: each has a probability of its own.
    """

    net: TextNet
    tokenizer: TextTokenizer
    best_iteration: int
    name: str
    several: bool = False

    def predict(self, texts: Sequence[str]) -> FloatArray:
        """Probabilities ``[n, k]``."""
        return np.asarray(self.read(texts)[0])

    def read(self, texts: Sequence[str]) -> tuple[FloatArray, NDArray[np.float32]]:
        """Probabilities ``[n, k]`` and embeddings ``[n, width]``."""
        embedding = embeddings(self.net, self.tokenizer, texts)
        with torch.inference_mode():
            scores = self.net.head(torch.from_numpy(embedding).to(self.net.head.weight.device)).double().cpu()
            shares = torch.sigmoid(scores) if self.several else torch.softmax(scores, dim=-1)
            return shares.numpy(), embedding

    def save(self, folder: Path) -> list[str]:
        """``<name>.safetensors``, ``<name>.json`` (sizes) and ``<name>.tokenizer.json``."""
        from safetensors.torch import save

        weights = {name: value.detach().cpu().contiguous().clone() for name, value in self.net.state_dict().items()}
        head: dict[str, Any] = {
            "format": 1,
            "config": self.net.config,
            "classes": self.net.head.out_features,
            "tokens": self.tokenizer.most,
            "epochs": self.best_iteration,
        }
        if self.several:
            head["several"] = True
        files = [f"{self.name}.json", f"{self.name}.tokenizer.json", f"{self.name}.safetensors"]
        write_text(folder / files[0], canonical_json(head))
        write_text(folder / files[1], self.tokenizer.content)
        write_bytes(folder / files[2], save(weights))
        return files


def embeddings(
    net: TextNet, tokenizer: TextTokenizer, texts: Sequence[str], progress: Any = None, bf16: bool = False
) -> NDArray[np.float32]:
    """Embeddings ``[n, width]`` of texts, without padding."""
    device = next(net.parameters()).device
    ids = tokenizer.ids(texts)
    lengths = np.array([len(one) for one in ids], dtype=np.int64)
    answer = np.zeros((len(texts), net.head.in_features), dtype=np.float32)
    net.eval()
    done = 0
    with torch.inference_mode(), torch.autocast(device.type, torch.bfloat16, enabled=bf16):
        for rows in reading_batches(lengths):
            tokens, mask = (torch.from_numpy(part).to(device) for part in padded([ids[row] for row in rows]))
            answer[rows] = net.embed(tokens, mask).float().cpu().numpy()
            done += len(rows)
            if progress is not None:
                progress("texts read", done, len(texts))
    return answer


def load(folder: Path, files: Sequence[str]) -> EncoderText:
    """Read :meth:`EncoderText.save`'s files.

    Raises:
        BundleError: a file is not readable, or does not fit the others.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        head = read_json(folder / files[0])
        net = from_config(head["config"], head["classes"], 0.0)
        net.load_state_dict(load_file(folder / files[2]))
        tokenizer = TextTokenizer.read(folder / files[1], int(head["tokens"]))
    except (OSError, ValueError, KeyError, IndexError, RuntimeError, SafetensorError) as error:
        raise BundleError(
            f"not an encoder: {type(error).__name__} {' '.join(str(error).split())[:160]}",
            where={"file": files[0] if files else None},
            next_step="train the model again",
        ) from error
    several = bool(head.get("several", False))
    return EncoderText(net.eval(), tokenizer, int(head["epochs"]), Path(files[0]).stem, several)
