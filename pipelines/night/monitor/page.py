"""The page as HTML: no script, no other host, readable in light and dark."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from pipelines.night.monitor.state import ProductState
from pipelines.night.scoreboard import metric_text

STYLE = """
:root{color-scheme:light dark;--ink:#1c2733;--soft:#5b6b7c;--line:#d9e0e7;--paper:#fff;--back:#f5f7f9;
--good:#1b7f4d;--bad:#b3261e;--warn:#9a6200;--accent:#2563a8}
@media(prefers-color-scheme:dark){:root{--ink:#e6edf3;--soft:#9aa9b8;--line:#2c3845;--paper:#18212b;--back:#10171e;
--good:#55c48a;--bad:#ff8a80;--warn:#e5b567;--accent:#7fb2ea}}
body{font:15px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--back);margin:0;padding:1.5rem}
h1{font-size:1.35rem;margin:0 0 .2rem}p.lead{color:var(--soft);margin:0 0 1.2rem}
.grid{display:grid;gap:1rem;grid-template-columns:repeat(auto-fill,minmax(22rem,1fr))}
article{background:var(--paper);border:1px solid var(--line);border-radius:.6rem;padding:1rem 1.1rem}
article h2{font-size:1.05rem;margin:0;display:flex;justify-content:space-between;gap:.5rem}
article .title{color:var(--soft);margin:0 0 .6rem;font-size:.9rem}
.badge{font-size:.78rem;font-weight:600;border:1px solid currentColor;border-radius:1rem;padding:0 .55rem;
white-space:nowrap;align-self:center}
.passed,.steady{color:var(--good)}.failed,.blocked,.alarm{color:var(--bad)}.moved{color:var(--warn)}
.unchanged,.unjudged,.none{color:var(--soft)}
dl{display:grid;grid-template-columns:7rem 1fr;gap:.15rem .6rem;margin:0 0 .7rem}dt{color:var(--soft)}dd{margin:0}
code{font:.9em ui-monospace,monospace}svg{width:100%;height:56px;display:block;margin:.2rem 0 .6rem}
.message{border-left:3px solid var(--bad);padding-left:.6rem;margin:.4rem 0;overflow-wrap:anywhere}
a{color:var(--accent)}nav a{margin-right:.9rem}
"""
WIDTH, HEIGHT, MARGIN = 320.0, 56.0, 6.0


def render(products: Sequence[ProductState], base: str) -> str:
    """The whole page.

    Args:
        base: path under which the reports are served, e.g. ``/nightshift``.
    """
    cards = "".join(_card(product, base) for product in products)
    bad = sum(product.lane is not None and product.lane.status in {"failed", "blocked"} for product in products)
    lead = f"{len(products)} products; " + (f"{bad} did not pass last night" if bad else "nothing waits for you")
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Nightshift</title>'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<style>{STYLE}</style></head><body><h1>Nightshift</h1><p class=lead>{lead}</p>"
        f"<div class=grid>{cards}</div></body></html>"
    )


def _card(product: ProductState, base: str) -> str:
    lane = product.lane
    status = lane.status if lane else "none"
    rows = [
        ("champion", f"<code>{escape(product.champion[:12])}</code>" if product.champion else "none yet"),
        ("promoted", escape(product.promoted)),
        ("last night", escape(lane.night) if lane else "never run"),
        ("quality", escape(metric_text(lane.metric)) if lane and lane.metric else "-"),
        ("drift", _drift(product)),
        ("last mail", escape(product.mail or "-") + (f" ({product.waiting} wait)" if product.waiting else "")),
    ]
    facts = "".join(f"<dt>{name}</dt><dd>{value}</dd>" for name, value in rows)
    message = f"<p class=message>{escape(lane.message)}</p>" if lane and lane.message else ""
    links = "".join(
        f'<a href="{escape(base)}/reports/{escape(path)}" target="_blank">{escape(title)}</a>'
        for title, path in product.reports
    )
    return (
        f'<article id="{escape(product.name)}"><h2>{escape(product.name)}'
        f"<span class='badge {status}'>{'never run' if status == 'none' else status}</span></h2>"
        f"<p class=title>{escape(product.title)} · {escape(product.problem)} · {escape(product.data)}</p>"
        f"<dl>{facts}</dl>{message}{_curve(product.curve)}<nav>{links}</nav></article>"
    )


def _drift(product: ProductState) -> str:
    if product.drift is None:
        return "not watched yet"
    day, status = product.drift
    return f"<span class={escape(status)}>{escape(status)}</span>, {escape(day)}"


def _curve(curve: Sequence[tuple[str, float]]) -> str:
    """The key metric over the nights; empty with fewer than two."""
    if len(curve) < 2:
        return ""
    values = [value for _, value in curve]
    low, high = min(values), max(values)
    span = (high - low) or max(abs(high), 1.0) * 0.01
    step = (WIDTH - 2 * MARGIN) / (len(values) - 1)
    points = [
        (MARGIN + place * step, HEIGHT - MARGIN - (value - low) / span * (HEIGHT - 2 * MARGIN))
        for place, value in enumerate(values)
    ]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    dots = "".join(
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.4" fill="currentColor">'
        f"<title>{escape(night)}: {value:.4f}</title></circle>"
        for (x, y), (night, value) in zip(points, curve, strict=True)
    )
    return (
        f'<svg viewBox="0 0 {WIDTH:g} {HEIGHT:g}" role="img" aria-label="key metric of the last {len(values)} nights, '
        f'{low:.4f} to {high:.4f}" style="color:var(--accent)"><polyline fill="none" stroke="currentColor" '
        f'stroke-width="1.6" points="{line}"/>{dots}</svg>'
    )
