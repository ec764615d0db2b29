// What spoke for and against: bars around a middle line; words of a text are also marked where they stand in it.

import { el, number } from "../dom.js";
import { word } from "../words.js";

/** Elements for `[{feature, value, contribution}]` or `[{word, effect}]`; `[]` where no reasons were asked for. */
export function reasons(found, row, title) {
  if (!found) return [];
  if (!found.length) return [el("h3", { text: word(title) }), el("p", { class: "hint", text: word("noReasons") })];
  const parts = found.map((reason) => ({ ...reason, name: reason.feature ?? reason.word, size: reason.contribution ?? reason.effect }));
  const largest = Math.max(...parts.map((part) => Math.abs(part.size))) || 1;
  return [
    ...highlight(parts.filter((part) => part.word), row),
    el("h3", { text: word(title) }),
    el("ul", { class: "bars" }, parts.map((part) => line(part, largest))),
    el("p", { class: "legend" }, el("span", { class: "for", text: word("for") }), el("span", { text: word("against") })),
  ];
}

function line(part, largest) {
  const up = part.size >= 0;
  const bar = el("div", { class: `bar ${up ? "for" : "against"}` });
  bar.style.width = `${(50 * Math.abs(part.size)) / largest}%`;
  const value = "value" in part ? el("small", { text: number(part.value) }) : null;
  return el("li", {},
    el("span", { class: "name" }, part.name, value),
    el("div", { class: "track", role: "img", "aria-label": word(up ? "for" : "against") }, bar),
    el("span", { class: "amount", text: `${up ? "+" : "−"}${Math.abs(part.size).toFixed(3)}` }));
}

/** The longest text of the row with the words marked, whatever their case. */
function highlight(parts, row) {
  const texts = Object.values(row ?? {}).filter((value) => typeof value === "string");
  const source = texts.sort((one, other) => other.length - one.length)[0];
  if (!parts.length || !source) return [];
  const sizes = new Map(parts.map((part) => [part.word.toLowerCase(), part.size]));
  const longestFirst = [...sizes.keys()].sort((one, other) => other.length - one.length);
  const any = longestFirst.map((text) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")).join("|");
  const pieces = source.split(new RegExp(`(?<![\\p{L}\\p{N}])(${any})(?![\\p{L}\\p{N}])`, "giu"));
  const marked = pieces.map((piece) => {
    const size = sizes.get(piece.toLowerCase());
    return size === undefined ? piece : el("mark", { class: size >= 0 ? "for" : "against", text: piece });
  });
  return [el("h3", { text: word("tokens") }), el("p", { class: "marked" }, marked)];
}
