"""Replies beside plain nearest-neighbour retrieval, on STAR and CamRest676, by sacreBLEU and rouge-score.

    python benchmarks/reply_quality.py --mirror FOLDER [--only star | camrest] [--drafts]

STAR, split by dialogue id modulo 10. Two retrievals by TF-IDF over the last three turns: one that sees what was said,
one that also sees what agents typed before they picked a reply (``--drafts``: the model is asked with drafts too).
CamRest676: in file order 405 train, 135 valid, 136 test dialogues, lexicalised, without the restaurants' table.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pipelines.metrics.intervals import estimates
from pipelines.metrics.replies import ReplyJudge
from pipelines.models.retrieval import fitting
from pipelines.problems.reply.answer.ranking import picks
from pipelines.problems.reply.core.candidates import Proposer, bags_of
from pipelines.problems.reply.core.dialogue import read_row, split_history
from pipelines.problems.reply.core.slots import delexicalise
from pipelines.problems.reply.core.templates import learn
from pipelines.problems.reply.evaluate import ranking

Rows = list[dict[str, Any]]
OPTIONS = {"epochs": 5, "batch": 1024, "learning_rate": 0.01, "fewest": 4, "most": 24_000}
NAMES = ("bleu", "rouge_l", "action_accuracy", "entity_f1")


def star(mirror: Path) -> Rows:
    """Rows of STAR with their side."""
    import pandas as pd

    from pipelines.sources.star import replies

    frame = replies(pd.read_parquet(mirror / "star_dialogues" / "events.parquet"))
    return list(frame.astype(object).where(frame.notna(), None).to_dict("records"))


def camrest(mirror: Path) -> Rows:
    """Rows of CamRest676: no system shows the agent anything, the next action is the set of dialogue acts."""
    rows: Rows = []
    lines = (mirror / "camrest676" / "camrest676.jsonl").read_text(encoding="utf-8").splitlines()
    for place, line in enumerate(lines):
        side = "train" if place < 405 else "valid" if place < 540 else "test"
        said: list[str] = []
        for turn in json.loads(line)["dial"]:
            said.append("customer: " + " ".join(turn["usr"]["transcript"].split()))
            reply = " ".join(turn["sys"]["sent"].split())
            rows.append({
                "turn_id": f"{place}-{len(said)}", "dialogue_id": place, "split": side, "history": "\n".join(said),
                "knowledge": None, "looked_up": 0, "draft": None, "reply": reply,
                "action": "+".join(sorted(map(str, turn["sys"].get("DA", [])))) or "none",
            })  # fmt: skip
            said.append(f"agent: {reply}")
    return rows


def judge(test: Rows, said: Sequence[str], acted: Sequence[str]) -> dict[str, str]:
    """Measures with their intervals over dialogues, as text."""
    right = np.array([a == row["action"] for a, row in zip(acted, test, strict=True)], dtype=np.float64)
    found = ReplyJudge([row["dialogue_id"] for row in test], said, [row["reply"] for row in test], right, None, NAMES)
    return {k: f"{v.value:.4g} [{v.low:.4g}, {v.high:.4g}]" for k, v in estimates(found, 500).items()}


def nearest(train: Rows, test: Rows, drafts: bool) -> dict[str, str]:
    """The reply of the nearest train situation by TF-IDF of the last three turns."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    def text(row: dict[str, Any]) -> str:
        turns = [said for _, said in split_history(row["history"])] + (
            [row["draft"]] if drafts and row["draft"] else []
        )
        return " ".join(turns[-3:])

    vectors = TfidfVectorizer()
    known, asked = vectors.fit_transform([text(row) for row in train]), vectors.transform([text(row) for row in test])
    places: list[int] = []
    for start in range(0, asked.shape[0], 500):
        places += np.asarray((asked[start : start + 500] @ known.T).argmax(axis=1)).ravel().tolist()
    return judge(test, [train[place]["reply"] for place in places], [train[place]["action"] for place in places])


def ours(train: Rows, valid: Rows, test: Rows, drafts: bool, options: dict[str, Any]) -> dict[str, str]:
    """The search with its head, templates and ranker, as the lane trains and chooses; the ranker is fitted on valid."""
    rng = np.random.Generator(np.random.PCG64(0))
    shown = rng.random(len(train)) < 0.5  # half of the train rows keep their draft, as in the prepare stage

    def hidden(rows: Rows, keep: Sequence[bool]) -> Rows:
        return [{**row, "draft": row["draft"] if seen else None} for row, seen in zip(rows, keep, strict=True)]

    held = hidden(train, shown.tolist())
    situations = [read_row(row) for row in held]
    bags, values = bags_of(situations)
    names = sorted({row["action"] for row in held})
    place = {name: number for number, name in enumerate(names)}
    y = np.array([place[row["action"]] for row in held], dtype=np.int64)
    templates = [delexicalise(row["reply"], own) for row, own in zip(held, values, strict=True)]
    told = learn(
        templates,
        [r["action"] for r in held],
        [str(r["dialogue_id"]) for r in held],
        [r["turn_id"] for r in held],
        names,
    )
    chosen = fitting.settings(options)
    proposer = Proposer(fitting.fit(bags, y, len(names), chosen, 0, 2), told, chosen["neighbours"])
    tuned = [read_row(row) for row in hidden(valid, [drafts] * len(valid))]
    proposals = proposer.propose(tuned)
    ranker = ranking.fit(proposals, ranking.qualities(proposals, [row["reply"] for row in valid]))
    asked = [read_row(row) for row in hidden(test, [drafts] * len(test))]
    answers = picks(asked, proposer.propose(asked), ranker, 0.0)
    return judge(test, [one.text for one in answers], [names[one.action] if one.action >= 0 else "" for one in answers])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mirror", type=Path, required=True)
    parser.add_argument("--only", choices=("star", "camrest"))
    parser.add_argument("--drafts", action="store_true")
    given = parser.parse_args()
    small = {"epochs": 15, "batch": 64, "fewest": 2}
    for name, load, options in (("star", star, OPTIONS), ("camrest", camrest, small)):
        if given.only not in (None, name):
            continue
        rows = load(given.mirror)
        train, valid, test = ([row for row in rows if row["split"] == side] for side in ("train", "valid", "test"))
        print(f"{name}: {len(train)} train, {len(valid)} valid, {len(test)} test replies")
        for drafts in (False, True) if name == "star" and given.drafts else (False,):
            seen = ", drafts seen" if drafts else ""
            print(f"  nearest neighbour{seen}: {nearest(train, test, drafts)}", flush=True)
            started = time.process_time()
            found = ours(train, valid, test, drafts, options)
            print(f"  ours{seen}: {found} ({time.process_time() - started:.0f} s CPU)", flush=True)


if __name__ == "__main__":
    main()
