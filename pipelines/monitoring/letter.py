"""A letter as data, and its two renderings: plain text, and HTML that mail clients show (tables, inline styles)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from typing import Literal

Tone = Literal["good", "warn", "bad", "plain"]
COLOURS: dict[Tone, tuple[str, str]] = {
    "good": ("#166534", "#f0fdf4"),
    "warn": ("#a16207", "#fefce8"),
    "bad": ("#b91c1c", "#fef2f2"),
    "plain": ("#334155", "#f8fafc"),
}
FONT = (
    "font-family:-apple-system,'Segoe UI',Roboto,'Helvetica Neue',Arial,'Noto Sans CJK SC','Microsoft YaHei',sans-serif"
)
MONO = "font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace"


@dataclass(frozen=True)
class Facts:
    """Name and value, one pair a line."""

    rows: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Table:
    """A head and rows of equal length; the second column is right-aligned."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""


@dataclass(frozen=True)
class Steps:
    """Numbered steps: a sentence, and perhaps a command to copy."""

    steps: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Picture:
    """An inline image: its file name in the mail, and what it shows."""

    name: str
    caption: str


@dataclass(frozen=True)
class Section:
    """A heading and what stands under it."""

    heading: str
    parts: tuple[Facts | Table | Steps | Picture, ...]


@dataclass(frozen=True)
class Letter:
    """All that a mail says."""

    subject: str
    language: str
    tone: Tone
    title: str
    lead: str
    sections: tuple[Section, ...]
    footer: str


def render_text(letter: Letter) -> str:
    """Plain text, for clients without HTML and for reading in a terminal."""
    lines = [letter.title, "=" * 60, letter.lead, ""]
    for section in letter.sections:
        parts = [text for part in section.parts for text in _text(part)]
        if parts:
            lines += [section.heading, "-" * 60, *parts, ""]
    return "\n".join([*lines, letter.footer, ""])


def _text(part: Facts | Table | Steps | Picture) -> list[str]:
    match part:
        case Facts(rows):
            return [f"{name}: {value}" for name, value in rows]
        case Table(_, rows, note):
            lines = [f"* {row[0]}  [{row[1]}]  {'  '.join(row[2:])}" for row in rows]
            return [*lines, note] if note else lines
        case Steps(steps):
            lines = []
            for number, (sentence, command) in enumerate(steps, start=1):
                lines.append(f"{number}. {sentence}")
                if command:
                    lines.append(f"       {command}")
            return lines
        case _:
            return []


def render_html(letter: Letter, addresses: Mapping[str, str]) -> str:
    """One HTML document, 640 px wide.

    Args:
        addresses: picture name -> ``cid:`` or ``data:`` address.
    """
    ink, ground = COLOURS[letter.tone]
    body = "".join(_section(section, addresses) for section in letter.sections)
    return (
        f'<!DOCTYPE html><html lang="{"zh-CN" if letter.language == "zh" else "en"}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width"><meta name="color-scheme" content="light">'
        f"<title>{escape(letter.subject)}</title></head>"
        f'<body style="margin:0;padding:0;background:#eef2f6;{FONT}">'
        '<table role="presentation" width="100%" cellpadding="0" cellspacing="0"><tr><td align="center" '
        'style="padding:24px 8px"><table role="presentation" cellpadding="0" cellspacing="0" '
        'style="width:100%;max-width:640px;background:#ffffff;border:1px solid #dbe2ea;border-radius:8px">'
        f'<tr><td style="padding:20px 28px;background:{ground};border-left:6px solid {ink};border-radius:8px 8px 0 0">'
        f'<div style="font-size:21px;font-weight:600;color:{ink}">{escape(letter.title)}</div>'
        f'<div style="font-size:14px;line-height:1.5;color:#1f2937;padding-top:6px">{escape(letter.lead)}</div>'
        f'</td></tr><tr><td style="padding:4px 28px 24px">{body}</td></tr>'
        f'<tr><td style="padding:12px 28px;border-top:1px solid #e5e7eb;font-size:12px;color:#64748b">'
        f"{escape(letter.footer)}</td></tr></table></td></tr></table></body></html>\n"
    )


def _section(section: Section, addresses: Mapping[str, str]) -> str:
    heading = (
        f'<div style="font-size:15px;font-weight:600;color:#0f172a;padding:20px 0 8px">{escape(section.heading)}</div>'
    )
    return heading + "".join(_html(part, addresses) for part in section.parts)


def _html(part: Facts | Table | Steps | Picture, addresses: Mapping[str, str]) -> str:
    match part:
        case Facts(rows):
            cells = "".join(
                f'<tr><td style="{_CELL};color:#64748b;white-space:nowrap;padding-right:16px">{escape(name)}</td>'
                f'<td style="{_CELL};color:#1f2937;width:100%">{escape(value)}</td></tr>'
                for name, value in rows
            )
            return _grid(cells)
        case Table(head, rows, note):
            return _table(head, rows) + (f'<div style="{_NOTE}">{escape(note)}</div>' if note else "")
        case Steps(steps):
            return "".join(_step(number, *step) for number, step in enumerate(steps, start=1))
        case Picture(name, caption):
            return (
                f'<div style="{_NOTE};padding-bottom:6px">{escape(caption)}</div>'
                f'<img src="{escape(addresses[name])}" alt="{escape(caption)}" width="582" '
                'style="display:block;width:100%;max-width:582px;height:auto;border:0;padding-bottom:14px">'
            )


_CELL = "padding:6px 0;font-size:13px;line-height:1.45;vertical-align:top;border-top:1px solid #eef2f6"
_NOTE = "font-size:12px;color:#64748b;padding-top:6px"


def _grid(cells: str) -> str:
    return (
        '<table role="presentation" width="100%" cellpadding="0" cellspacing="0" '
        f'style="border-collapse:collapse">{cells}</table>'
    )


def _table(head: tuple[str, ...], rows: tuple[tuple[str, ...], ...]) -> str:
    def align(position: int) -> str:
        return "text-align:right;padding-right:18px" if position == 1 else "text-align:left;padding-right:14px"

    top = "".join(
        f'<th style="{_CELL};border-top:0;color:#64748b;font-weight:500;{align(i)}">{escape(name)}</th>'
        for i, name in enumerate(head)
    )
    lines = "".join(
        "<tr>"
        + "".join(
            f'<td style="{_CELL};color:#1f2937;{align(i)}{";font-weight:600" if i == 0 else ""}">'
            + escape(cell).replace("\n", "<br>")
            + "</td>"
            for i, cell in enumerate(row)
        )
        + "</tr>"
        for row in rows
    )
    return _grid(f"<tr>{top}</tr>{lines}")


def _step(number: int, sentence: str, command: str) -> str:
    line = (
        f'<div style="font-size:13px;line-height:1.5;color:#1f2937;padding-top:6px">{number}. {escape(sentence)}</div>'
    )
    if not command:
        return line
    return line + (
        f'<div style="{MONO};font-size:12px;color:#0f172a;background:#f1f5f9;border-radius:4px;padding:8px 12px;'
        f'margin:6px 0 4px 16px;overflow-wrap:anywhere">{escape(command).replace("/", "/<wbr>")}</div>'
    )
