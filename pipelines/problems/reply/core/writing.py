"""What the encoder-decoder reads and writes: the situation with slots in, an action's mark and a template out."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipelines.models.seq2seq import runtime
from pipelines.models.seq2seq.decoding import Decoding, stream, write
from pipelines.models.seq2seq.graphs import GraphNetwork
from pipelines.models.seq2seq.runtime import Network
from pipelines.problems.reply.core.dialogue import HIDDEN, STEERING, Situation
from pipelines.problems.reply.core.slots import NUMBER, SLOT, Values, delexicalise, realise

MARK = re.compile(r"^<act:\w*>\s*")
UNFINISHED = re.compile(r"\{[^}]*$|\ufffd$")  # half a slot, half a letter
ODD = re.compile(r"\W")
SPEAKERS = {"customer": "<customer>", "agent": "<agent>"}
KNOWN = "<known>"
READ = 5  # last messages
FLAGS = 12  # truth values and states of the knowledge
SHORT = 30  # characters of a state
TOGETHER = 128  # situations per batch


def mark_of(action: str) -> str:
    """The piece that begins a reply of an action."""
    return f"<act:{ODD.sub('_', action)}>"


def source_text(situation: Situation, values: Values) -> str:
    """The situation as the encoder reads it, what is known last: only the oldest words are ever cut off. Digits that
    have no slot are hidden."""
    fields = [f"{{{key}}}" for key in situation.knowledge if key not in HIDDEN]
    flags = [f"{key} {value}" for key, value in situation.knowledge.items() if _steers(key, value)][:FLAGS]
    system = str(situation.knowledge.get("APIName", ""))
    parts: list[str] = []
    for speaker, text in situation.messages[-READ:]:
        parts += [SPEAKERS[speaker], NUMBER.sub("#", delexicalise(text, values))]
    parts += [KNOWN, system, "!" * min(situation.looked_up, 2), *fields, *flags]
    return " ".join(part for part in parts if part)


def _steers(key: str, value: object) -> bool:
    """Truth values, steering fields, and states such as ``on its way``: never a name or number, which has its slot."""
    if isinstance(value, bool) or key in STEERING:
        return True
    return isinstance(value, str) and len(value) < SHORT and value[:1].islower() and not NUMBER.search(value)


def target_text(action: str, template: str) -> str:
    """What the decoder learns to write."""
    return f"{mark_of(action)} {template}"


class Writer:
    """A trained encoder-decoder with its way of decoding; it writes no slot that the situation cannot fill."""

    def __init__(self, network: Network | GraphNetwork, how: Decoding) -> None:
        self.network, self.how = network, how
        tokens = network.pieces.tokens
        self._slots = {place: token[1:-1] for place, token in enumerate(tokens) if SLOT.fullmatch(token)}
        self._width = len(tokens)

    def __call__(self, situations: Sequence[Situation], values: Sequence[Values]) -> list[dict[str, float]]:
        """Per situation ``{template: mean log-probability per token}``."""
        found: list[dict[str, float]] = []
        for start in range(0, len(situations), TOGETHER):
            part = range(start, min(start + TOGETHER, len(situations)))
            sources = [self._source(situations[row], values[row]) for row in part]
            forbidden = np.stack([self._forbidden(values[row]) for row in part])
            for texts in write(self.network, sources, self.how, forbidden):
                one: dict[str, float] = {}
                for tokens, score in texts:
                    template = MARK.sub("", self.network.pieces.decode(tokens))
                    one[template] = max(score, one.get(template, score))
                found.append(one)
        return found

    def stream(self, situation: Situation, values: Values) -> Iterator[str]:
        """The likeliest reply in parts, as they become sure, slots filled; closing the generator ends the work.

        The parts together are ``realise`` of the first template of a call, or its beginning where a slot is unknown.
        """
        tokens: list[int] = []
        sent = ""
        for token in stream(self.network, self._source(situation, values), self.how, self._forbidden(values)):
            tokens.append(token)
            template = MARK.sub("", self.network.pieces.decode(tokens))
            text = realise(template, values)
            if text is None:
                return
            if len(text) > len(sent) and not UNFINISHED.search(template):
                yield text[len(sent) :]
                sent = text

    def _source(self, situation: Situation, values: Values) -> list[int]:
        return self.network.pieces.encode(source_text(situation, values))

    def _forbidden(self, values: Values) -> NDArray[np.bool_]:
        found = np.zeros(self._width, dtype=bool)
        known = {slot for slot, _ in values}
        found[[place for place, slot in self._slots.items() if slot not in known]] = True
        return found


def load_writer(folder: Path, decoding: Mapping[str, object]) -> Writer:
    """From a train or bundle folder; ``decoding`` as ``model.json`` tells it."""
    return Writer(runtime.load(folder), Decoding(**decoding))  # type: ignore[arg-type]
