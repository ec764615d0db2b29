"""Replies: what a table of agent turns must hold, and what is drafted for it."""

from __future__ import annotations

from pipelines.blocks.sources import FileSource, SqlSource
from pipelines.errors import ConfigError, DataError
from pipelines.onboarding import roles
from pipelines.onboarding.conclusion import Conclusion
from pipelines.onboarding.facts import Facts
from pipelines.onboarding.look import Look
from pipelines.onboarding.roles import Part
from pipelines.onboarding.target import Target
from pipelines.onboarding.wish import Wish
from pipelines.problems.reply.core.dialogue import ACTION, HISTORY, KNOWLEDGE, LOOKED_UP, split_history

LAYOUT = "one row per agent turn, as docs/replies.md describes: history, action and the reply, named so"
LEAST_TURNS = 400
READABLE = 0.98  # share of the histories whose every line names its speaker
READ = (HISTORY, KNOWLEDGE, LOOKED_UP, "draft", ACTION, "turn")


def conclude_replies(wish: Wish, look: Look, source: FileSource | SqlSource) -> Conclusion:
    """All decisions about a product of replies.

    Raises:
        ConfigError: a column of the layout is missing.
        DataError: histories that cannot be read, too few turns, actions or dialogues.
    """
    facts = look.facts
    missing = [name for name in (HISTORY, ACTION) if name not in facts]
    if missing:
        raise ConfigError(
            f"the column {missing[0]!r} is missing", where={"data": wish.data}, next_step=f"bring {LAYOUT}"
        )
    target = Target(wish.target, "multiclass", "what an agent said", blank=facts[wish.target].blank)
    found = Conclusion(wish, look, source, look.table(source), target, None, None, wish.group, problem="reply")
    found.said += look.said
    found.say("rows", f"{look.rows:,} agent turns, {len(facts)} columns")
    found.say("problem", f"reply: what an agent says next, {wish.target}; the next action is {ACTION}")
    _enough(found, facts)
    taken = [wish.target, str(wish.group), *(name for name in READ if name in facts)]
    found.id, why = (wish.id, "you said so") if wish.id else roles.pick_id(facts, taken)
    if found.id is None:
        raise ConfigError("no column names a turn", next_step="give --id COLUMN, unique in all rows: evidence names it")
    found.say("id", f"{found.id}: {why}")
    for name in facts:
        if name not in {*taken, found.id}:
            found.parts[name] = Part("left out", "replies are learned from the dialogue alone")
    found.split, found.salt = "group", wish.product.replace("_", "-")
    found.say("split", f"by {wish.group}: a dialogue stays on one side")
    found.metric, found.metric_why = "bleu", "sacreBLEU against what the agents said"
    found.floor, found.floor_why = ("bleu", 5.0), "replies that share a few common words reach it"
    found.say("key metric", f"bleu: {found.metric_why}; floor 5, {found.floor_why}")
    found.say("models", "retrieval (search in past situations with a next-action head), trained")
    found.say(
        "models", "seq2seq (an encoder-decoder from scratch), left out for now: use: auto trains it, docs/replies.md"
    )
    return found


def _enough(found: Conclusion, facts: dict[str, Facts]) -> None:
    histories = found.table[HISTORY].dropna().astype(str).tolist()
    good = sum(bool(lines) and all(who for who, _ in lines) for lines in map(split_history, histories))
    if good < READABLE * max(len(histories), 1):
        raise DataError(
            f"{len(histories) - good} of {len(histories)} histories have a line without a speaker",
            where={"column": HISTORY},
            next_step="write each message on a line of its own, beginning with 'customer:' or 'agent:'",
        )
    turns = found.look.rows - facts[found.target.column].blank
    if turns < LEAST_TURNS:
        raise DataError(f"{turns} replies are too few", next_step=f"bring at least {LEAST_TURNS}, better some thousand")
    kinds = facts[ACTION].counts
    if kinds is not None and len(kinds) < 2:
        raise DataError("the agents do one thing only", where={"column": ACTION}, next_step="name actions apart")
    shown = f"{len(kinds)}" if kinds is not None else f"more than {facts[ACTION].limit}"
    blank = f"; {found.target.blank:,} turns have no reply and are left out" if found.target.blank else ""
    found.say("actions", f"{shown} kinds of next actions{blank}")
