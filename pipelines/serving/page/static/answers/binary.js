// Yes or no: the probability beside the threshold from which it is acted on.

import { el, percent } from "../dom.js";
import { word } from "../words.js";
import { reasons } from "./reasons.js";

export const fits = (product, answer) =>
  typeof answer.score === "number" && typeof answer.threshold === "number" && "decision" in answer;

export function render(product, answer, row) {
  const { score, threshold, decision } = answer;
  const acts = score >= threshold;
  const positive = acts ? decision : product.classes?.find((value) => value !== decision);
  const what = product.target && positive !== undefined
    ? word("probability", { target: product.target, value: positive })
    : word("probabilityPlain");
  return [
    el("div", { class: "big" }, el("span", { class: "number", text: percent(score) }), el("span", { class: "what", text: what })),
    meter(score, threshold),
    el("p", {}, el("span", { class: `chip ${acts ? "yes" : "no"}`, text: word("decision", { value: String(decision) }) })),
    ...reasons(answer.reasons, row, "reasons"),
  ];
}

function meter(score, threshold) {
  const fill = el("div", { class: "fill" });
  fill.style.width = percent(score, 2);
  const words = word("threshold", { value: percent(threshold) });
  const side = threshold < 0.2 ? " left" : threshold > 0.8 ? " right" : "";
  const mark = el("div", { class: `mark${side}` }, el("span", { text: words }));
  mark.style.left = percent(threshold, 2);
  return el("div", { class: `meter${score >= threshold ? " acts" : ""}`, role: "img", "aria-label": `${percent(score)}; ${words}` }, fill, mark);
}
