"""Replies beside nearest-neighbour retrieval and a linear model, on STAR and CamRest676, by sacreBLEU and rouge-score.

    python benchmarks/reply_quality.py --mirror FOLDER [--only star | camrest] [--drafts] [--seq2seq] [--side valid]

STAR, split by dialogue id modulo 10. Two retrievals by TF-IDF over the last three turns: one that sees what was said,
one that also sees what agents typed before they picked a reply (``--drafts``: the model is asked with drafts too, and a
linear model of the same three turns names the next action). Next actions are counted over all replies, where words of
the agent's own are one action more, and over the replies that carry out a named action, as the anchor was.

CamRest676: in file order 405 train, 135 valid, 136 test dialogues, lexicalised. Once with the dialogue alone, once with
look-ups in a table that is read off the train dialogues (``camrest.py``). ``bleu_lower``: both sides in lower case, as
published figures are.

``--seq2seq`` trains the encoder-decoder too: CamRest a minute, STAR half an hour and more on one core.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import camrest
import numpy as np

from pipelines.blocks.models import Profile
from pipelines.metrics.intervals import estimates
from pipelines.metrics.replies import ReplyJudge, signature
from pipelines.models.retrieval import fitting
from pipelines.models.seq2seq import training
from pipelines.models.seq2seq.pieces import learn as learn_pieces
from pipelines.problems.reply.answer.ranking import picks
from pipelines.problems.reply.core.candidates import Proposer, bags_of
from pipelines.problems.reply.core.dialogue import Situation, read_row, split_history
from pipelines.problems.reply.core.slots import delexicalise, realise
from pipelines.problems.reply.core.templates import Templates, learn
from pipelines.problems.reply.core.writing import KNOWN, SPEAKERS, Writer, mark_of, source_text, target_text
from pipelines.problems.reply.evaluate import ranking
from pipelines.sources.star import FREE

Rows = list[dict[str, Any]]
STAR = {
    "dimensions": 256,
    "dropout": 0.7,
    "epochs": 8,
    "batch": 1024,
    "learning_rate": 0.01,
    "fewest": 4,
    "most": 24_000,
}
CAMREST = {"epochs": 15, "batch": 64, "fewest": 2}
WRITING = {
    "star": {"dimensions": 192, "inner": 512, "epochs": 4},
    "camrest": {"dimensions": 96, "inner": 192, "epochs": 30, "batch": 32, "learning_rate": 0.003, "pieces": 600},
}  # fmt: skip
NAMES = ("bleu", "rouge_l", "action_accuracy", "entity_f1")


def star(mirror: Path) -> Rows:
    """Rows of STAR with their side."""
    import pandas as pd

    from pipelines.sources.star import replies

    frame = replies(pd.read_parquet(mirror / "star_dialogues" / "events.parquet"))
    return list(frame.astype(object).where(frame.notna(), None).to_dict("records"))


def judge(asked: Rows, said: Sequence[str], acted: Sequence[str], named: Sequence[str] | None = None) -> dict[str, str]:
    """Measures with their intervals over dialogues, as text; ``named``: the action chosen among named ones."""
    dialogues, wanted = [row["dialogue_id"] for row in asked], [row["reply"] for row in asked]
    truth = [row["action"] for row in asked]
    found = estimates(ReplyJudge(dialogues, said, wanted, _right(acted, truth), None, NAMES), 500)
    lower = ReplyJudge(dialogues, [text.lower() for text in said], [text.lower() for text in wanted], names=["bleu"])
    found |= {"bleu_lower": estimates(lower, 500)["bleu"]}
    free = np.array([action == FREE for action in truth])
    for name, actions in (("of_named", acted), ("among_named", named)):
        if free.any() and actions is not None:
            right = np.where(free, np.nan, _right(actions, truth))
            parts = ReplyJudge(dialogues, said, wanted, right, None, ["action_accuracy"])
            found |= {f"action_accuracy_{name}": estimates(parts, 500)["action_accuracy"]}
    return {k: f"{v.value:.4g} [{v.low:.4g}, {v.high:.4g}]" for k, v in found.items()}


def _right(acted: Sequence[str], truth: Sequence[str]) -> Any:
    return np.array([a == b for a, b in zip(acted, truth, strict=True)], dtype=np.float64)


def last_turns(row: dict[str, Any], drafts: bool) -> str:
    """The last three things that were said, or typed."""
    turns = [said for _, said in split_history(row["history"])] + ([row["draft"]] if drafts and row["draft"] else [])
    return " ".join(turns[-3:])


def nearest(train: Rows, asked: Rows, drafts: bool) -> dict[str, str]:
    """The reply of the nearest train situation by TF-IDF of the last three turns."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    vectors = TfidfVectorizer()
    known = vectors.fit_transform([last_turns(row, drafts) for row in train])
    given = vectors.transform([last_turns(row, drafts) for row in asked])
    places: list[int] = []
    for start in range(0, given.shape[0], 500):
        places += np.asarray((given[start : start + 500] @ known.T).argmax(axis=1)).ravel().tolist()
    return judge(asked, [train[place]["reply"] for place in places], [train[place]["action"] for place in places])


