// What the agent's systems show: fields and values, or the same as JSON. Values are texts, numbers or yes and no.

import { $, el, show } from "./dom.js";
import { word } from "./words.js";

export class Knowledge {
  /** @param changed is called when a person has changed something */
  constructor(changed) {
    this.mode = "pairs";
    this.changed = changed;
    $("add-pair").addEventListener("click", () => { this.#add("", ""); $("pairs").lastChild.querySelector("input").focus(); });
    $("raw").addEventListener("input", () => { this.#check(); this.#tell(); });
    for (const name of ["pairs", "raw"]) {
      $(`tab-${name}`).addEventListener("click", () => this.show(name));
      $(`tab-${name}`).addEventListener("keydown", (event) => {
        if (event.key !== "ArrowLeft" && event.key !== "ArrowRight") return;
        const next = name === "pairs" ? "raw" : "pairs";
        this.show(next);
        $(`tab-${this.mode}`).focus();
      });
    }
    this.fill({});
  }

  /** The object as text, as the service takes it; null where it is empty. Throws where the JSON cannot be read. */
  text() {
    if (this.mode === "raw") return $("raw").value.trim() === "" ? null : $("raw").value;
    const content = this.#content();
    return Object.keys(content).length ? JSON.stringify(content) : null;
  }

  fill(content) {
    $("pairs").replaceChildren();
    for (const [name, value] of Object.entries(content)) this.#add(name, typeof value === "string" ? value : JSON.stringify(value));
    if (!Object.keys(content).length) this.#add("", "");
    $("raw").value = Object.keys(content).length ? JSON.stringify(content, null, 2) : "";
    this.#count();
  }

  show(mode) {
    if (mode === this.mode) return;
    if (mode === "raw") $("raw").value = Object.keys(this.#content()).length ? JSON.stringify(this.#content(), null, 2) : "";
    else if (this.#check()) this.fill(JSON.parse($("raw").value.trim() || "{}"));
    else return;
    this.mode = mode;
    for (const name of ["pairs", "raw"]) {
      show($(`panel-${name}`), name === mode);
      $(`tab-${name}`).setAttribute("aria-selected", String(name === mode));
      $(`tab-${name}`).tabIndex = name === mode ? 0 : -1;
    }
    this.#count();
  }

  #content() {
    const found = {};
    for (const row of $("pairs").children) {
      const [name, value] = [...row.querySelectorAll("input")].map((input) => input.value.trim());
      if (name) found[name] = typed(value);
    }
    return found;
  }

  #add(name, value) {
    const input = (given, label) => el("input", { type: "text", value: given, "aria-label": label, autocomplete: "off", on: { input: () => this.#tell() } });
    const remove = el("button", { type: "button", class: "quiet icon", "aria-label": word("removePair"), text: "×" });
    const row = el("div", { class: "pair" }, input(name, word("fieldName")), input(value, word("fieldValue")), remove);
    remove.addEventListener("click", () => { row.remove(); this.#tell(); $("add-pair").focus(); });
    $("pairs").append(row);
  }

  #check() {
    let problem = "";
    try {
      const content = JSON.parse($("raw").value.trim() || "{}");
      if (typeof content !== "object" || content === null || Array.isArray(content)) problem = "{…}";
    } catch (error) {
      problem = error.message;
    }
    $("raw-problem").textContent = problem ? word("notJson", { why: problem }) : "";
    show($("raw-problem"), Boolean(problem));
    $("raw").setAttribute("aria-invalid", String(Boolean(problem)));
    return !problem;
  }

  #tell() {
    this.#count();
    this.changed();
  }

  #count() {
    const held = this.mode === "raw" ? null : Object.keys(this.#content()).length;
    $("knowledge-count").textContent = held === null ? "JSON" : String(held);
  }
}

/** `4` is a number and `true` is yes; what begins with 0 or + or is long is a code, and stays text. */
function typed(text) {
  if (text === "true" || text === "false") return text === "true";
  if (text.startsWith("[")) {
    try { return JSON.parse(text); } catch { return text; }
  }
  return /^-?(0|[1-9]\d{0,14})(\.\d+)?$/.test(text) ? Number(text) : text;
}
