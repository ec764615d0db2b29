"""Which encoding a text is in, where nobody has said so: a guess with its reason, never taken without saying it."""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass

HEAD = 1 << 20  # bytes looked at
MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
"""A byte order mark and the codec that reads it; UTF-32's begins with UTF-16's and so comes first."""
CROWDED = ["gb18030", "big5", "cp932", "euc_jp", "euc_kr", "cp1251", "koi8_r", "cp1253", "cp1255", "cp1256", "cp874"]
"""Encodings in which whole words lie above ASCII."""
HIGH_RUN = re.compile(rb"[\x80-\xff]{2,}")
HIGH = re.compile(rb"[\x80-\xff]")


@dataclass(frozen=True)
class Guess:
    """An encoding.

    Attributes:
        name: Python's name of the codec.
        sure: a mark or the bytes themselves prove it.
        why: one clause.
        example: some characters beyond ASCII as this encoding reads them, for a person to judge.
        others: encodings that read the same bytes too.
    """

    name: str
    sure: bool
    why: str
    example: str = ""
    others: tuple[str, ...] = ()


def guess(head: bytes) -> Guess:
    """The encoding of a text from its first bytes; 1 MiB is plenty."""
    for mark, name in MARKS:
        if head.startswith(mark):
            return Guess(name, True, "a byte order mark says so")
    if decodes(head, "utf-8"):
        return Guess("utf-8-sig", True, "all bytes are valid UTF-8")
    if wide := _wide(head):
        return Guess(wide, True, "every second byte is zero")
    found = _crowded(head) if _is_crowded(head) else _western(head)
    name, others, why = found
    return Guess(name, False, why, example(head, name), others)


def decodes(head: bytes, name: str) -> bool:
    """Whether the bytes are this encoding's; a character cut off at the end is forgiven."""
    try:
        codecs.getincrementaldecoder(name)().decode(head, final=False)
    except UnicodeDecodeError:
        return False
    return True


def example(head: bytes, name: str, words: int = 3) -> str:
    """The first words with a character beyond ASCII."""
    text = head[: 1 << 16].decode(name, errors="replace")
    found = dict.fromkeys(word for word in re.findall(r"[^\W\d_]+", text) if not word.isascii())
    return " ".join(list(found)[:words])


def _wide(head: bytes) -> str:
    even, odd = head[: 1 << 12 : 2], head[1 : 1 << 12 : 2]
    if len(odd) < 4:
        return ""
    if odd.count(0) > 0.4 * len(odd) and even.count(0) < 0.1 * len(even):
        return "utf-16-le"
    if even.count(0) > 0.4 * len(even) and odd.count(0) < 0.1 * len(odd):
        return "utf-16-be"
    return ""


def _is_crowded(head: bytes) -> bool:
    """Whether bytes above ASCII stand in runs, as they do in Chinese or Russian and not in German or French."""
    high = len(HIGH.findall(head))
    return sum(len(run) for run in HIGH_RUN.findall(head)) > 0.6 * high


def _crowded(head: bytes) -> tuple[str, tuple[str, ...], str]:
    from charset_normalizer import from_bytes

    readable = [name for name in CROWDED if decodes(head, name)]
    if "gb18030" in readable and _common_chinese(head) and not _korean_or_japanese(head, readable):
        others = tuple(name for name in readable if name in {"big5", "euc_kr", "euc_jp"})
        return "gb18030", others, "the bytes above ASCII are pairs that are common Chinese characters"
    ranked = [match.encoding for match in from_bytes(head[: 1 << 17], cp_isolation=readable)] if readable else []
    if ranked:
        return ranked[0], tuple(ranked[1:4]), "the characters beyond ASCII make the likeliest words in it"
    return _western(head)


def _common_chinese(head: bytes) -> bool:
    text = head[: 1 << 17].decode("gb18030", errors="ignore")
    wide = [char for char in text if ord(char) > 0x7F]
    common = 0
    for char in wide:
        try:
            code = char.encode("gb2312")
        except UnicodeEncodeError:
            continue
        common += 0xA1 <= code[0] <= 0xF7
    return bool(wide) and common >= 0.95 * len(wide)


def _korean_or_japanese(head: bytes, readable: list[str]) -> bool:
    """Kana, or hangul alone: read as GB 2312 they would be scattered rare characters."""
    text = head[: 1 << 17].decode("gb18030", errors="ignore")
    first_level = sum(1 for char in text if ord(char) > 0x2FFF and char.encode("gb18030")[:1] <= b"\xd7")
    wide = sum(1 for char in text if ord(char) > 0x2FFF)
    return "cp932" in readable and first_level < 0.5 * wide


def _western(head: bytes) -> tuple[str, tuple[str, ...], str]:
    text = head[: 1 << 17].decode("cp1252", errors="replace")
    inside = [char for at, char in enumerate(text) if ord(char) > 0x7F and _in_word(text, at)]
    odd = sum(not char.isalpha() for char in inside)
    if inside and odd > 0.25 * len(inside) and decodes(head, "cp1250"):
        return "cp1250", ("cp1252",), "single bytes above ASCII that are letters in it and signs in cp1252"
    return "cp1252", ("cp1250", "latin-1"), "single letters above ASCII among ASCII ones, as Western files have"


def _in_word(text: str, at: int) -> bool:
    """Whether a letter stands right before or after the character."""
    return text[max(at - 1, 0) : at].isalpha() or text[at + 1 : at + 2].isalpha()
