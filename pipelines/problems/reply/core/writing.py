"""What the encoder-decoder reads and writes: the situation with slots in, an action's mark and a template out."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from pipelines.models.seq2seq import runtime
from pipelines.models.seq2seq.decoding import Decoding, write
from pipelines.models.seq2seq.runtime import Network
from pipelines.problems.reply.core.dialogue import HIDDEN, Situation
from pipelines.problems.reply.core.slots import NUMBER, Values, delexicalise

MARK = re.compile(r"^<act:\w*>\s*")
ODD = re.compile(r"\W")
SPEAKERS = {"customer": "<customer>", "agent": "<agent>"}
KNOWN = "<known>"
READ = 5  # last messages
FLAGS = 12  # truth values and short texts of the knowledge
TOGETHER = 128  # situations per batch


def mark_of(action: str) -> str:
    """The piece that begins a reply of an action."""
    return f"<act:{ODD.sub('_', action)}>"


def source_text(situation: Situation, values: Values) -> str:
    """The situation as the encoder reads it; digits that have no slot are hidden."""
    fields = [f"{{{key}}}" for key in situation.knowledge if key not in HIDDEN]
    flags = [f"{key} {value}" for key, value in situation.knowledge.items() if isinstance(value, bool)][:FLAGS]
    system = str(situation.knowledge.get("APIName", ""))
    parts = [KNOWN, system, "!" * min(situation.looked_up, 2), *fields, *flags]
    for speaker, text in situation.messages[-READ:]:
        parts += [SPEAKERS[speaker], NUMBER.sub("#", delexicalise(text, values))]
    return " ".join(part for part in parts if part)


def target_text(action: str, template: str) -> str:
    """What the decoder learns to write."""
    return f"{mark_of(action)} {template}"


def written(
    network: Network, situations: Sequence[Situation], values: Sequence[Values], how: Decoding
) -> list[dict[str, float]]:
    """Per situation ``{template: mean log-probability per token}``."""
    found: list[dict[str, float]] = []
    for start in range(0, len(situations), TOGETHER):
        part = range(start, min(start + TOGETHER, len(situations)))
        sources = [network.pieces.encode(source_text(situations[row], values[row])) for row in part]
        for texts in write(network, sources, how):
            one: dict[str, float] = {}
            for tokens, score in texts:
                template = MARK.sub("", network.pieces.decode(tokens))
                one[template] = max(score, one.get(template, score))
            found.append(one)
    return found


class Writer:
    """A trained encoder-decoder with its way of decoding."""

    def __init__(self, network: Network, how: Decoding) -> None:
        self.network, self.how = network, how

    def __call__(self, situations: Sequence[Situation], values: Sequence[Values]) -> list[dict[str, float]]:
        """See :func:`written`."""
        return written(self.network, situations, values, self.how)


def load_writer(folder: Path, decoding: Mapping[str, object]) -> Writer:
    """From a train or bundle folder; ``decoding`` as ``model.json`` tells it."""
    return Writer(runtime.load(folder), Decoding(**decoding))  # type: ignore[arg-type]
