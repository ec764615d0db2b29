"""The encoder's training on a bare node: torch, transformers, numpy, pandas and pyarrow are all that it needs.

    python benchmarks/gpu_check.py train.csv test.csv --text text --label category --weights FOLDER [--device cuda]

Reads two local tables (CSV, gzip too, or Parquet) and a local model folder, fine-tunes with our loop, and prints
texts/s, useful tokens/s, MFU against a measured matrix product, peak memory and test accuracy; with ``--peer`` the
plain Hugging Face Trainer (needs accelerate) does the same epochs on the same texts in the same run. Without a model
folder (``--weights scratch``) a small encoder is trained from nothing: that shows that the node works, no more.
"""

from __future__ import annotations

import argparse
import resource
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np

from pipelines.features.text import clean
from pipelines.models.encoder import fitting
from pipelines.models.encoder.meter import measured_peak, training_flops
from pipelines.models.text import Machine, TextData, TextSettings


def read(path: Path, text: str, label: str, rows: int | None) -> tuple[list[str], list[str]]:
    """Cleaned texts and labels of a table, the first ``rows`` of them."""
    import pandas as pd

    frame = pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path)
    frame = frame.sample(frac=1.0, random_state=0).head(rows) if rows else frame
    return [clean(str(one)) for one in frame[text]], [str(one) for one in frame[label]]


def main() -> None:
    """Train, measure, print."""
    import torch

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("train", type=Path)
    parser.add_argument("test", type=Path)
    parser.add_argument("--text", default="text")
    parser.add_argument("--label", default="category")
    parser.add_argument("--weights", default="scratch", help="a model folder, or scratch")
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    parser.add_argument("--precision", default="bf16", choices=["fp32", "bf16"])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--tokens", type=int, default=64)
    parser.add_argument("--rows", type=int, help="train texts, drawn at random; all by default")
    parser.add_argument("--peer", action="store_true", help="also the plain Trainer")
    asked = parser.parse_args()
    if asked.peer and asked.weights == "scratch":
        parser.error("the plain Trainer needs a model folder: --weights FOLDER")
    texts, labels = read(asked.train, asked.text, asked.label, asked.rows)
    test, truth = read(asked.test, asked.text, asked.label, None)
    classes = sorted(set(labels))
    place = {name: number for number, name in enumerate(classes)}
    y = np.array([place[one] for one in labels], dtype=np.int64)
    y_test = np.array([place.get(one, -1) for one in truth], dtype=np.int64)
    data = TextData(texts, y, len(classes), np.ones(len(y)), [], y[:0])
    machine = Machine(asked.device, asked.precision, asked.threads)
    params = {"weights": asked.weights, "epochs": asked.epochs, "batch": asked.batch, "tokens": asked.tokens}
    print(
        f"{len(texts)} train and {len(test)} test texts, {len(classes)} classes, torch {torch.__version__}, {machine}"
    )
    began: list[float] = []

    def progress(what: str, *_: int) -> None:
        if "loss" in what and not began:
            began.append(time.perf_counter())

    model = fitting.fit(data, TextSettings(0, params, machine, progress=progress, root=Path.cwd()))
    seconds = time.perf_counter() - began[0]
    lengths = [len(one) for one in model.tokenizer.ids(texts)]
    model.net.to(asked.device)
    accuracy = float((model.predict(test).argmax(axis=1) == y_test).mean())
    tell("our loop", seconds, lengths, model.net.config, asked, accuracy)
    if asked.peer:
        sys.path.insert(0, str(Path(__file__).resolve().parent))
        from text_peer import trainer_probabilities

        started = time.perf_counter()
        answers = trainer_probabilities(data, test, params, machine, 0)
        seconds = time.perf_counter() - started
        accuracy = float((answers.argmax(axis=1) == y_test).mean())
        tell("plain Trainer, with its reading of the test texts", seconds, lengths, model.net.config, asked, accuracy)


def tell(who: str, seconds: float, lengths: list[int], config: Any, asked: argparse.Namespace, accuracy: float) -> None:
    """One line of figures; MFU counts useful tokens only."""
    import torch

    device = torch.device(asked.device)
    flops = asked.epochs * sum(training_flops(config, 1, length) for length in lengths)
    share = flops / seconds / measured_peak(device, asked.precision == "bf16")
    if asked.device == "cuda":
        memory = torch.cuda.max_memory_allocated() / 2**20
    else:
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    texts, tokens = (asked.epochs * count / seconds for count in (len(lengths), sum(lengths)))
    print(f"{who}: {texts:.1f} texts/s, {tokens:.0f} useful tokens/s, MFU {share:.1%}, ", end="")
    print(f"peak memory {memory:.0f} MiB, test accuracy {100 * accuracy:.2f}, {seconds:.1f} s", flush=True)


if __name__ == "__main__":
    main()
