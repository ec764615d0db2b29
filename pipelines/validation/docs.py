"""Data Docs of one validation: a single HTML file that needs no network."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from html import escape
from pathlib import Path
from typing import Any

from pipelines.files import read_json, read_parquet, write_text
from pipelines.validation.docs_style import CSS
from pipelines.verdicts import Verdict, read_verdict

SAMPLE = 25
MARKS = {True: ("ok", "✓ holds"), False: ("bad", "✗ fails"), None: ("none", "– not judged")}


def render_data_docs(validation_folder: Path, provenance: Path | Mapping[str, Any], out_html: Path) -> Path:
    """Write the page of one validation.

    Args:
        validation_folder: the validate stage's folder: ``validation.json``, ``quarantine.parquet``, ``verdict.json``.
        provenance: fetch's ``provenance.json``, or its content.
        out_html: the file to write, whole or not at all.

    Returns:
        ``out_html``.

    Raises:
        StageError: the validate stage has not run.
    """
    verdict = read_verdict(validation_folder)
    origin = dict(provenance) if isinstance(provenance, Mapping) else read_json(provenance)
    path = validation_folder / "validation.json"
    report = read_json(path) if path.is_file() else None
    body = [_head(verdict, report)]
    if report is not None:
        body += [
            _tiles(verdict, report),
            _checks(verdict),
            _reasons(report),
            _table_rules(report),
            _row_rules(report),
            _sample(validation_folder / "quarantine.parquet"),
        ]
    body.append(_origin(origin))
    title = f"Data contract · {verdict.product}"
    write_text(
        out_html,
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{CSS}</style></head>\n<body><main>\n"
        + "\n".join(part for part in body if part)
        + "\n</main></body></html>\n",
    )
    return out_html


def _head(verdict: Verdict, report: Mapping[str, Any] | None) -> str:
    kind = {"passed": "ok", "blocked": "bad"}.get(verdict.status, "none")
    mark = {"passed": "✓ passed", "blocked": "✗ blocked"}.get(verdict.status, "– stood aside")
    told = ""
    if report:
        suite, version = escape(report["suite"]), escape(report["great_expectations"])
        told = f"Suite <b>{suite}</b>, judged by Great Expectations {version}"
    why = ""
    if not verdict.passed:
        next_step = f"<p><b>What to do:</b> {escape(verdict.next_step)}</p>" if verdict.next_step else ""
        why = f'<div class="why"><p>{escape(verdict.reason)}</p>{next_step}</div>'
    return (
        f'<header><p class="over">Data contract</p><h1>{escape(verdict.product)} '
        f'<span class="pill {kind}">{mark}</span></h1><p>{told}</p>{why}</header>'
    )


def _tiles(verdict: Verdict, report: Mapping[str, Any]) -> str:
    rows = report["rows"]
    limit = next((check.limit for check in verdict.checks if check.name == "quarantine_share"), None)
    rules = report["expectations"]
    held = sum(1 for rule in rules if rule["success"])
    bound = f"limit {limit:.2%}" if limit is not None else ""
    tiles = [
        (f"{rows['fetched']:,}", "rows fetched", ""),
        (f"{rows['accepted']:,}", "rows accepted", ""),
        (f"{rows['quarantined']:,}", "rows in quarantine", f"{report['quarantine_share'] or 0:.2%}, {bound}"),
        (f"{held} / {len(rules)}", "expectations hold", "on every fetched row, or for the table"),
    ]
    cells = "".join(
        f'<div class="tile"><b>{value}</b><span>{label}</span><small>{escape(note)}</small></div>'
        for value, label, note in tiles
    )
    return f'<section class="tiles">{cells}</section>'


def _checks(verdict: Verdict) -> str:
    rows = [
        (_mark(check.ok), escape(check.detail or check.name), _number(check.value), _number(check.limit), check.unit)
        for check in sorted(verdict.checks, key=lambda check: check.ok)
    ]
    return _section(
        "The gate", "What blocks the lane.", _table(("", "Check", "#Value", "#Limit", "Unit"), rows), bool(rows)
    )


def _reasons(report: Mapping[str, Any]) -> str:
    found = report["reasons"]
    if not found:
        return _section("Quarantine", "No row was refused.", "", True)
    most = max(item["rows"] for item in found)
    rows = [
        (
            escape(item["reason"]),
            f"{item['rows']:,}",
            f'<i class="bar" style="width:{100 * item["rows"] / most:.1f}%"></i>',
        )
        for item in found
    ]
    table = _table(("Reason", "#Rows", ""), rows, "reasons")
    return _section("Quarantine", "Why rows were refused; a row may have several reasons.", table, True)


def _sample(path: Path) -> str:
    frame = read_parquet(path)
    if frame.empty:
        return ""
    rows = []
    for row, text in zip(frame["_row"].head(SAMPLE), frame["_reasons"].head(SAMPLE), strict=True):
        reasons = "".join(f"<li>{escape(str(reason))}</li>" for reason in json.loads(text))
        rows.append((f"{row:,}", f"<ul>{reasons}</ul>"))
    told = f"The first {len(rows)} of {len(frame):,} refused rows; all are in quarantine.parquet. Rows count from 0."
    return _section("Refused rows", told, _table(("#Row", "Reason: value"), rows), True)


def _table_rules(report: Mapping[str, Any]) -> str:
    rules = [rule for rule in report["expectations"] if rule["level"] == "table"]
    types = [rule for rule in rules if rule["type"].endswith(("in_type_list", "of_type")) and rule["success"]]
    others = [rule for rule in rules if rule not in types]
    rows = [
        (_mark(rule["success"], rule["severity"]), _told(rule), escape(_observed(rule["observed"])))
        for rule in sorted(others, key=lambda rule: (rule["success"] is not False, rule["position"]))
    ]
    if types:
        rows.append((_mark(True), f"{len(types)} columns are of the type that the contract names", ""))
    return _section(
        "About the table", "Judged on the accepted rows.", _table(("", "Expectation", "Observed"), rows), bool(rows)
    )


def _row_rules(report: Mapping[str, Any]) -> str:
    rules = [rule for rule in report["expectations"] if rule["level"] == "row"]
    failed = sorted((rule for rule in rules if rule["unexpected"]), key=lambda rule: -rule["unexpected"])
    found = [(f"{escape(item['column'])}: {item['what']}", item, "critical") for item in report["types"]]
    found += [(_told(rule), rule, rule["severity"]) for rule in failed]
    rows = [
        (
            _row_mark(item["unexpected"] or 0, severity),
            text,
            f"{item['unexpected'] or 0:,}",
            f"{item['share'] or 0:.3%}",
        )
        for text, item, severity in found
    ]
    rows += [(_mark(True), text, "0", "") for text in _together([rule for rule in rules if not rule["unexpected"]])]
    told = "Judged on all fetched rows. A row that fails goes to quarantine; the other rows go on."
    return _section("About each row", told, _table(("", "Expectation", "#Rows that fail", "#Share"), rows), bool(rows))


def _together(rules: list[dict[str, Any]]) -> list[str]:
    """One line for all columns of which the same is said."""
    lines: dict[str, list[dict[str, Any]]] = {}
    for rule in rules:
        said = rule["sentence"].replace(str(rule["kwargs"].get("column", "")), "", 1)
        lines.setdefault(said, []).append(rule)
    return [
        _told(same[0])
        if len(same) == 1
        else f"{escape(', '.join(str(rule['kwargs']['column']) for rule in same))}: each{escape(said)}"
        for said, same in lines.items()
    ]


def _row_mark(rows: int, severity: str) -> str:
    if not rows:
        return _mark(True)
    return _mark(False, severity) if severity != "critical" else '<span class="mark warn">! quarantine</span>'


def _origin(origin: Mapping[str, Any]) -> str:
    flat = {"rows": f"{origin.get('rows', 0):,}", "columns": len(origin.get("columns", ()))}
    flat |= {key: origin.get(key) for key in ("licence", "attribution", "sha256")}
    flat |= {f"origin: {key}": value for key, value in dict(origin.get("origin", {})).items()}
    if origin.get("not_declared"):
        flat["columns kept, not named in params.yaml"] = ", ".join(origin["not_declared"])
    rows = [
        (escape(str(key)), f"<code>{escape(str(value))}</code>")
        for key, value in flat.items()
        if value not in (None, "")
    ]
    return _section("Where the rows come from", "", _table(("", ""), rows, "facts"), True)


def _told(rule: Mapping[str, Any]) -> str:
    why = f"<small>{escape(rule['why'])}</small>" if rule["why"] else ""
    return f"{escape(rule['sentence'])}{why}"


def _observed(value: Any) -> str:
    if isinstance(value, Mapping) and set(value) == {"quantiles", "values"}:
        return ", ".join(f"{q:g}: {_number(v)}" for q, v in zip(value["quantiles"], value["values"], strict=True))
    if isinstance(value, list):
        return f"{len(value)} values" if len(value) > 8 else ", ".join(_observed(item) for item in value)
    return _number(value) if isinstance(value, int | float) else "" if value is None else str(value)


def _number(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.4g}" if abs(value) < 1e5 else f"{value:,.0f}"


def _mark(success: bool | None, severity: str = "critical") -> str:
    kind, text = MARKS[success]
    if success is False and severity != "critical":
        kind, text = "warn", f"! {severity}"
    return f'<span class="mark {kind}">{text}</span>'


def _table(heads: tuple[str, ...], rows: Iterable[tuple[str, ...]], kind: str = "") -> str:
    """``heads`` that begin with ``#`` mark columns of numbers. Cells are HTML."""
    right = [head.startswith("#") for head in heads]
    top = "".join(
        f"<th{' class=n' if number else ''}>{head.lstrip('#')}</th>" for head, number in zip(heads, right, strict=True)
    )
    lines = "".join(
        "<tr>"
        + "".join(f"<td{' class=n' if number else ''}>{cell}</td>" for cell, number in zip(row, right, strict=True))
        + "</tr>\n"
        for row in rows
    )
    return (
        f'<table class="{kind}">{f"<thead><tr>{top}</tr></thead>" if any(heads) else ""}<tbody>{lines}</tbody></table>'
    )


def _section(title: str, text: str, content: str, shown: bool) -> str:
    return f"<section><h2>{title}</h2><p>{escape(text)}</p>{content}</section>" if shown else ""
