// A form made from a product's schema: numbers, choices and texts, each with its limits and its errors beside it.

import { el, number } from "./dom.js";
import { language, word } from "./words.js";

const LONG = 60; // characters of an example from which a text gets a larger box

export class Form {
  /** @param root where the fields go; @param fields the schema's */
  constructor(root, fields) {
    this.fields = fields;
    this.inputs = new Map();
    root.replaceChildren(...fields.map((field, place) => this.#make(field, place)));
  }

  #make(field, place) {
    const id = `field-${place}`;
    const input = field.allowed ? choices(field) : field.type === "string" ? text(field) : figure();
    input.id = id;
    input.name = field.name;
    input.setAttribute("aria-describedby", `${id}-hint ${id}-note`);
    input.autocomplete = "off";
    const hint = el("span", { class: "hint", id: `${id}-hint`, text: hintOf(field), title: field.description });
    const note = el("span", { id: `${id}-note` });
    const optional = field.nullable ? el("span", { class: "soft", text: ` (${word("optional")})` }) : null;
    const wide = input.tagName === "TEXTAREA";
    const box = el("div", { class: wide ? "field wide" : "field" }, el("label", { for: id }, field.name, optional), input, hint, note);
    input.addEventListener("input", () => mark(box, note, input, "", ""));
    this.inputs.set(field.name, { field, input, box, note });
    return box;
  }

  fill(row) {
    for (const [name, { input, field }] of this.inputs) {
      const value = row[name];
      input.value = value === null || value === undefined ? "" : String(value);
      if (field.allowed && input.selectedIndex < 0) input.selectedIndex = 0;
    }
    this.clear();
  }

  /** The row as typed. What is no number is sent as it stands: the service names the field and what it wants. */
  read() {
    const row = {};
    for (const [name, { input, field }] of this.inputs) {
      const typed = field.type === "string" ? input.value : input.value.trim();
      if (typed === "") row[name] = field.type === "string" && !field.nullable && !field.allowed ? "" : null;
      else if (field.type === "string") row[name] = typed;
      else row[name] = Number.isNaN(Number(typed)) ? typed : Number(typed);
    }
    return row;
  }

  clear() {
    for (const { box, note, input } of this.inputs.values()) mark(box, note, input, "", "");
  }

  /** Put each problem at its field; those that have none come back. */
  problems(found) {
    const rest = [];
    let first = null;
    for (const { field, problem } of found) {
      const place = this.inputs.get(field);
      if (!place) rest.push(field ? `${field}: ${problem}` : problem);
      else {
        mark(place.box, place.note, place.input, "problem", problem);
        first = first || place.input;
      }
    }
    first?.focus();
    return rest;
  }

  /** Warnings of an answer, `FIELD: text`. */
  warnings(texts = []) {
    for (const text of texts) {
      const [name, rest] = [text.split(": ")[0], text.split(": ").slice(1).join(": ")];
      const place = this.inputs.get(name);
      if (place) mark(place.box, place.note, place.input, "caution", rest);
    }
  }
}

function mark(box, note, input, kind, text) {
  box.classList.toggle("wrong", kind === "problem");
  box.classList.toggle("odd", kind === "caution");
  note.className = kind;
  note.textContent = text;
  if (kind === "problem") input.setAttribute("aria-invalid", "true");
  else input.removeAttribute("aria-invalid");
}

function choices(field) {
  const none = field.nullable ? [el("option", { value: "", text: word("missing") })] : [];
  return el("select", {}, none, field.allowed.map((value) => el("option", { value: String(value), text: String(value) })));
}

function text(field) {
  const long = field.long || !field.example || String(field.example).length > LONG;
  return long ? el("textarea", { rows: 4 }) : el("input", { type: "text" });
}

function figure() {
  return el("input", { type: "text", inputmode: "decimal", spellcheck: "false" });
}

function hintOf(field) {
  const code = language() === "zh" ? "zh-CN" : "en";
  if (field.seen) return word("range", { low: number(field.seen[0], code), high: number(field.seen[1], code) });
  return field.allowed ? "" : field.description || "";
}
