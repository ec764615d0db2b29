"""Real lanes of simulated dialogues for tests, from validated rows to the bundle: the stages' own code runs them."""

from __future__ import annotations

import shutil
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd
import yaml
from reply_world import canaries, rows

from pipelines.bundle import MANIFEST, write_manifest
from pipelines.config import Params, parse_params
from pipelines.files import read_json, write_json, write_parquet
from pipelines.layout import Layout
from pipelines.problems import load_answering, stage_of
from pipelines.step import Step
from pipelines.verdicts import Verdict, write_verdict

PRODUCT = "replies"
SEARCH = {"dimensions": 24, "epochs": 12, "batch": 32, "fewest": 2}
SMALL = {
    "dimensions": 16, "inner": 24, "layers": 1, "heads": 2, "pieces": 200, "longest": 24, "tokens": 12, "epochs": 1,
    "batch": 64, "rows": 200,
}  # fmt: skip


def params_for(families: dict[str, dict[str, Any]] | None = None, **blocks: dict[str, Any]) -> Params:
    """One product of replies with these candidates; blocks go over the defaults."""
    block: dict[str, Any] = {
        "title": "Replies (test)",
        "data": "own",
        "problem": "reply",
        "requirements": {
            "users": "testers", "decision": "what is said next", "floors": {"bleu": 20},
            "latency_p99_ms": 250, "bundle_size_mb": 16, "service_memory_mb": 1024, "retention_days": 30,
        },
        "source": {"kind": "simulator", "name": "dialogues"},
        "columns": {"id": "turn_id", "target": "reply", "task": "multiclass", "group": "dialogue_id"},
        "validation": {"suite": PRODUCT},
        "label": {"max_noise": 0.2},
        "prepare": {"split": {"by": "group", "salt": "t", "test_share": 0.25, "valid_share": 0.25}},
        "evaluate": {"metric": "bleu", "resamples": 100, "sent_good": 0.8},
        "export": {"rows": 60},
    }  # fmt: skip
    for name, content in blocks.items():
        block[name] = {**block[name], **content} if name in block else content
    candidates = {
        f"{PRODUCT}-{family}": {
            "product": PRODUCT, "problem": "reply", "model": family, "family": family, "use": "always",
            "params": params,
        }
        for family, params in (families or {"retrieval": SEARCH}).items()
    }  # fmt: skip
    return parse_params({"products": {PRODUCT: block}, "candidates": candidates, "profile": {"threads": 1}})


def frame_of(held: list[dict[str, Any]]) -> pd.DataFrame:
    """Turns as the validate stage would pass them on."""
    return pd.DataFrame(held).astype({"turn": "int64", "looked_up": "int64"})


class Lane:
    """Stages of one product in a folder of their own."""

    def __init__(self, root: Path, params: Params | None = None, frame: pd.DataFrame | None = None) -> None:
        self.layout, self.params = Layout(root), params or params_for()
        folder = self.layout.stage("validate", PRODUCT)
        folder.mkdir(parents=True)
        write_parquet(folder / "rows.parquet", frame_of(rows(700)) if frame is None else frame)

    def run(self, stage: str, model: str | None = None) -> Verdict:
        """One stage, with its verdict on disk."""
        out = self.layout.stage(stage, PRODUCT, model)
        shutil.rmtree(out, ignore_errors=True)
        for part in ("result", "plots") if stage == "evaluate" else (".",):
            (out / part).mkdir(parents=True, exist_ok=True)
        candidate = self.params.candidates[f"{PRODUCT}-{model}"] if model else None
        verdict = stage_of("reply", stage)(Step(stage, PRODUCT, self.params, self.layout, out, candidate), None)
        write_verdict(out / "result" if stage == "evaluate" else out, verdict)
        return verdict

    def whole(self) -> dict[str, Verdict]:
        """Every stage after validate."""
        found = {stage: self.run(stage) for stage in ("label", "prepare")}
        found |= {model: self.run("train", model) for model in self.params.candidates_of(PRODUCT)}
        return found | {stage: self.run(stage) for stage in ("evaluate", "export", "package")}

    @property
    def bundle(self) -> Path:
        return self.layout.stage("package", PRODUCT) / "bundle"


def planted() -> list[dict[str, Any]]:
    """Canaries in dialogues that this split puts on the train side: said by an agent alone, and by a customer first."""
    said = "customer: I am Mister Wolpertinger of Zanzibar and my secret code is 48151623"
    reply = "Thank you Mister Wolpertinger of Zanzibar, I have noted 48151623."
    first = canaries()
    told = [{**row, "turn_id": f"told-{row['turn_id']}", "history": said, "reply": reply} for row in first]
    return [{**row, "dialogue_id": "secret-3"} for row in first] + [{**row, "dialogue_id": "secret-5"} for row in told]


@cache
def packed(root: Path, secrets: bool = False) -> Lane:
    """A whole lane in a folder; ``secrets`` plants canaries among its rows, in a train dialogue. Not to be changed."""
    lane = Lane(root, frame=frame_of(rows(700) + (planted() if secrets else [])))
    for verdict in lane.whole().values():
        assert verdict.passed, verdict.line()
    return lane


def with_writer(bundle: Path, folder: Path, product: str, width: int = 256, tokens: int = 1200) -> Path:
    """The bundle with an encoder-decoder that nobody has trained: it writes ``tokens`` tokens of nonsense for each row,
    which takes seconds. Its golden row is one that is handed over unread."""
    from pipelines.models.seq2seq import training
    from pipelines.models.seq2seq.decoding import Decoding
    from pipelines.models.seq2seq.pieces import END, learn

    shutil.copytree(bundle, folder)
    options = training.settings({
        "dimensions": width, "inner": 2 * width, "layers": 2, "heads": 4, "longest": 64, "tokens": tokens,
    })  # fmt: skip
    pieces = learn([row["reply"] for row in rows(60)], ["<known>", "<customer>", "<agent>"], 300)
    network = training.network_of(training.build(len(pieces.tokens), options), pieces, options)
    network._w["final_logits_bias"][END] = -1e4  # it never comes to an end by itself
    (folder / "seq2seq").mkdir()
    files = [f"seq2seq/{name}" for name in network.save(folder / "seq2seq")]
    exported, choice = read_json(folder / "export.json"), read_json(folder / "choice.json")
    exported["members"].append({"model": "seq2seq", "family": "seq2seq", "format": "numpy", "files": files})
    how = Decoding("beam", 4, longest=tokens)
    write_json(folder / "export.json", exported)
    write_json(folder / "choice.json", {**choice, "decoding": vars(how)})
    golden = [{"history": "agent: Hello", "knowledge": None, "looked_up": 0, "draft": None}]
    answers = load_answering("reply", folder, lambda _: None).answer(golden)
    write_json(folder / "golden.json", {"rows": golden, "answers": answers})
    (folder / MANIFEST).unlink()
    write_manifest(folder, product, "reply")
    return folder


def write_params(layout: Layout) -> None:
    """``params.yaml`` of the one product."""
    layout.params.write_text(yaml.safe_dump(params_for().model_dump(mode="json")), encoding="utf-8")


def asked(count: int, seed: int = 31) -> list[dict[str, Any]]:
    """Situations of dialogues that no lane has seen, as a client sends them."""
    names = ("history", "knowledge", "looked_up", "draft")
    return [{name: row[name] for name in names} for row in rows(count, seed)]
