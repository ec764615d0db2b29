// The agent's desk: what is suggested and how sure it is, as it comes; and what a person thinks of it.

import * as api from "./api.js";
import { $, el, percent, show } from "./dom.js";
import { word } from "./words.js";

const PARTS = ["told", "answer", "judge", "evidence-box", "meta", "intent", "verdict", "sure"];

export class Desk {
  constructor() {
    this.clear();
    $("reply").addEventListener("input", () => this.#hint());
    $("restore").addEventListener("click", () => { $("reply").value = this.text; this.#hint(); $("reply").focus(); });
    $("up").addEventListener("click", () => this.#judge("up"));
    $("down").addEventListener("click", () => this.#judge("down"));
  }

  clear() {
    Object.assign(this, { text: "", done: null, likely: null, verdict: null, known: null, thumb: null, failed: false, tokens: 0, told: false, outcome: null });
    for (const id of [...PARTS, "desk-error"]) show($(id), false);
    show($("desk-empty"));
    $("reply").value = "";
    $("judged").textContent = "";
  }

  begin(product) {
    const typed = $("reply").value !== this.text && !this.told ? $("reply").value : "";
    this.clear();
    this.product = product;
    $("reply").value = typed; // words that an agent has begun to write are never overwritten
    show($("desk-empty"), false);
    for (const id of ["told", "answer"]) show($(id));
    $("action").replaceChildren();
    this.paint();
  }

  get finished() {
    return Boolean(this.done) || this.failed;
  }

  take(name, data) {
    if (name === "action") this.likely = data.likely;
    if (name === "writing") this.tokens = data.tokens;
    if (name === "verdict") this.verdict = data;
    if (name === "evidence") this.evidence = data.evidence;
    if (name === "piece") {
      const untouched = $("reply").value === this.text;
      this.text += data.text;
      if (untouched) $("reply").value = this.text;
    }
    if (name === "done") this.done = { ...data, answer: data.answers[0] };
    if (name === "error") this.fail(word("refused", { why: data.error }));
    this.paint();
  }

  intent(found) {
    this.known = found;
    this.paint();
  }

  fail(words) {
    this.failed = true;
    $("desk-error").textContent = words;
    show($("desk-error"));
    this.paint();
  }

  cancelled() {
    this.failed = true;
    this.#say("progress", "");
    $("desk-error").textContent = word("cancelled");
    show($("desk-error"));
  }

  /** The agent has spoken: how ("suggested", "edited", "own"), with feedback where a suggestion was mended. */
  said(text) {
    const how = !this.text ? "own" : text === this.text.trim() ? "suggested" : "edited";
    if (this.done && how !== "suggested") this.#tell({ outcome: text });
    this.told = true;
    show($("answer"), false);
    return how;
  }

  paint() {
    this.#say("progress", this.tokens ? word("writing", { n: this.tokens }) : word("looking"));
    if (this.known) {
      $("intent").replaceChildren(
        el("span", { class: "hint", text: word("intent") }), el("strong", { text: this.known.name }),
        el("span", { class: "badge", text: percent(this.known.share, 0) }),
        ...(this.known.sure ? [] : [el("span", { class: "hint", text: word("notSure") })]));
    }
    show($("intent"), Boolean(this.known));
    if (this.likely) $("action").replaceChildren(el("h3", { text: word("nextAction") }), bars(this.likely));
    this.#verdict();
    this.#rest();
    this.#hint();
  }

  #verdict() {
    const found = this.verdict;
    show($("verdict"), Boolean(found));
    show($("sure"), Boolean(found));
    if (!found) return;
    $("verdict").className = `chip ${found.hand_over ? "yes" : "no"}`;
    $("verdict").textContent = found.hand_over ? word("handOver", { why: found.why }) : word("maySend");
    const fill = el("div", { class: "fill" });
    fill.style.width = percent(found.confidence, 1);
    $("sure").replaceChildren(
      el("span", { class: "hint", text: word("confidence", { value: percent(found.confidence, 0) }) }),
      el("div", { class: `meter ${found.hand_over ? "acts" : ""}`, role: "img", "aria-label": word("confidence", { value: percent(found.confidence, 0) }) }, fill));
  }

  #rest() {
    show($("judge"), Boolean(this.done && this.text));
    for (const id of ["up", "down"]) {
      this.#say(id, word(`thumb_${id}`));
      $(id).setAttribute("aria-pressed", String(this.thumb === id));
      $(id).disabled = this.outcome !== null;
    }
    const held = this.evidence?.length && this.done ? this.evidence : [];
    show($("evidence-box"), held.length > 0);
    $("evidence").replaceChildren(...held.map((one) =>
      el("li", {}, el("code", { text: one.turn }), el("span", { class: "hint", text: word("alike", { value: percent(one.cosine, 0) }) }))));
    show($("meta"), Boolean(this.done));
    if (this.done) {
      $("meta").replaceChildren(
        el("dt", { text: word("version") }), el("dd", { text: this.done.version }),
        el("dt", { text: word("request") }), el("dd", { id: "request", text: this.done.request_id }));
    }
  }

  #hint() {
    const typed = $("reply").value.trim();
    const edited = Boolean(this.text) && typed !== this.text.trim();
    show($("restore"), edited);
    this.#say("reply-hint", !this.finished ? "" : this.text ? word(edited ? "hintEdited" : "hintSuggested") : word("hintOwn"));
  }

  /** Writes only what has changed, so that a screen reader says it once. */
  #say(id, text) {
    if ($(id).textContent !== text) $(id).textContent = text;
  }

  async #judge(thumb) {
    if (!this.done || this.thumb === thumb) return;
    this.thumb = thumb;
    this.paint();
    if (thumb === "up") return this.#tell({ thumb });
    if (!this.told) {
      $("reply").focus();
      $("reply").select();
    }
    const { product, done } = this;
    const words = await this.#send(product, done, { thumb });
    if (this.done === done && this.outcome === null) this.#say("judged", this.told ? words : `${words} ${word("tellRight")}`);
  }

  /** Once per suggestion: a second outcome would contradict the first, and neither would be used. */
  async #tell(said) {
    if (this.outcome !== null) return;
    this.outcome = said;
    this.paint();
    const { product, done } = this;
    const words = await this.#send(product, done, said);
    if (this.done === done) this.#say("judged", words);
  }

  async #send(product, { request_id }, said) {
    try {
      const kept = await api.feedback(product, { request_id, row: 0, ...said });
      const status = kept.results?.[0]?.status ?? "";
      return status === "asked" ? word("asked") : kept.joined ? word("truthThanks") : word("truthNot", { status });
    } catch (error) {
      return error.status === 503 ? word("truthUnavailable") : word("truthNot", { status: error.message });
    }
  }
}

function bars(likely) {
  return el("ol", { class: "bars plain" }, likely.map(({ action, probability }, place) => {
    const bar = el("div", { class: "bar" });
    bar.style.width = percent(probability, 2);
    return el("li", { class: place ? "" : "first" },
      el("span", { class: "name", text: action.replaceAll("_", " ") }), el("div", { class: "track" }, bar),
      el("span", { class: "amount", text: percent(probability, 0) }));
  }));
}
