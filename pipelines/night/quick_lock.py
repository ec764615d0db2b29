"""``dvc.lock`` written as DVC writes it, byte for byte, but only the changed stage, and whole or not at all.

DVC reads and writes the whole file with a round-trip YAML parser for every stage that has run: about a second per
stage at 3,000 lines, fifteen at 60,000; and in place, so that a kill leaves half a file. Here the block of the changed
stage is put into the text. Where the text is not as DVC writes it, DVC's own way is taken.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from pipelines.files import write_text

KEY = re.compile(r"^  ([A-Za-z0-9_.@-]+):$")
ALIAS = re.compile(r"[ :-] [&*]id\d+( |$)", re.MULTILINE)  # parameters shared by YAML anchors: numbered over the file


@contextlib.contextmanager
def quick_lock() -> Iterator[None]:
    """While it is open, DVC in this process writes ``dvc.lock`` the quick way."""
    from dvc import dvcfile

    original = dvcfile.modify_yaml

    @contextlib.contextmanager
    def modify(path: Any, fs: Any = None) -> Iterator[Any]:
        lock = Path(path)
        if lock.name == "dvc.lock" and lock.is_file():
            text = lock.read_text(encoding="utf-8")
            before = _load(text)
            if _is_regular(text, before):
                after = {**before, "stages": dict(before["stages"])}
                yield after
                changed = _spliced(text, before, after)
                if changed is not None:
                    write_text(lock, changed)
                else:
                    with original(path, fs=fs) as data:
                        data.clear()
                        data.update(after)
                return
        with original(path, fs=fs) as data:
            yield data

    dvcfile.modify_yaml = modify
    try:
        yield
    finally:
        dvcfile.modify_yaml = original


def _load(text: str) -> Any:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        return YAML(typ="safe").load(text)
    except YAMLError:
        return None


def _is_regular(text: str, content: Any) -> bool:
    """``schema``, then ``stages`` with a block each, in order, and nothing else."""
    if not isinstance(content, dict) or list(content) != ["schema", "stages"] or ALIAS.search(text):
        return False
    stages = content["stages"]
    if not isinstance(stages, dict) or not stages:
        return False
    return [name for name, _, _ in _blocks(_lines(text))] == list(stages)


def _blocks(lines: list[str]) -> list[tuple[str, int, int]]:
    """``(stage, first line, line after the last)`` of each block below ``stages:``."""
    try:
        start = lines.index("stages:") + 1
    except ValueError:
        return []
    heads = [(found.group(1), at) for at, line in enumerate(lines[start:], start) if (found := KEY.match(line))]
    ends = [*(at for _, at in heads[1:]), len(lines)]
    return [(name, at, end) for (name, at), end in zip(heads, ends, strict=False)]


def _spliced(text: str, before: dict[str, Any], after: dict[str, Any]) -> str | None:
    """The text with the changed stages' blocks; None when something else has changed."""
    old, new = before["stages"], after["stages"]
    if list(after) != list(before) or after["schema"] != before["schema"] or list(new)[: len(old)] != list(old):
        return None
    changed = [name for name in new if name not in old or old[name] != new[name]]
    if not all(KEY.match(f"  {name}:") for name in changed):
        return None
    blocks = {name: _block(name, new[name]) for name in changed}
    if any(ALIAS.search(line) for block in blocks.values() for line in block):
        return None
    lines = _lines(text)
    for name, first, end in reversed(_blocks(lines)):
        if name in changed:
            lines[first:end] = blocks[name]
    for name in changed:
        if name not in old:
            lines += blocks[name]
    return "\n".join(lines) + "\n"


def _block(name: str, stage: Any) -> list[str]:
    """The stage as DVC's own dumper writes it, at the place where it will stand."""
    from dvc.utils.serialize import dumps_yaml

    text: str = dumps_yaml({"stages": {name: stage}})
    return _lines(text)[1:]


def _lines(text: str) -> list[str]:
    """Lines as YAML has them here; ``splitlines`` would also part at characters that may stand inside a value."""
    return text.removesuffix("\n").split("\n")


def block_text(name: str, stage: Any) -> str:
    """A stage's block as it stands in a lock: lines below ``stages:``, with a final newline."""
    return "\n".join(_block(name, stage)) + "\n"


def stage_names(text: str) -> list[str]:
    """The stages of a lock as DVC writes it, in order."""
    return [name for name, _, _ in _blocks(_lines(text))]


def with_blocks(text: str, source: str, names: Collection[str]) -> str:
    """``text`` with the blocks of these stages as they stand in ``source``; new ones come at the end."""
    theirs = _lines(source)
    blocks = {name: theirs[first:end] for name, first, end in _blocks(theirs) if name in names}
    lines = _lines(text)
    known = {name for name, _, _ in _blocks(lines)}
    for name, first, end in reversed(_blocks(lines)):
        if name in blocks:
            lines[first:end] = blocks[name]
    for name, block in blocks.items():
        if name not in known:
            lines += block
    return "\n".join(lines) + "\n"
