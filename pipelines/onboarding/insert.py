"""Edits of ``params.yaml`` as text: what is not touched stays byte for byte; what would not load is not written."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from pipelines.config import Params, parse_params
from pipelines.errors import ConfigError, NightshiftError
from pipelines.files import write_bytes
from pipelines.layout import Layout
from pipelines.process import exclusive
from pipelines.strict_yaml import load_yaml

LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
Edit = Callable[["Text"], None]


@dataclass(frozen=True)
class Entry:
    """One key of a block: its name, its first line, the line after its last, and its indent."""

    name: str
    start: int
    end: int
    indent: int


class Text:
    """The lines of a YAML file whose top level and ``products`` and ``candidates`` are blocks."""

    def __init__(self, content: str) -> None:
        self.carriage = "\r" if "\r\n" in content else ""
        self.lines = content.split("\n")
        if self.lines[-1] == "":
            self.lines.pop()
        self._node: yaml.Node | None = None
        self._read = ""

    def content(self) -> str:
        return "\n".join(self.lines) + "\n"

    def entries(self, block: str) -> list[Entry]:
        """The keys under a top-level key, in order; comments between two keys belong to the one below.

        Raises:
            ConfigError: no such block, or written in one line.
        """
        return list(self._entries(block))

    def _entries(self, block: str) -> Iterator[Entry]:
        node = self._mapping(block)
        keys = [(str(key.value), key.start_mark.line, key.start_mark.column) for key, _ in node.value]
        limits = [start for _, start, _ in keys[1:]] + [self._end(block)]
        for (name, start, column), limit in zip(keys, limits, strict=True):
            end = limit
            while end - 1 > start and self._idle(end - 1):
                end -= 1
            yield Entry(name, start, end, column)

    def entry(self, block: str, name: str) -> Entry:
        """Raises ConfigError when the block has no such key."""
        found = next((entry for entry in self.entries(block) if entry.name == name), None)
        if found is None:
            raise ConfigError(f"no {name!r} under {block}", where={"file": "params.yaml"}, next_step="look at its keys")
        return found

    def indent(self, block: str) -> int:
        """The indent of the keys of a block."""
        return next(iter(self.entries(block))).indent

    def append(self, block: str, text: str, blank: bool) -> None:
        """Add keys at the end of a block, after an empty line if ``blank``."""
        end = self.entries(block)[-1].end
        added = ["", *text.rstrip("\n").split("\n")] if blank else text.rstrip("\n").split("\n")
        self.lines[end:end] = [line + self.carriage for line in added]

    def cut(self, block: str, name: str) -> None:
        """Take a key out, with the comment lines right above it and one empty line."""
        entry = self.entry(block, name)
        start = entry.start
        while start > 0 and self.lines[start - 1].strip().startswith("#") and not self._heads(start - 1, block):
            start -= 1
        end = entry.end
        if start > 0 and not self.lines[start - 1].strip():
            start -= 1
        elif end < len(self.lines) and not self.lines[end].strip():
            end += 1
        del self.lines[start:end]

    def replace(self, path: Sequence[str], value: str) -> None:
        """Another value for the scalar at a path of keys; the rest of its line stays."""
        self._swap(self._scalar(path)[1], value)

    def rename(self, path: Sequence[str], name: str) -> None:
        """Another name for the key at a path of keys; its value stays."""
        self._swap(self._scalar(path)[0], name)

    def _scalar(self, path: Sequence[str]) -> tuple[yaml.Node, yaml.Node]:
        node: yaml.Node = self._root()
        key = node
        for part in path:
            pairs = node.value if isinstance(node, yaml.MappingNode) else []
            key, node = next(((k, v) for k, v in pairs if k.value == part), (node, node))
            if key is node:
                raise ConfigError(f"no key {'.'.join(path)}", where={"file": "params.yaml"}, next_step="look at it")
        return key, node

    def _swap(self, node: yaml.Node, text: str) -> None:
        line, start, end = node.start_mark.line, node.start_mark.column, node.end_mark.column
        whole = self.lines[line]
        self.lines[line] = whole[:start] + text + whole[end:]

    def _heads(self, line: int, block: str) -> bool:
        return line <= int(self._key(block).start_mark.line)

    def _idle(self, line: int) -> bool:
        return not self.lines[line].strip() or self.lines[line].lstrip().startswith("#")

    def _root(self) -> yaml.MappingNode:
        text = "\n".join(self.lines)
        if text != self._read:
            self._node, self._read = yaml.compose(text, Loader=LOADER), text
        node = self._node
        if not isinstance(node, yaml.MappingNode):
            raise ConfigError("params.yaml is not a mapping", next_step="restore it from git")
        return node

    def _key(self, block: str) -> Any:
        return next(key for key, _ in self._root().value if key.value == block)

    def _mapping(self, block: str) -> yaml.MappingNode:
        node = next((value for key, value in self._root().value if key.value == block), None)
        if not isinstance(node, yaml.MappingNode) or node.flow_style or not node.value:
            raise ConfigError(
                f"{block} is not a block with a key in each line",
                where={"file": "params.yaml"},
                next_step=f"write it as {block}: and its keys below, each on lines of its own",
            )
        return node

    def _end(self, block: str) -> int:
        """The first line that belongs to the next top-level key, its comments included."""
        starts = sorted(int(key.start_mark.line) for key, _ in self._root().value)
        own = int(self._key(block).start_mark.line)
        after = [line for line in starts if line > own]
        if not after:
            return len(self.lines)
        line = after[0]
        while line - 1 > own and re.match(r"#", self.lines[line - 1]):
            line -= 1
        return line


def edit_params(layout: Layout, edit: Edit, write: bool = True) -> tuple[str, str, Params]:
    """Apply an edit to ``params.yaml``, check that the result loads, then replace the file in one step.

    Returns:
        The text before, the text after, and the parameters that the new text gives.

    Raises:
        ConfigError: the result would not load; the file is as it was.
        BusyError: another edit is under way.
    """
    with exclusive(layout.locks / "params.lock", "an edit of params.yaml", wait_seconds=10):
        before = layout.params.read_bytes()
        content = before.decode("utf-8")
        text = Text(content)
        edit(text)
        after = text.content()
        params = _checked(after)
        if write and after != content:
            write_bytes(layout.params, after.encode("utf-8"))
    return content, after, params


def _checked(after: str) -> Params:
    try:
        return parse_params(load_yaml(after))
    except (yaml.YAMLError, NightshiftError) as error:
        told = error.what if isinstance(error, NightshiftError) else " ".join(str(error).split())
        raise ConfigError(
            f"params.yaml would not load after this change: {told}",
            next_step="the file is as it was; mend what is named above, or write the block by hand",
        ) from error
