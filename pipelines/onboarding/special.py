"""Block, candidates and suite of replies and forecasts, which have little of a table."""

from __future__ import annotations

from pipelines.onboarding.block import Lines, Raw, put_source
from pipelines.onboarding.conclusion import Conclusion
from pipelines.onboarding.suite import ISO_PATTERN, Expectation, column_rules, rule, widened
from pipelines.problems.reply.core.dialogue import ACTION, HISTORY, MAX_HISTORY

SMALL_WRITER = (
    "{dimensions: 64, inner: 128, pieces: 600, longest: 64, epochs: 2, batch: 32, learning_rate: 0.003, "
    "decoding: beam, beams: 3}"
)
CANDIDATES: dict[str, tuple[tuple[str, str, str, str], ...]] = {
    "reply": (("retrieval", "retrieval", "always", "{}"), ("seq2seq", "seq2seq", "never", SMALL_WRITER)),
    "forecast": (
        ("seasonal_naive", "statistical", "always", "{method: seasonal_naive}"),
        ("theta", "statistical", "always", "{method: theta}"),
        ("ets", "statistical", "always", "{method: ets}"),
        ("lightgbm", "lightgbm", "always", "{}"),
    ),
}
"""problem -> (model, family, use, params)."""


def rest_of_block(found: Conclusion, lines: Lines) -> None:
    """Everything after ``problem:``."""
    wish, reply = found.wish, found.problem == "reply"
    name, value = found.floor
    lines.put("requirements")
    lines.put("users", f"CHECK: who uses the answers of {wish.product}", deeper=1)
    lines.put("decision", "CHECK: the decision that an answer serves", deeper=1)
    lines.put("floors" if reply else "ceilings", deeper=1)
    lines.put(name, value, f"{found.floor_why}; CHECK: make it what the decision needs", deeper=2)
    lines.put("latency_p99_ms", 250 if reply else 100, "one row, milliseconds", deeper=1)
    lines.put("bundle_size_mb", 64, "MiB on disk", deeper=1)
    lines.put("service_memory_mb", 1024, "MiB resident, one worker", deeper=1)
    barred = [*found.protected, *wish.unprotected]
    lines.many("protected", barred, "by their names; kept for slices, never features" if barred else "", deeper=1)
    if wish.unprotected:
        lines.put("protected_as_features", deeper=1)
        for column, reason in wish.unprotected.items():
            lines.put(column, reason, deeper=2)
    lines.put("retention_days", 90 if reply else 365, "logged predictions", deeper=1)
    put_source(found.source, lines)
    (_reply_columns if reply else _forecast_columns)(found, lines)
    lines.put("validation")
    lines.put("suite", wish.product, f"expectations/{wish.product}.json", deeper=1)
    lines.put("quarantine_limit", found.quarantine, "share of rows; more in quarantine blocks the lane", deeper=1)
    least = max(20, found.look.rows // 2)
    lines.put("min_rows", least, f"accepted rows; half of the {found.look.rows:,} seen at drafting", deeper=1)
    (_reply_stages if reply else _forecast_stages)(found, lines)


def _left_out(found: Conclusion, lines: Lines) -> None:
    for name, part in list(found.parts.items())[:30]:
        if part.role == "left out":
            lines.note(f"left out: {name}: {part.why}", deeper=1)


def _reply_columns(found: Conclusion, lines: Lines) -> None:
    lines.put("columns")
    lines.put("id", found.id, "names a turn; evidence is told by it", deeper=1)
    lines.put("target", found.target.column, "what was said", deeper=1)
    lines.put("task", "multiclass", "of the next action", deeper=1)
    lines.put("group", found.group, "a dialogue stays on one side", deeper=1)
    _left_out(found, lines)


def _reply_stages(found: Conclusion, lines: Lines) -> None:
    lines.put("label")
    lines.put("max_noise", 0.2, "share of turns whose action is rare among equal replies", deeper=1)
    lines.put("prepare")
    lines.put("split", deeper=1)
    lines.put("by", "group", "whole dialogues", deeper=2)
    lines.put("salt", found.salt, "changes every dialogue's side: only on purpose", deeper=2)
    lines.put("test_share", 0.2, deeper=2)
    lines.put("valid_share", 0.16, deeper=2)
    lines.put("evaluate")
    lines.put("metric", "bleu", found.metric_why, deeper=1)
    lines.put("sent_good", 0.9, "CHECK: share of the replies sent without a person that must be good", deeper=1)
    lines.put("export")
    lines.put("max_difference", 0.001, "of a confidence, judged against served", deeper=1)
    lines.put("rows", 300, "test replies compared", deeper=1)
    _release_and_watch(lines, 1.0, "non-inferiority margin on bleu")


def _forecast_columns(found: Conclusion, lines: Lines) -> None:
    lines.put("columns")
    lines.put("series", found.series, "one row per series and time", deeper=1)
    lines.put("time", found.time, deeper=1)
    lines.put("target", found.target.column, deeper=1)
    lines.put("task", "regression", found.target.why, deeper=1)
    _left_out(found, lines)
    lines.many("numeric", found.of("numeric"), deeper=1)
    lines.many("categorical", found.of("categorical"), deeper=1)
    lines.many("known", found.known, "in advance; the others never change about a series", deeper=1)


def _forecast_stages(found: Conclusion, lines: Lines) -> None:
    lines.put("label")
    lines.put("max_gaps", 0.5, "share of steps without a row", deeper=1)
    lines.put("prepare")
    lines.put("split", Raw("{by: time}"), "the last horizon is test, the one before it valid", deeper=1)
    lines.put("forecast", deeper=1)
    lines.put("frequency", found.frequency, "hour | day | month", deeper=2)
    lines.put("horizon", found.horizon, "steps ahead", deeper=2)
    lines.put("scale", found.scale, "log: relative errors count; ratio: zeros are ordinary", deeper=2)
    stride = max(1, found.horizon // 3)
    lines.put("stride", stride, "steps between the origins that are learned from", deeper=2)
    lines.put("max_rows", 100000, "sampled rows that are learned from", deeper=2)
    lines.put("evaluate")
    lines.put("metric", "wape", found.metric_why, deeper=1)
    lines.put("export")
    lines.put("max_difference", 0.000001, "of a forecast, relative", deeper=1)
    lines.put("rows", 500, "test rows compared", deeper=1)
    _release_and_watch(lines, 0.01, "non-inferiority margin on wape", replace="not_worse")


def _release_and_watch(lines: Lines, margin: float, told: str, replace: str = "") -> None:
    lines.put("release")
    lines.put("promote", "automatic", "automatic | approval", deeper=1)
    if replace:
        lines.put("replace", replace, "a fresh history is worth having: no gain is asked for", deeper=1)
    lines.put("margin", margin, told, deeper=1)
    lines.put("watch")
    lines.put("day_rows", 500, "rows of one day, where `nightshift watch` makes one up", deeper=1)


def special_candidates(found: Conclusion, indent: int) -> str:
    """The entries under ``candidates:``."""
    lines = Lines(indent)
    product = found.wish.product
    for model, family, use, params in CANDIDATES[found.problem]:
        lines.lines.append(f"{' ' * indent}{product}-{model}:")
        lines.put("product", product, deeper=1)
        lines.put("problem", found.problem, deeper=1)
        lines.put("model", model, deeper=1)
        lines.put("family", family, deeper=1)
        told = "auto: it is trained, and served where it helps" if use == "never" else "auto | always | never"
        lines.put("use", use, told, deeper=1)
        if family != "statistical":
            lines.many("seeds", [0], deeper=1)
        lines.put("params", Raw(params), "over the family's defaults", deeper=1)
    return "\n".join(lines.lines) + "\n"


def rules_of(found: Conclusion) -> list[Expectation]:
    """The suite's expectations."""
    rows = found.look.rows
    reply = found.problem == "reply"
    needed = (
        [found.id, found.group, HISTORY, ACTION, found.target.column]
        if reply
        else [found.series, found.time, found.target.column, *found.of("numeric"), *found.of("categorical")]
    )
    told = f"{rows:,} rows at drafting; far fewer: a truncated delivery, far more: the wrong table"
    return [
        rule(
            "table_columns_to_match_set",
            "more columns are allowed, fewer are not",
            column_set=needed,
            exact_match=False,
        ),
        rule("table_row_count_to_be_between", told, min_value=max(1, rows // 2), max_value=max(10 * rows, 10_000)),
        *(_reply_rules(found) if reply else _forecast_rules(found)),
    ]


def _reply_rules(found: Conclusion) -> list[Expectation]:
    reply = found.target.column
    longest = int(found.table[reply].dropna().astype(str).str.len().max())
    rules = [rule("column_values_to_be_unique", "an id names one turn; of two the first stays", column=found.id)]
    for name, why in (
        (found.id, "evidence could not be told"), (found.group, "no split without the dialogue"),
        (HISTORY, "there is nothing to read without it"), (ACTION, "the next action is learned"),
        (reply, "the reply is learned"),
    ):  # fmt: skip
        if not found.look.facts[str(name)].blank or name == HISTORY:
            rules.append(rule("column_values_to_not_be_null", why, column=name))
    return [
        *rules,
        rule("column_values_to_match_regex", "it names who speaks", column=HISTORY, regex="^(?:customer|agent): "),
        rule(
            "column_value_lengths_to_be_between", "somebody has said something, and no document was pasted",
            column=HISTORY, min_value=11, max_value=MAX_HISTORY,
        ),
        rule(
            "column_value_lengths_to_be_between", f"{longest} characters at most at drafting",
            column=reply, min_value=1, max_value=max(2000, 2 * longest),
        ),
    ]  # fmt: skip


def _forecast_rules(found: Conclusion) -> list[Expectation]:
    facts, target = found.look.facts, found.target.column
    low, high = widened(facts[target].low, facts[target].high)
    seen = f"{facts[target].low:g} to {facts[target].high:g} at drafting, and as much again"
    rules = [
        rule("column_values_to_not_be_null", "a value of no series", column=found.series),
        rule("column_values_to_not_be_null", "a value of no time", column=found.time),
        rule(
            "compound_columns_to_be_unique", "one row per series and step: of copies the first is kept",
            column_list=[found.series, found.time],
        ),
        rule("column_values_to_be_between", seen, column=target, min_value=low, max_value=high),
    ]  # fmt: skip
    if found.table[found.time].dtype == object:
        why = "ISO 8601, as the source's formats make it"
        rules.append(rule("column_values_to_match_regex", why, column=found.time, regex=ISO_PATTERN))
    for name in (*found.of("numeric"), *found.of("categorical")):
        rules += column_rules(found, name)
    return rules
