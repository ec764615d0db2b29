"""The drafted block of ``params.yaml`` as text, commented as a person would."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from pipelines.blocks.sources import FileSource, SqlSource
from pipelines.onboarding.conclusion import Conclusion

WIDTH = 112
COMMENT_AT = 33
PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
WORDS = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null", "none", "nan", "inf"})
"""Plain words that some YAML reader takes for something else than text."""


def scalar(value: object) -> str:
    """A value as YAML in one line, which YAML 1.1 and 1.2 read alike."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        text = f"{value:.10g}"
        if re.fullmatch(r"-?\d+", text):
            return f"{text}.0"
        return re.sub(r"^(-?\d+)e", r"\1.0e", text)  # YAML 1.1 takes 1e-05 for text
    text = str(value)
    if PLAIN.fullmatch(text) and text.lower() not in WORDS:
        return text
    quoted = json.dumps(text, ensure_ascii=False)
    return "".join(
        c if c.isprintable() else f"\\u{ord(c):04x}" if ord(c) < 0x10000 else f"\\U{ord(c):08x}" for c in quoted
    )


@dataclass
class Lines:
    """Lines of YAML at one indent."""

    indent: int = 0
    lines: list[str] = field(default_factory=list)

    def put(self, key: str, value: object = "", comment: str = "", deeper: int = 0) -> None:
        """``key: value  # comment``; without a value the head of a block."""
        shown = value if isinstance(value, Raw) else "" if value == "" else scalar(value)
        text = " " * (self.indent + 2 * deeper) + f"{scalar(key)}:" + (f" {shown}" if shown else "")
        self.lines.append(_with_comment(text, comment))

    def note(self, text: str, deeper: int = 0) -> None:
        """A comment line of its own, cut where it would be too long."""
        whole = " " * (self.indent + 2 * deeper) + "# " + _one_line(text)
        self.lines.append(whole if len(whole) <= WIDTH + 8 else whole[: WIDTH + 4] + " ...")

    def many(self, key: str, values: Iterable[object], comment: str = "", deeper: int = 0) -> None:
        """A flow list, wrapped where it is long."""
        parts = [scalar(value) for value in values]
        start = " " * (self.indent + 2 * deeper) + f"{scalar(key)}: ["
        if len(start) + sum(len(part) + 2 for part in parts) <= WIDTH:
            self.lines.append(_with_comment(f"{start}{', '.join(parts)}]", comment))
            return
        if comment:
            self.note(comment, deeper)
        line = start
        for place, part in enumerate(parts):
            end = "," if place < len(parts) - 1 else "]"
            if len(line) + len(part) + 2 > WIDTH and line.strip():
                self.lines.append(line.rstrip())
                line = " " * (self.indent + 2 * deeper + 2)
            line += f"{part}{end} "
        self.lines.append(line.rstrip())


class Raw(str):
    """YAML already."""


def _one_line(text: str) -> str:
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def _with_comment(text: str, comment: str) -> str:
    if not comment:
        return text
    wide = sum(unicodedata.east_asian_width(char) in "WF" for char in text)
    return f"{text}{' ' * max(2, COMMENT_AT - len(text) - wide)}# {_one_line(comment)}"


