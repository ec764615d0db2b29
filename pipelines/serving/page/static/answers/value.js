// A number, with its interval where the answer has one.

import { el, number } from "../dom.js";
import { language, word } from "../words.js";
import { reasons } from "./reasons.js";

export const fits = (product, answer) => typeof answer.score === "number";

export function render(product, answer, row) {
  const code = language() === "zh" ? "zh-CN" : "en";
  const what = product.target ? word("value", { target: product.target }) : word("valuePlain");
  return [
    el("div", { class: "big" },
      el("span", { class: "number", text: number(answer.score, code) }), el("span", { class: "what", text: what })),
    ...(answer.decision === undefined || answer.decision === null
      ? [] : [el("p", {}, el("span", { class: "chip", text: word("decision", { value: String(answer.decision) }) }))]),
    ...reasons(answer.reasons, row, "reasonsNumber"),
  ];
}
