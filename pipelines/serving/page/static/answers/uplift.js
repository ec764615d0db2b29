// Which offer a customer should get: the expected effect of each with its interval, and what the best one gains.

import { el, number, percent } from "../dom.js";
import { language, word } from "../words.js";
import { reasons } from "./reasons.js";

export const fits = (product, answer) => Boolean(answer.interval && answer.rank && typeof answer.score === "object");

export function render(product, answer, row) {
  const code = language() === "zh" ? "zh-CN" : "en";
  const offers = Object.keys(answer.interval);
  const ends = offers.flatMap((name) => [...answer.interval[name], answer.score[name]]);
  const scale = { low: Math.min(0, ...ends), high: Math.max(0, ...ends) };
  return [
    el("div", { class: "big" },
      el("span", { class: "number", text: String(answer.decision) }),
      el("span", { class: "what", text: word("gain", { value: number(answer.gain, code) }) })),
    el("h3", { text: word("offers") }),
    el("ul", { class: "bars ranges" }, offers.map((name) => {
      const [low, high] = answer.interval[name];
      return el("li", { class: name === String(answer.decision) ? "first" : "" },
        el("span", { class: "name" }, name, el("small", { text: word("rank", { value: percent(answer.rank[name], 0) }) })),
        range(scale, low, high, answer.score[name], 0),
        el("span", { class: "amount", text: signed(answer.score[name]) }));
    })),
    el("p", { class: "hint", text: word("offersHint") }),
    ...reasons(answer.reasons, row, "reasons"),
  ];
}

const signed = (value) => `${value < 0 ? "−" : "+"}${percent(Math.abs(value))}`;

/** A track from `scale.low` to `scale.high` with a band, a point, and a line at `zero` (left out where null). */
export function range(scale, low, high, point, zero = null) {
  const width = scale.high - scale.low || 1;
  const at = (value) => `${(100 * (value - scale.low)) / width}%`;
  const band = el("div", { class: "band" });
  band.style.left = at(low);
  band.style.width = `${(100 * (high - low)) / width}%`;
  const dot = el("div", { class: "dot" });
  dot.style.left = at(point);
  const line = zero === null ? null : el("div", { class: "zero" });
  if (line) line.style.left = at(zero);
  return el("div", { class: "track", role: "img", "aria-label": `${number(point)} (${number(low)} – ${number(high)})` }, line, band, dot);
}