def product_block(found: Conclusion, indent: int = 2) -> str:
    """The block under ``products:``, from ``name:`` on, with a final newline."""
    wish, lines = found.wish, Lines(indent)
    lines.put(wish.product)
    lines.indent += 2
    lines.note("Drafted by `nightshift new` from the data. What only you know is marked CHECK.")
    lines.put("title", wish.product.replace("_", " ").capitalize())
    lines.put("data", "own", "demo | public | own: which nights it belongs to; own: every night")
    lines.put("problem", found.problem)
    if found.problem in {"reply", "forecast"}:
        from pipelines.onboarding.special import rest_of_block

        rest_of_block(found, lines)
        return "\n".join(lines.lines) + "\n"
    _requirements(found, lines)
    put_source(found.source, lines)
    _columns(found, lines)
    lines.put("validation")
    lines.put("suite", wish.product, f"expectations/{wish.product}.json", deeper=1)
    lines.put("quarantine_limit", found.quarantine, "share of rows; more in quarantine blocks the lane", deeper=1)
    least = max(20, found.look.rows // 2)
    lines.put("min_rows", least, f"accepted rows; half of the {found.look.rows:,} seen at drafting", deeper=1)
    _prepare(found, lines)
    _evaluate(found, lines)
    return "\n".join(lines.lines) + "\n"


def _requirements(found: Conclusion, lines: Lines) -> None:
    lines.put("requirements")
    name, floor = found.floor
    lines.put("users", f"CHECK: who uses the answers of {found.wish.product}", deeper=1)
    lines.put("decision", "CHECK: the decision that an answer serves", deeper=1)
    lines.put("floors", deeper=1)
    lines.put(name, floor, f"{found.floor_why}; CHECK: raise it to what the decision needs", deeper=2)
    if found.target.task == "binary" and found.problem == "tabular":
        lines.put("costs", deeper=1)
        lines.put("false_positive", 1.0, "CHECK: of acting on a case that was fine, one currency unit", deeper=2)
        lines.put("false_negative", 1.0, "CHECK: of missing a case, the same unit", deeper=2)
    lines.put("latency_p99_ms", 100, "one row, milliseconds", deeper=1)
    lines.put("bundle_size_mb", 160 if found.problem == "text" else 64, "MiB on disk", deeper=1)
    lines.put("service_memory_mb", 1024, "MiB resident, one worker", deeper=1)
    barred = [*found.protected, *found.wish.unprotected]
    lines.many("protected", barred, "by their names; kept for slices, never features" if barred else "", deeper=1)
    if found.wish.unprotected:
        lines.put("protected_as_features", deeper=1)
        for column, reason in found.wish.unprotected.items():
            lines.put(column, reason, deeper=2)
    lines.put("retention_days", 365, "logged predictions", deeper=1)


def put_source(source: FileSource | SqlSource, lines: Lines) -> None:
    lines.put("source")
    lines.put("kind", source.kind, deeper=1)
    if isinstance(source, SqlSource):
        lines.put("url" if source.url is not None else "url_from", source.url or source.url_from, deeper=1)
        lines.put("query", source.query, deeper=1)
        return
    lines.put("path", source.path, "a relative path starts at params.yaml", deeper=1)
    if source.format != "auto":
        lines.put("format", source.format, deeper=1)
    if source.encoding:
        lines.put("encoding", source.encoding, "as it seemed at drafting", deeper=1)
    if source.separator:
        lines.put("separator", source.separator, deeper=1)
    if source.decimal != "." or source.thousands:
        lines.put("decimal", source.decimal, "decimal sign of numbers", deeper=1)
        lines.put("thousands", source.thousands if source.thousands else Raw('""'), deeper=1)
    if source.missing:
        lines.many("missing", source.missing, "these too count as missing among numbers", deeper=1)
    for key, mapping in (("dates", source.dates), ("spellings", source.spellings)):
        if mapping:
            lines.put(key, deeper=1)
        for column, value in mapping.items():
            if isinstance(value, Mapping):
                lines.put(column, deeper=2)
                for written, meant in value.items():
                    lines.put(written, meant, deeper=3)
            else:
                lines.many(column, value, deeper=2)


def _columns(found: Conclusion, lines: Lines) -> None:
    target = found.target
    lines.put("columns")
    lines.put("id", found.id, "" if found.id else "rows are known by their content", deeper=1)
    lines.put("target", target.column, deeper=1)
    lines.put("task", target.task, target.why, deeper=1)
    if found.problem == "text":
        lines.put("text", found.wish.text, "what is read", deeper=1)
    if found.problem == "uplift":
        lines.put("treatment", found.wish.treatment, "what was done to each customer", deeper=1)
        lines.put("control", _control(found), "the arm that was not contacted", deeper=1)
    if target.positive is not None:
        lines.put("positive", target.positive, target.positive_why, deeper=1)
    lines.put("time", found.time, "when a row was known" if found.time else "", deeper=1)
    lines.put("group", found.group, "its rows never part at the split" if found.group else "", deeper=1)
    left = [(name, part) for name, part in found.parts.items() if part.role == "left out"]
    for name, part in left[:30]:
        lines.note(f"left out: {name}: {part.why}", deeper=1)
    if len(left) > 30:
        lines.note(f"left out: {len(left) - 30} more columns", deeper=1)
    noted = [(name, part) for name, part in found.parts.items() if part.note and part.role != "left out"]
    for name, part in noted[:15]:
        lines.note(f"{name}: {part.note}", deeper=1)
    lines.many("numeric", found.of("numeric"), deeper=1)
    lines.many("categorical", found.of("categorical"), deeper=1)


def _control(found: Conclusion) -> int | str | None:
    """The value as fetch has it."""
    fact = found.look.facts[str(found.wish.treatment)]
    whole = fact.numbers == fact.present and fact.all_whole and not fact.coded
    return int(str(found.control)) if whole else found.control


def _prepare(found: Conclusion, lines: Lines) -> None:
    lines.put("label")
    lines.put("conflicts", "drop", "same features, different labels", deeper=1)
    lines.put("noise_folds", 5, deeper=1)
    lines.put("max_noise", 0.5, "share of labels that look wrong", deeper=1)
    lines.put("prepare")
    lines.put("split", deeper=1)
    lines.put("by", found.split, "hash | time | group | official", deeper=2)
    lines.put("salt", found.salt, "changes every row's side: only on purpose", deeper=2)
    lines.put("test_share", 0.2, deeper=2)
    lines.put("valid_share", 0.16, deeper=2)
    if found.leakage_auc != 0.98:
        told = "0.98 is usual; a feature of yours comes near or above it and is kept"
        lines.put("leakage_auc", found.leakage_auc, told, deeper=1)
    if found.known_before:
        lines.put("known_before", deeper=1)
        for name, why in found.known_before.items():
            lines.put(name, why, deeper=2)


def _evaluate(found: Conclusion, lines: Lines) -> None:
    lines.put("evaluate")
    lines.put("metric", found.metric, found.metric_why, deeper=1)
    if found.problem == "uplift":
        costs = {arm: 0.0 for arm in found.arms if arm != found.control}
        lines.put("campaign", deeper=1)
        lines.put("value", 1.0, "CHECK: of one outcome", deeper=2)
        lines.put("costs", "", "CHECK: of one contact, in the same unit", deeper=2)
        for arm, cost in costs.items():
            lines.put(arm, cost, deeper=3)
    if found.slices:
        lines.put("slices", deeper=1)
        for name in found.slices:
            lines.many(name, _edges(found, name), deeper=2)
    lines.put("export")
    unit = "of a prediction, in standard deviations" if found.target.task == "regression" else "of a probability"
    lines.put("max_difference", 0.0001, f"{unit}, original against exported", deeper=1)
    lines.put("rows", 2000, "test rows compared", deeper=1)
    lines.put("release")
    lines.put("promote", "automatic", "automatic | approval", deeper=1)
    if found.target.task == "regression":
        margin = float(f"{found.spread / 100:.2g}")
        told = f"of {found.metric}, in the target's unit: 1% of its standard deviation"
        lines.put("margin", margin, told, deeper=1)
        lines.put("slice_margin", 4 * margin, "in the same unit", deeper=1)
    else:
        margin = 0.005
        lines.put("margin", margin, f"non-inferiority margin on {found.metric}", deeper=1)
    lines.put("watch")
    lines.put("day_rows", 500, "rows of one day, where `nightshift watch` makes one up", deeper=1)
    lines.put("drift_limit", 0.1, "effect size per column", deeper=1)
    lines.put("drift_share", 0.3, "share of drifted columns that is an alarm", deeper=1)
    lines.put("loss_margin", 4 * margin, f"of {found.metric}, estimated or measured", deeper=1)


def _edges(found: Conclusion, name: str) -> list[float]:
    """Quartiles of a numeric slice column with many values; none for categories."""
    import pandas as pd

    if found.parts[name].role != "numeric" or (found.look.facts[name].distinct or 99) <= 8:
        return []
    values = pd.to_numeric(found.table[name], errors="coerce").dropna()
    return sorted({float(f"{edge:.3g}") for edge in values.quantile([0.25, 0.5, 0.75])})


CANDIDATES: dict[str, tuple[tuple[str, str, str], ...]] = {
    "tabular": (("lightgbm", "lightgbm", "{}"), ("tabm", "tabm", "{}")),
    "text": (("linear_text", "linear_text", "{}"), ("encoder", "encoder", "{}")),
    "uplift": (("t_learner", "uplift_trees", "{learner: t}"), ("dr_learner", "uplift_trees", "{learner: dr}")),
}
"""problem -> (model, family, params)."""


def candidate_block(found: Conclusion, indent: int = 2) -> str:
    """The entries under ``candidates:``, with a final newline."""
    if found.problem in {"reply", "forecast"}:
        from pipelines.onboarding.special import special_candidates

        return special_candidates(found, indent)
    lines = Lines(indent)
    product = found.wish.product
    for model, family, params in CANDIDATES[found.problem]:
        lines.lines.append(f"{' ' * indent}{product}-{model}:")
        lines.put("product", product, deeper=1)
        lines.put("problem", found.problem, deeper=1)
        lines.put("model", model, deeper=1)
        lines.put("family", family, deeper=1)
        lines.put("use", "auto", "auto (by the written rule, docs/models.md) | always | never", deeper=1)
        lines.many("seeds", [0], deeper=1)
        if family in {"lightgbm", "uplift_trees"}:
            lines.put("folds", found.folds, "cross-fitted; 0: stopped on the valid rows", deeper=1)
        if family == "lightgbm" and found.split == "time":
            lines.put("refit", True, "time decides the sides: the newest rows are learned from too", deeper=1)
        lines.put("params", Raw(params), "over the family's defaults", deeper=1)
    return "\n".join(lines.lines) + "\n"
