"""Replies against what was said: BLEU by sacreBLEU's counts, ROUGE by rouge-score, next actions, entities, variety.

The counts of every reply are kept per dialogue, and a measure is made from their weighted sums: so the corpus BLEU of
a resample of dialogues costs one product, and the bootstrap draws dialogues, not replies that depend on one another.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

NAMES = ("bleu", "rouge_1", "rouge_2", "rouge_l", "action_accuracy", "entity_f1", "answered")
ORDERS = 4
ENTITY = re.compile(r"\d[\d.,:/-]*\d|\d|(?<=[\w,;] )[A-Z][\w'’-]+")


class ReplyJudge:
    """Measures replies for any weights of the dialogues; see :class:`pipelines.metrics.judges.Judge`.

    ``bleu`` is in 0 to 100, the ROUGE F-scores are in 0 to 1; ``action_accuracy`` and ``answered`` are shares of
    replies, ``entity_f1`` is over the numbers and names of all replies.

    Args:
        dialogues: dialogue of each reply ``[m]``; ``n`` is the number of different ones.
        replies: what the model says ``[m]``.
        references: what was said ``[m]``.
        right: 1.0 where the next action is the true one ``[m]``; NaN where there is none.
        sent: 1.0 where the reply would go out without a person ``[m]``.
        names: which measures.
    """

    def __init__(
        self, dialogues: Sequence[Any], replies: Sequence[str], references: Sequence[str],
        right: FloatArray | None = None, sent: FloatArray | None = None, names: Sequence[str] = NAMES,
    ) -> None:  # fmt: skip
        self.names = tuple(names)
        keys: dict[str, int] = {key: place for place, key in enumerate(dict.fromkeys(map(str, dialogues)))}
        place = np.array([keys[str(key)] for key in dialogues], dtype=np.int64)
        self.n = len(keys)
        columns: dict[str, FloatArray] = {"replies": np.ones(len(replies))}
        if "bleu" in self.names:
            columns |= _bleu_counts(replies, references)
        if any(name.startswith("rouge") for name in self.names):
            columns |= rouge(replies, references)
        if "entity_f1" in self.names:
            columns |= _entity_counts(replies, references)
        known = np.full(len(replies), np.nan) if right is None else np.asarray(right, dtype=np.float64)
        columns |= {"judged": (~np.isnan(known)).astype(np.float64), "right": np.nan_to_num(known)}
        columns["sent"] = np.zeros(len(replies)) if sent is None else np.asarray(sent, dtype=np.float64)
        self._sums = {name: np.bincount(place, weights=column, minlength=self.n) for name, column in columns.items()}

    def measure(self, weights: FloatArray) -> dict[str, FloatArray]:
        """``{name: float64 [b]}`` for weights ``[b, n]`` of the dialogues."""
        order = list(self._sums)
        sums = _by_name(order, weights @ np.column_stack([self._sums[name] for name in order]))
        with np.errstate(divide="ignore", invalid="ignore"):
            found: dict[str, FloatArray] = {}
            for name in ("rouge_1", "rouge_2", "rouge_l"):
                if name in sums:
                    found[name] = sums[name] / sums["replies"]
            found["action_accuracy"] = sums["right"] / sums["judged"]
            found["answered"] = sums["sent"] / sums["replies"]
            if "entity_f1" in self.names:
                found["entity_f1"] = 2.0 * sums["entity_hits"] / (sums["entities_said"] + sums["entities_wanted"])
        if "bleu" in self.names:
            found["bleu"] = _bleu(sums)
        return {name: found[name] for name in self.names}


def signature() -> str:
    """sacreBLEU's signature of the BLEU that is measured here."""
    from sacrebleu.metrics.bleu import BLEU

    metric = BLEU()
    metric.corpus_score(["a"], [["a"]])
    return str(metric.get_signature())


def corpus_bleu(replies: Sequence[str], references: Sequence[str]) -> float:
    """BLEU of all replies by sacreBLEU itself, 0 to 100 (Papineni et al., ACL 2002; Post, WMT 2018)."""
    from sacrebleu.metrics.bleu import BLEU

    return float(BLEU().corpus_score(list(replies), [list(references)]).score)


