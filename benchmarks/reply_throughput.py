"""Tokens per second, first token and memory of the encoder-decoder, beside transformers on the same weights.

    python benchmarks/reply_throughput.py [--full] [--rounds N] [--requests N] [--only writing | training]

Writing: every side writes the same number of tokens greedily for the same sources, each in a process of its own, asked
by 1 and by 16 threads at once. ``ours``: numpy, requests of any age in one step (``engine.py``). ``graphs``: the same
model as ONNX graphs, as pretrained ones are served. ``generate``: one ``model.generate`` per request, as it is called
plainly. ``generate, batched``: sixteen sources that wait for one another in one padded call: its best case, which a
service sees only where all requests come together. Each of ``--rounds`` asks every side anew, in turn; the table gives
the median, least and most.

Training: tokens (without padding) per second of our loop and of the plain Seq2SeqTrainer on the same pairs, the same
batch size and epochs. It needs the extra ``bench``: ``pip install -e .[bench]``.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

TOKENS = 32  # of every text
SIZES = {
    "small": {"dimensions": 128, "inner": 256, "layers": 2, "heads": 4, "longest": 96, "tokens": 40},
    "full": {"dimensions": 256, "inner": 1024, "layers": 4, "heads": 4, "longest": 128, "tokens": 64},
}
PIECES = {"small": 2000, "full": 8000}
SIDES = ("ours", "graphs", "generate", "generate-batched")
Answer = tuple[list[int], float]  # tokens, seconds to the first


def prepare(folder: Path, size: str, requests: int) -> None:
    """An untrained model of a size in three forms, and sources."""
    import torch

    from pipelines.models.seq2seq import exporting, training
    from pipelines.models.seq2seq.pieces import END, PAD, SPECIAL, START, UNKNOWN, Pieces

    torch.manual_seed(0)
    options = training.settings(SIZES[size])
    pieces = Pieces([*SPECIAL, *(f"p{place}" for place in range(PIECES[size] - len(SPECIAL)))], [])
    model = training.build(len(pieces.tokens), options).eval()
    for name in ("ours", "graphs", "hf"):
        (folder / name).mkdir()
    training.network_of(model, pieces, options).save(folder / "ours")
    model.save_pretrained(folder / "hf")
    for name, content in zip(("reading", "step"), exporting.graphs(model), strict=True):
        (folder / "graphs" / f"{name}.onnx").write_bytes(content)
    rng = np.random.Generator(np.random.PCG64(1))
    lengths = rng.integers(20, int(SIZES[size]["longest"]), requests)
    sources = [rng.integers(len(SPECIAL), PIECES[size], length).tolist() for length in lengths.tolist()]
    frame = {"start": START, "end": END, "pad": PAD, "unsaid": [PAD, START, UNKNOWN, END], "pieces": PIECES[size]}
    (folder / "asked.json").write_text(json.dumps({**frame, "sources": sources}), encoding="utf-8")


def writer(side: str, folder: Path) -> Callable[[Sequence[list[int]]], list[Answer]]:
    """What writes for a list of sources: a list of one but for ``generate-batched``."""
    asked = json.loads((folder / "asked.json").read_text(encoding="utf-8"))
    return _ours(side, folder, asked) if side in ("ours", "graphs") else _theirs(folder, asked)


def _ours(side: str, folder: Path, asked: dict[str, Any]) -> Callable[[Sequence[list[int]]], list[Answer]]:
    from pipelines.models.seq2seq import runtime
    from pipelines.models.seq2seq.decoding import Decoding
    from pipelines.models.seq2seq.engine import Engine

    engine = Engine(runtime.load(folder / "ours") if side == "ours" else _graphs(folder, asked))
    never = np.zeros(asked["pieces"], dtype=bool)
    never[asked["unsaid"]] = True
    how = Decoding(longest=TOKENS)

    def write(sources: Sequence[list[int]]) -> list[Answer]:
        started, first, tokens = time.perf_counter(), 0.0, []
        for token in engine.stream(sources[0], how, never):
            first = first or time.perf_counter() - started
            tokens.append(token)
        return [(tokens, first)]

    return write


def _graphs(folder: Path, asked: dict[str, Any]) -> Any:
    from pipelines.models.seq2seq.graphs import GraphNetwork

    class Bare:
        """No pieces around a source."""

        before: Sequence[int] = ()
        behind: Sequence[int] = ()
        special: Sequence[int] = ()

    form = {name: asked[name] for name in ("start", "end", "pad")} | {"longest": 10_000, "room": 10_000, "threads": 1}
    parts = [(folder / "graphs" / f"{name}.onnx").read_bytes() for name in ("reading", "step")]
    return GraphNetwork(parts[0], parts[1], Bare(), form)  # type: ignore[arg-type]


def _theirs(folder: Path, asked: dict[str, Any]) -> Callable[[Sequence[list[int]]], list[Answer]]:
    import torch
    from transformers import BartForConditionalGeneration, StoppingCriteria

    torch.set_num_threads(1)
    model = BartForConditionalGeneration.from_pretrained(folder / "hf", local_files_only=True).eval()
    fixed = {
        "max_new_tokens": TOKENS, "min_new_tokens": TOKENS, "do_sample": False, "num_beams": 1, "use_cache": True,
        "suppress_tokens": asked["unsaid"],
    }  # fmt: skip

    class First(StoppingCriteria):
        """Notes when the first token is there; stops nothing."""

        def __init__(self) -> None:
            self.at = 0.0

        def __call__(self, input_ids: Any, scores: Any, **_: Any) -> Any:  # noqa: ARG002
            self.at = self.at or time.perf_counter()
            return torch.zeros(len(input_ids), dtype=torch.bool)

    def write(sources: Sequence[list[int]]) -> list[Answer]:
        width = max(map(len, sources))
        ids = torch.tensor([source + [asked["pad"]] * (width - len(source)) for source in sources])
        mask = torch.tensor([[1] * len(source) + [0] * (width - len(source)) for source in sources])
        noted, started = First(), time.perf_counter()
        with torch.inference_mode():
            found = model.generate(input_ids=ids, attention_mask=mask, stopping_criteria=[noted], **fixed)
        return [(row[1 : TOKENS + 1], noted.at - started) for row in found.tolist()]

    return write


def ask(side: str, folder: Path, callers: int) -> dict[str, Any]:
    """All requests once by so many callers: tokens per second, seconds to the first token, peak memory."""
    asked = json.loads((folder / "asked.json").read_text(encoding="utf-8"))
    write = writer(side, folder)
    size = callers if side == "generate-batched" else 1
    parts = [asked["sources"][at : at + size] for at in range(0, len(asked["sources"]), size)]
    write(parts[0])  # warm
    answers: list[list[Answer]] = [[] for _ in parts]
    waiting, lock = list(range(len(parts))), threading.Lock()

    def work() -> None:
        while True:
            with lock:
                if not waiting:
                    return
                place = waiting.pop(0)
            answers[place] = write(parts[place])

    threads = [threading.Thread(target=work) for _ in range(1 if side == "generate-batched" else callers)]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = time.perf_counter() - started
    flat = [answer for part in answers for answer in part]
    return {
        "rate": sum(len(tokens) for tokens, _ in flat) / seconds,
        "first": statistics.median(first for _, first in flat),
        "memory": peak(),
        "tokens": [tokens for tokens, _ in flat],
    }


def peak() -> float:
    """Most memory of this process, MiB resident (the parent's is not in it, as it is in ``ru_maxrss``)."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) / 1024


def train(side: str, size: str, rows: int) -> dict[str, Any]:
    """One epoch of made-up pairs: tokens without padding per second."""
    import torch

    from pipelines.blocks.models import Profile
    from pipelines.models.seq2seq import training
    from pipelines.models.seq2seq.pieces import END, PAD, START

    torch.set_num_threads(1)
    torch.manual_seed(0)
    options = training.settings({**SIZES[size], "epochs": 1, "batch": 32})
    rng = np.random.Generator(np.random.PCG64(2))
    lengths = np.column_stack(
        [rng.integers(15, options["longest"], rows), rng.integers(6, options["tokens"] - 2, rows)]
    )
    pairs = [(rng.integers(4, PIECES[size], a).tolist(), rng.integers(4, PIECES[size], b).tolist()) for a, b in lengths]
    model = training.build(PIECES[size], options)
    frame = training.Frame(START, END, PAD, options["longest"], options["tokens"])
    started = time.perf_counter()
    if side == "ours":
        tokens = training.fit(model, pairs, frame, options, 0, Profile(threads=1))["tokens"]
    else:
        tokens = _trainer(model, pairs, frame, options)
    return {"rate": tokens / (time.perf_counter() - started)}


def _trainer(model: Any, pairs: Any, frame: Any, options: dict[str, Any]) -> int:
    import torch
    from transformers import Seq2SeqTrainer, Seq2SeqTrainingArguments

    from pipelines.models.seq2seq.training import padded

    class Rows(torch.utils.data.Dataset[Any]):
        def __len__(self) -> int:
            return len(pairs)

        def __getitem__(self, place: int) -> Any:
            return pairs[place]

    def collate(part: list[Any]) -> dict[str, Any]:
        source, target, mask = padded(part, frame, torch.device("cpu"))
        given = target[:, :-1].masked_fill(target[:, :-1] == -100, frame.pad)
        return {"input_ids": source, "attention_mask": mask, "decoder_input_ids": given, "labels": target[:, 1:]}

    with tempfile.TemporaryDirectory() as scratch:
        arguments = Seq2SeqTrainingArguments(
            output_dir=scratch, num_train_epochs=1, per_device_train_batch_size=options["batch"],
            learning_rate=options["learning_rate"], label_smoothing_factor=options["smoothing"], use_cpu=True,
            save_strategy="no", report_to=[], disable_tqdm=True, remove_unused_columns=False, logging_steps=10_000,
        )  # fmt: skip
        Seq2SeqTrainer(model, arguments, train_dataset=Rows(), data_collator=collate).train()
    return sum(len(frame.source(source)) + len(frame.target(target)) - 1 for source, target in pairs)


def child(*given: str) -> dict[str, Any]:
    """This file in a process of its own, one thread."""
    done = subprocess.run(
        [sys.executable, __file__, "--child", *given], capture_output=True, text=True, check=False, timeout=900
    )
    if done.returncode:
        raise SystemExit(f"{' '.join(given)} failed:\n{done.stderr[-2000:]}")
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def shown(values: Sequence[float], form: str) -> str:
    """Median, least and most."""
    return f"{statistics.median(values):{form}} [{min(values):{form}}, {max(values):{form}}]"


def compare_writing(size: str, rounds: int, requests: int) -> None:
    """Print the table of writing."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        prepare(folder, size, requests)
        print(f"{requests} requests of {TOKENS} tokens each, {rounds} rounds: median [least, most]")
        for callers in (1, 16):
            found: dict[str, list[dict[str, Any]]] = {side: [] for side in SIDES if callers > 1 or side != SIDES[-1]}
            for _ in range(rounds):
                for side in found:
                    found[side].append(child("write", side, str(folder), str(callers)))
            plain = [one["rate"] for one in found["generate"]]
            for side, runs in found.items():
                same = np.mean([a == b for a, b in zip(runs[0]["tokens"], found["generate"][0]["tokens"], strict=True)])
                times = [one["rate"] / other for one, other in zip(runs, plain, strict=True)]
                print(
                    f"  {callers:2d} callers, {side:16s} {shown([one['rate'] for one in runs], '.0f')} tokens/s,"
                    f" {shown(times, '.2f')} times generate;"
                    f" first token {shown([one['first'] for one in runs], '.4f')} s;"
                    f" peak {shown([one['memory'] for one in runs], '.0f')} MiB; {same:.0%} of the texts as generate's",
                    flush=True,
                )


def compare_training(size: str, rounds: int, rows: int) -> None:
    """Print the lines of training."""
    found: dict[str, list[float]] = {"ours": [], "trainer": []}
    for _ in range(rounds):
        for side, rates in found.items():
            rates.append(child("train", side, size, str(rows))["rate"])
    times = [one / other for one, other in zip(found["ours"], found["trainer"], strict=True)]
    for side, rates in found.items():
        print(f"  training, {side}: {shown(rates, '.0f')} tokens/s")
    print(f"  ours over the Seq2SeqTrainer: {shown(times, '.2f')}", flush=True)


def main() -> None:
    if "--child" in sys.argv:
        kind, side, *rest = sys.argv[2:]
        found = ask(side, Path(rest[0]), int(rest[1])) if kind == "write" else train(side, rest[0], int(rest[1]))
        print(json.dumps(found))
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--full", action="store_true", help="a larger model, more requests and rounds")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--requests", type=int)
    parser.add_argument("--only", choices=("writing", "training"))
    given = parser.parse_args()
    size, rounds = "full" if given.full else "small", given.rounds or (5 if given.full else 2)
    if given.only != "training":
        compare_writing(size, rounds, given.requests or (128 if given.full else 32))
    if given.only != "writing":
        compare_training(size, rounds, 4000 if given.full else 600)


if __name__ == "__main__":
    main()