def linear(train: Rows, asked: Rows, drafts: bool) -> str:
    """Accuracy of a linear model of the last three turns among named actions, on replies that carry one out."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import SGDClassifier

    train, asked = ([row for row in rows if row["action"] != FREE] for rows in (train, asked))
    vectors = TfidfVectorizer(sublinear_tf=True, min_df=2)
    known = vectors.fit_transform([last_turns(row, drafts) for row in train])
    model = SGDClassifier(alpha=1e-5, max_iter=8, tol=None, random_state=0)
    model.fit(known, [row["action"] for row in train])
    acted = model.predict(vectors.transform([last_turns(row, drafts) for row in asked])).tolist()
    truth = [row["action"] for row in asked]
    parts = ReplyJudge([r["dialogue_id"] for r in asked], truth, truth, _right(acted, truth), None, ["action_accuracy"])
    found = estimates(parts, 500)["action_accuracy"]
    return f"{found.value:.4g} [{found.low:.4g}, {found.high:.4g}]"


class Ours:
    """The search with its head, templates and ranker, and the encoder-decoder, as the lane trains and chooses."""

    def __init__(self, train: Rows, options: dict[str, Any], writing: dict[str, Any] | None) -> None:
        rng = np.random.Generator(np.random.PCG64(0))
        shown = rng.random(len(train)) < 0.5  # half of the train rows keep their draft, as in the prepare stage
        held = hidden(train, shown.tolist())
        situations = [read_row(row) for row in held]
        bags, values = bags_of(situations)
        self.names = sorted({row["action"] for row in held})
        place = {name: number for number, name in enumerate(self.names)}
        y = np.array([place[row["action"]] for row in held], dtype=np.int64)
        templates = [delexicalise(row["reply"], own) for row, own in zip(held, values, strict=True)]
        told = learn(
            templates,
            [r["action"] for r in held],
            [str(r["dialogue_id"]) for r in held],
            [r["turn_id"] for r in held],
            self.names,
        )
        chosen = fitting.settings(options)
        head = fitting.fit(bags, y, len(self.names), chosen, 0, 1)
        self.proposer = Proposer(head, told, chosen["neighbours"])
        actions = [row["action"] for row in held]
        self.writer = None if writing is None else _writer(situations, values, templates, actions, told, writing)

    def written(self, situations: list[Situation]) -> list[dict[str, float]] | None:
        """What the encoder-decoder writes."""
        return None if self.writer is None else self.writer(situations, bags_of(situations)[1])

    def measured(self, valid: Rows, asked: Rows, drafts: bool) -> dict[str, dict[str, str]]:
        """Of the search, the encoder-decoder alone, and both; rankers are fitted on valid."""
        tuned = [read_row(row) for row in hidden(valid, [drafts] * len(valid))]
        situations = [read_row(row) for row in hidden(asked, [drafts] * len(asked))]
        found = {"search": self._picked(valid, tuned, asked, situations, None, None)}
        if self.writer is not None:
            first, second = self.written(tuned), self.written(situations)
            assert first is not None
            assert second is not None
            values = bags_of(situations)[1]
            best = [max(texts, key=texts.__getitem__) if texts else "" for texts in second]
            said = [realise(text, own) or "" for text, own in zip(best, values, strict=True)]
            found["encoder-decoder alone"] = judge(asked, said, [""] * len(asked))
            found["search and encoder-decoder"] = self._picked(valid, tuned, asked, situations, first, second)
        return found

    def _picked(
        self, valid: Rows, tuned: list[Situation], asked: Rows, situations: list[Situation], first: Any, second: Any
    ) -> dict[str, str]:
        proposals = self.proposer.propose(tuned, first)
        ranker = ranking.fit(proposals, ranking.qualities(proposals, [row["reply"] for row in valid]))
        made = self.proposer.propose(situations, second)
        answers = picks(situations, made, ranker, 0.0)
        chances = np.array([one.log_chances for one in made])
        chances[:, [place for place, name in enumerate(self.names) if name == FREE]] = -np.inf
        acted = [self.names[one.action] if one.action >= 0 else "" for one in answers]
        named = [self.names[place] for place in chances.argmax(axis=1).tolist()]
        return judge(asked, [one.text for one in answers], acted, named)


def hidden(rows: Rows, keep: Sequence[bool]) -> Rows:
    """Rows without the drafts that are not to be seen."""
    return [{**row, "draft": row["draft"] if seen else None} for row, seen in zip(rows, keep, strict=True)]


def _writer(
    situations: Sequence[Situation], values: Sequence[Any], templates: list[str], actions: list[str], told: Templates,
    writing: dict[str, Any],
) -> Writer:  # fmt: skip
    texts = [
        (source_text(situations[row], values[row]), target_text(actions[row], templates[row]))
        for row, place in enumerate(told.past) if place >= 0
    ]  # fmt: skip
    options = training.settings(writing)
    slots = sorted({f"{{{slot}}}" for own in values for slot, _ in own})
    whole = [KNOWN, *SPEAKERS.values(), *(mark_of(name) for name in told.names), *slots]
    pieces = learn_pieces([text for pair in texts for text in pair], whole, options["pieces"] + len(whole))
    pairs = [(pieces.encode(source), pieces.encode(target)) for source, target in texts]
    network, seen = training.train(pairs, pieces, options, 0, Profile(threads=1))
    print(f"  encoder-decoder: {len(pairs)} replies, {seen}", flush=True)
    return Writer(network, training.decoding_of(options))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mirror", type=Path, required=True)
    parser.add_argument("--only", choices=("star", "camrest"))
    parser.add_argument("--drafts", action="store_true")
    parser.add_argument("--seq2seq", action="store_true")
    parser.add_argument("--side", choices=("valid", "test"), default="test", help="valid: to choose by")
    given = parser.parse_args()
    print(f"BLEU: {signature()}")
    worlds: list[tuple[str, str, Rows, dict[str, Any]]] = []
    if given.only != "camrest":
        worlds.append(("star", "star", star(given.mirror), STAR))
    if given.only != "star":
        worlds.append(("camrest", "camrest, the dialogue alone", camrest.rows(given.mirror, False), CAMREST))
        worlds.append(("camrest", "camrest with look-ups", camrest.rows(given.mirror, True), CAMREST))
    for name, title, rows, options in worlds:
        train, valid, test = ([row for row in rows if row["split"] == side] for side in ("train", "valid", "test"))
        asked = valid if given.side == "valid" else test
        print(f"{title}: {len(train)} train, {len(valid)} valid, {len(test)} test replies; judged on {given.side}")
        started = time.process_time()
        ours = Ours(train, options, WRITING[name] if given.seq2seq else None)
        print(f"  trained in {time.process_time() - started:.0f} s CPU", flush=True)
        for drafts in (False, True) if name == "star" and given.drafts else (False,):
            seen = ", drafts seen" if drafts else ""
            print(f"  nearest neighbour{seen}: {nearest(train, asked, drafts)}", flush=True)
            if name == "star":
                print(f"  linear model{seen}, next action of named ones: {linear(train, asked, drafts)}", flush=True)
            for part, found in ours.measured(valid, asked, drafts).items():
                print(f"  {part}{seen}: {found}", flush=True)


if __name__ == "__main__":
    main()
