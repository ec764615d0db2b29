// A forecast: the expected value, its quantiles as a band, and what is usual there.

import { el, number } from "../dom.js";
import { language, word } from "../words.js";
import { reasons } from "./reasons.js";
import { range } from "./uplift.js";

export const fits = (product, answer) => typeof answer.score === "number" && answer.quantiles && typeof answer.quantiles === "object";

export function render(product, answer, row) {
  const code = language() === "zh" ? "zh-CN" : "en";
  const levels = Object.entries(answer.quantiles).sort((one, other) => Number(one[0]) - Number(other[0]));
  const [low, high] = [levels[0][1], levels[levels.length - 1][1]];
  const usual = typeof answer.usual === "number" ? answer.usual : null;
  const scale = { low: Math.min(0, low), high: 1.08 * Math.max(high, answer.score, usual ?? 0) };
  return [
    el("div", { class: "big" },
      el("span", { class: "number", text: number(answer.score, code) }),
      el("span", { class: "what", text: word("ahead", { n: answer.ahead }) })),
    el("div", { class: "bars ranges alone" }, range(scale, low, high, answer.score, usual)),
    ...(usual === null ? [] : [el("p", { class: "hint", text: word("usual", { value: number(usual, code) }) })]),
    el("h3", { text: word("quantiles") }),
    el("div", { class: "table" }, el("table", {},
      el("thead", {}, el("tr", {}, levels.map(([level]) => el("th", { scope: "col", text: `${Math.round(1000 * Number(level)) / 10}%` })))),
      el("tbody", {}, el("tr", {}, levels.map(([, value]) => el("td", { text: number(value, code) })))))),
    ...reasons(answer.reasons, row, "reasonsNumber"),
  ];
}
