"""A drafted suite on disk, and drafting it again beside a person's edits."""

from __future__ import annotations

import difflib
import hashlib
import json
from dataclasses import dataclass
from typing import Any

from pipelines.files import write_text
from pipelines.layout import Layout
from pipelines.onboarding.suite import Expectation

DRAFTED = "drafted"
"""Key of the suite's ``meta``: {rule: digest} as drafted last; a rule whose digest differs was edited by a person."""


@dataclass(frozen=True)
class Merged:
    """A new draft laid over a suite.

    Attributes:
        before, after: the file's text; before is empty where there is none.
        kept: rules that a person wrote or edited, which stay as they are.
        removed: rules that a person took out, which stay out.
    """

    before: str
    after: str
    kept: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()

    @property
    def changed(self) -> bool:
        return self.before != self.after

    def diff(self, name: str) -> str:
        """Unified diff, as git shows it."""
        lines = difflib.unified_diff(
            self.before.splitlines(), self.after.splitlines(), f"a/{name}", f"b/{name}", lineterm="", n=1
        )
        return "\n".join(lines)


def key_of(rule: Expectation) -> str:
    """What a rule is about: its type and columns, whatever its numbers."""
    kwargs = rule.get("kwargs", {})
    single = [kwargs[name] for name in ("column", "column_A", "column_B") if name in kwargs]
    columns = [*single, *kwargs.get("column_list", ())]
    return ":".join([str(rule.get("type", "")).removeprefix("expect_"), *map(str, columns)])


def digest(rule: Expectation) -> str:
    """Of everything in a rule that a person might edit."""
    return hashlib.sha256(json.dumps(rule, sort_keys=True, ensure_ascii=False).encode("utf-8")).hexdigest()[:12]


def text_of(name: str, rules: list[Expectation], meta: dict[str, Any]) -> str:
    """The suite's file: one rule per line, so that a diff shows a rule."""

    def line(value: object) -> str:
        return json.dumps(value, ensure_ascii=False)

    metas = ",\n".join(f"  {line(key)}: {_meta(value)}" for key, value in meta.items())
    body = ",\n".join(f"  {line(rule)}" for rule in rules)
    return f'{{\n "name": {line(name)},\n "meta": {{\n{metas}\n }},\n "expectations": [\n{body}\n ]\n}}\n'


def _meta(value: object) -> str:
    if isinstance(value, dict) and value:
        inner = ",\n".join(f"   {json.dumps(k, ensure_ascii=False)}: {json.dumps(v)}" for k, v in value.items())
        return f"{{\n{inner}\n  }}"
    return json.dumps(value, ensure_ascii=False)


def merge(layout: Layout, product: str, fresh: list[Expectation], notes: str) -> Merged:
    """The suite of a product after a new draft: what a person wrote, edited or took out stays that way."""
    path = layout.suite(product)
    drafted = {key_of(rule): rule for rule in fresh}
    digests = {key: digest(rule) for key, rule in drafted.items()}
    if not path.is_file():
        return Merged("", text_of(product, fresh, {"notes": notes, DRAFTED: digests}))
    before = path.read_text(encoding="utf-8")
    content = json.loads(before)
    meta = dict(content.get("meta") or {})
    known: dict[str, str] = dict(meta.get(DRAFTED) or {})
    present = [(key_of(rule), rule) for rule in content["expectations"]]
    there = {key for key, _ in present}
    removed = tuple(key for key in known if key not in there and key in drafted)
    kept: list[str] = []
    rules: list[Expectation] = []
    for key, rule in present:
        if known.get(key) != digest(rule):
            rules.append(rule)
            kept.append(key)
        elif key in drafted:
            rules.append(drafted[key])
    rules += [rule for key, rule in drafted.items() if key not in there and key not in known]
    meta[DRAFTED] = {key: value for key, value in digests.items() if key not in kept or key in known}
    meta[DRAFTED] |= {key: known[key] for key in kept if key in known}
    return Merged(before, text_of(str(content.get("name") or product), rules, meta), tuple(kept), removed)


def write(layout: Layout, product: str, merged: Merged) -> None:
    """Write the suite, whole or not at all."""
    write_text(layout.suite(product), merged.after)
