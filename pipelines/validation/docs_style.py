"""The look of the Data Docs page: system fonts, light and dark, nothing fetched."""

CSS = """
:root{--ink:#1b2430;--soft:#5b6776;--line:#e1e6ec;--page:#f5f7f9;--card:#fff;--ok:#11734b;--okb:#e0f3ea;--bad:#b3261e;
--badb:#fbe6e4;--warn:#8a5a00;--warnb:#fdf0d3;--none:#5b6776;--noneb:#e8ecf0;--bar:#d98a84}
@media (prefers-color-scheme:dark){:root{--ink:#e6ebf1;--soft:#9aa7b5;--line:#2b3541;--page:#12181f;--card:#1a222b;
--ok:#5fd0a0;--okb:#143327;--bad:#ff9c94;--badb:#43201d;--warn:#f0c060;--warnb:#3c2f12;--none:#9aa7b5;--noneb:#27303a;
--bar:#a3524c}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,
"Noto Sans","Noto Sans CJK SC",sans-serif}
main{max-width:1080px;margin:0 auto;padding:32px 24px 64px}
.over{margin:0;color:var(--soft);text-transform:uppercase;letter-spacing:.08em;font-size:12px}
h1{margin:.1em 0 .2em;font-size:30px;display:flex;gap:14px;align-items:center;flex-wrap:wrap}
h2{margin:0 0 2px;font-size:18px}
p{margin:0 0 10px;color:var(--soft)}
.pill,.mark{border-radius:999px;white-space:nowrap;font-weight:600}
.pill{font-size:15px;padding:3px 14px}
.mark{font-size:12.5px;padding:2px 9px}
.ok{color:var(--ok);background:var(--okb)}.bad{color:var(--bad);background:var(--badb)}
.warn{color:var(--warn);background:var(--warnb)}.none{color:var(--none);background:var(--noneb)}
.why{border-left:4px solid var(--bad);background:var(--badb);padding:10px 14px;border-radius:0 8px 8px 0}
.why p{color:var(--ink);margin:0 0 4px}
section{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:18px 20px;margin-top:18px;
overflow-x:auto}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(190px,1fr));gap:14px;padding:0;border:0;background:none}
.tile{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:14px 18px}
.tile b{display:block;font-size:26px;font-variant-numeric:tabular-nums}
.tile span{display:block}.tile small{color:var(--soft)}
table{border-collapse:collapse;width:100%}
th{color:var(--soft);font-weight:600;font-size:12.5px;
text-align:left;padding:6px 10px;border-bottom:1px solid var(--line)}
td{padding:7px 10px;border-bottom:1px solid var(--line);vertical-align:top}
tr:last-child td{border-bottom:0}
td:first-child,th:first-child{padding-left:0}
td small{display:block;color:var(--soft)}
.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
ul{margin:0;padding-left:18px}
code{font:13px/1.4 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;overflow-wrap:anywhere}
.reasons td:last-child{width:34%;vertical-align:middle}
.bar{display:block;height:10px;border-radius:5px;background:var(--bar);min-width:3px}
.facts td:first-child{color:var(--soft);width:270px}
@media print{body{background:#fff}section{break-inside:avoid}}
""".replace("\n", "")
