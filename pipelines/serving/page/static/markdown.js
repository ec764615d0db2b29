// The Markdown that model cards use, as elements: headings, paragraphs, lists, tables, code, emphasis, links to the web.

import { el } from "./dom.js";

/** A fragment for a Markdown text; front matter between `---` lines is left out. */
export function render(text) {
  const lines = text.replace(/\r/g, "").replace(/^---\n[\s\S]*?\n---\n/, "").split("\n");
  const out = document.createDocumentFragment();
  let at = 0;
  while (at < lines.length) {
    const line = lines[at];
    if (!line.trim()) at += 1;
    else if (/^#{1,6} /.test(line)) {
      const level = Math.min(line.match(/^#+/)[0].length, 3);
      out.append(el(level === 1 ? "h2" : "h3", { class: `h${level}` }, inline(line.replace(/^#+ /, ""))));
      at += 1;
    } else if (line.startsWith("```")) {
      const end = lines.findIndex((other, place) => place > at && other.startsWith("```"));
      const stop = end < 0 ? lines.length : end;
      out.append(el("pre", { tabindex: "0" }, el("code", { text: lines.slice(at + 1, stop).join("\n") })));
      at = stop + 1;
    } else if (line.startsWith("|")) at = table(lines, at, out);
    else if (/^\s*([-*]|\d+\.) /.test(line)) at = list(lines, at, out);
    else {
      const start = at;
      while (at < lines.length && lines[at].trim() && !/^(#|```|\||\s*[-*] )/.test(lines[at])) at += 1;
      if (at === start) at += 1;
      out.append(el("p", {}, inline(lines.slice(start, at).join(" "))));
    }
  }
  return out;
}

function table(lines, start, out) {
  let at = start;
  const rows = [];
  while (at < lines.length && lines[at].startsWith("|")) rows.push(cells(lines[at++]));
  const body = rows.filter((row, place) => place !== 1 || !row.every((cell) => /^:?-+:?$/.test(cell)));
  const [head, ...rest] = body;
  out.append(
    el("div", { class: "table", tabindex: "0", role: "region", "aria-label": head.join(", ") },
      el("table", {},
        el("thead", {}, el("tr", {}, head.map((cell) => el("th", { scope: "col" }, inline(cell))))),
        el("tbody", {}, rest.map((row) => el("tr", {}, row.map((cell) => el("td", {}, inline(cell)))))))),
  );
  return at;
}

function cells(line) {
  return line.replace(/^\||\|\s*$/g, "").split(/(?<!\\)\|/).map((cell) => cell.trim().replace(/\\\|/g, "|"));
}

function list(lines, start, out) {
  const ordered = /^\s*\d+\. /.test(lines[start]);
  const items = [];
  let at = start;
  for (; at < lines.length && lines[at].trim(); at += 1) {
    if (/^\s*([-*]|\d+\.) /.test(lines[at])) items.push(lines[at].replace(/^\s*([-*]|\d+\.) /, ""));
    else items[items.length - 1] += ` ${lines[at].trim()}`;
  }
  out.append(el(ordered ? "ol" : "ul", {}, items.map((item) => el("li", {}, inline(item)))));
  return at;
}

const INLINE = /(`[^`]+`|\*\*[^*]+\*\*|\*[^*\s][^*]*\*|\[[^\]]+\]\([^)\s]+\))/;

function inline(text) {
  return text.split(INLINE).filter(Boolean).map((piece) => {
    if (/^`[^`]+`$/.test(piece)) return el("code", { text: piece.slice(1, -1) });
    if (/^\*\*[^*]+\*\*$/.test(piece)) return el("strong", { text: piece.slice(2, -2) });
    if (/^\*[^*]+\*$/.test(piece)) return el("em", { text: piece.slice(1, -1) });
    const link = piece.match(/^\[([^\]]+)\]\((https?:\/\/[^)\s]+)\)$/);
    if (link) return el("a", { href: link[2], rel: "noopener noreferrer", target: "_blank", text: link[1] });
    return document.createTextNode(piece.replace(/\\([|*_`[\]])/g, "$1"));
  });
}