def rouge(replies: Sequence[str], references: Sequence[str]) -> dict[str, FloatArray]:
    """F-scores of ROUGE-1, ROUGE-2 and ROUGE-L of each reply ``[m]``, without stemming (Lin, 2004)."""
    from rouge_score.rouge_scorer import RougeScorer  # type: ignore[import-untyped]

    scorer = RougeScorer(["rouge1", "rouge2", "rougeL"], use_stemmer=False)
    kept: dict[tuple[str, str], tuple[float, float, float]] = {}
    for pair in zip(replies, references, strict=True):
        if pair not in kept:
            found = scorer.score(pair[1], pair[0])
            kept[pair] = (found["rouge1"].fmeasure, found["rouge2"].fmeasure, found["rougeL"].fmeasure)
    table = np.array([kept[pair] for pair in zip(replies, references, strict=True)], dtype=np.float64).reshape(-1, 3)
    return {"rouge_1": table[:, 0], "rouge_2": table[:, 1], "rouge_l": table[:, 2]}


def distinct(replies: Sequence[str], n: int) -> float:
    """Distinct-n: different word n-grams over all word n-grams (Li et al., NAACL 2016)."""
    seen: Counter[tuple[str, ...]] = Counter()
    for reply in replies:
        words = reply.lower().split()
        seen.update(tuple(words[start : start + n]) for start in range(len(words) - n + 1))
    return len(seen) / max(1, sum(seen.values()))


def entities(text: str) -> Counter[str]:
    """Numbers, times and names (words with a capital that do not begin the text) of a reply."""
    return Counter(found.lower() for found in ENTITY.findall(text))


def _bleu_counts(replies: Sequence[str], references: Sequence[str]) -> dict[str, FloatArray]:
    from sacrebleu.metrics.bleu import BLEU

    metric = BLEU(effective_order=True)  # of single replies; only their counts are read
    kept: dict[tuple[str, str], list[float]] = {}
    for pair in zip(replies, references, strict=True):
        if pair not in kept:
            found = metric.sentence_score(pair[0], [pair[1]])
            kept[pair] = [*found.counts, *found.totals, found.sys_len, found.ref_len]
    table = np.array([kept[pair] for pair in zip(replies, references, strict=True)], dtype=np.float64)
    names = [f"{kind}_{order}" for kind in ("same", "total") for order in range(ORDERS)] + ["length", "wanted"]
    return {name: table[:, place] for place, name in enumerate(names)}


def _bleu(sums: dict[str, FloatArray]) -> FloatArray:
    """The geometric mean of the n-gram precisions times the brevity penalty; exponential smoothing of zeros."""
    score = np.zeros(len(sums["length"]))
    for row in range(len(score)):
        if sums["length"][row] <= 0 or sums["same_0"][row] <= 0:
            continue
        smooth, logs = 1.0, []
        for order in range(ORDERS):
            total, same = sums[f"total_{order}"][row], sums[f"same_{order}"][row]
            if total <= 0:
                logs = [-math.inf]
                break
            if same <= 0:
                smooth *= 2.0
                same = 1.0 / smooth
            logs.append(math.log(same / total))
        short = min(0.0, 1.0 - sums["wanted"][row] / sums["length"][row])
        score[row] = 100.0 * math.exp(short + sum(logs) / ORDERS) if math.isfinite(sum(logs)) else 0.0
    return score


def _entity_counts(replies: Sequence[str], references: Sequence[str]) -> dict[str, FloatArray]:
    hits, said, wanted = [], [], []
    for reply, reference in zip(replies, references, strict=True):
        ours, theirs = entities(reply), entities(reference)
        hits.append(sum((ours & theirs).values()))
        said.append(sum(ours.values()))
        wanted.append(sum(theirs.values()))
    counts = {"entity_hits": hits, "entities_said": said, "entities_wanted": wanted}
    return {name: np.array(values, dtype=np.float64) for name, values in counts.items()}


def _by_name(names: Sequence[str], table: FloatArray) -> dict[str, FloatArray]:
    return {name: table[:, place] for place, name in enumerate(names)}
