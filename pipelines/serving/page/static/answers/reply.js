// A suggested reply: the words, whether it may go out, the next action, the evidence, and what else could be said.

import { el, percent } from "../dom.js";
import { word } from "../words.js";

export const fits = (product, answer) => "hand_over" in answer && "reply" in answer;

export function render(product, answer) {
  const state = answer.hand_over ? word("handOver", { why: answer.why }) : word("maySend");
  return [
    el("p", { class: "marked", text: answer.reply ?? "–" }),
    el("p", { class: `chip ${answer.hand_over ? "yes" : "no"}`, text: state }),
    el("p", { class: "hint", text: word("confidence", { value: percent(answer.confidence) }) }),
    ...(answer.action ? [el("h3", { text: word("nextAction") }), el("p", { text: answer.action.replaceAll("_", " ") })] : []),
    ...list("evidence", answer.evidence, (one) => `${one.turn}, ${word("alike", { value: percent(one.cosine, 0) })}`),
    ...list("alternatives", answer.alternatives, (one) => `${one.reply} (${percent(one.quality, 0)})`),
  ];
}

const list = (title, found, shown) =>
  found?.length ? [el("h3", { text: word(title) }), el("ul", {}, found.map((one) => el("li", { text: shown(one) })))] : [];
