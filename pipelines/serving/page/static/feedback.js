// "What really happened?": the true outcome of an answer, sent to the service's feedback route.

import * as api from "./api.js";
import { el } from "./dom.js";
import { word } from "./words.js";

const FEW = 4; // classes up to which each gets a button

/** A panel for one answered row; `[]` where the service has no such route for this product. */
export function truth(product, requestId, row) {
  const status = el("p", { role: "status" });
  const send = async (outcome, buttons) => {
    for (const button of buttons) button.disabled = true;
    try {
      const reply = await api.feedback(product.product, { request_id: requestId, row, outcome });
      status.textContent = reply.joined ? word("truthThanks") : word("truthNot", { status: reply.results?.[0]?.status ?? "" });
    } catch (error) {
      status.textContent = error.status === 503 ? word("truthUnavailable") : word("truthNot", { status: error.message });
    }
    for (const button of buttons) button.disabled = false;
  };
  const choices = el("div", { class: "choices", role: "group", "aria-label": word("truth") });
  choices.append(...controls(product, send));
  return el("div", { class: "truth" }, el("h3", { text: word("truth") }), choices, status);
}

function controls(product, send) {
  const classes = product.classes ?? [];
  const several = product.task === "multilabel"; // then the outcome is a list
  if (classes.length && classes.length <= FEW && !several) {
    const buttons = classes.map((value) => el("button", { type: "button", class: "quiet", text: String(value) }));
    buttons.forEach((button, place) => button.addEventListener("click", () => send(classes[place], buttons)));
    return buttons;
  }
  const input = classes.length
    ? el("select", { "aria-label": word("truth"), ...(several ? { multiple: "" } : {}) }, classes.map((value, place) => el("option", { value: place, text: String(value) })))
    : el("input", { type: "text", "aria-label": word("truth"), inputmode: product.task === "regression" ? "decimal" : "text" });
  const button = el("button", { type: "button", class: "quiet", text: word("truthSend") });
  button.addEventListener("click", () => {
    if (several) return send([...input.selectedOptions].map((option) => classes[Number(option.value)]), [button]);
    const typed = input.value.trim();
    const outcome = classes.length ? classes[Number(typed)] : product.task === "regression" && typed !== "" ? Number(typed) : typed;
    send(outcome, [button]);
  });
  return [input, button];
}
