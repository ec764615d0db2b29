// One of several, or several of them: every class with its confidence, the likeliest first.

import { el, percent } from "../dom.js";
import { word } from "../words.js";
import { reasons } from "./reasons.js";

const SHOWN = 8;

export const fits = (product, answer) =>
  answer.score !== null && typeof answer.score === "object" && !Array.isArray(answer.score);

export function render(product, answer, row) {
  const ranked = Object.entries(answer.score).sort((one, other) => other[1] - one[1]);
  const several = Array.isArray(answer.decision);
  const given = several ? answer.decision : [];
  const decided = several ? given.join(", ") || "–" : "decision" in answer ? String(answer.decision) : ranked[0][0];
  const shown = ranked.slice(0, SHOWN);
  return [
    el("div", { class: "big" },
      el("span", { class: "number", text: decided }),
      el("span", { class: "what", text: word("confidence", { value: percent(several ? answer.confidence : answer.score[decided] ?? ranked[0][1]) }) })),
    ...(answer.sure === false ? [el("p", { class: "chip yes", text: word("unsure", { value: percent(answer.threshold) }) })] : []),
    el("h3", { text: word("classes") }),
    el("ol", { class: "bars plain" }, shown.map(([name, share]) => {
      const bar = el("div", { class: "bar" });
      bar.style.width = percent(share, 2);
      return el("li", { class: name === decided || given.includes(name) ? "first" : "" },
        el("span", { class: "name", text: name }), el("div", { class: "track" }, bar), el("span", { class: "amount", text: percent(share) }));
    })),
    ...(ranked.length > SHOWN ? [el("p", { class: "hint", text: `+ ${ranked.length - SHOWN}` })] : []),
    ...reasons(answer.reasons, row, "reasons"),
  ];
}
