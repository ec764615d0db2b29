// The page: one item at a time, answered by one key. Nothing is shown as done before the server has kept it.

import * as asking from "./asking.js";
import { $, el, show } from "./dom.js";
import { language, setLanguage, translate, word } from "./review-words.js";

const NAMED = "nightshift-annotator";
const FEW = 20; // classes that are all shown, in one order; of more the proposed ones, and a search
const LETTERS = "123456789abcdefghijklmopqtvwxyz"; // n, r, s, u do something else
const FOUND = 30;
const state = { session: null, item: null, busy: true, choices: [], chosen: new Set(), progress: null };

const label = (value) => String(value);
const same = (one, other) => one !== null && other !== null && label(one) === label(other);

async function start() {
  translate();
  paintLanguage();
  wire();
  for (;;) {
    try {
      state.session = await asking.session();
      break;
    } catch (error) {
      notice(word("again_soon", { why: error instanceof asking.Refused ? error.message : word("unreachable") }));
      await new Promise((resolve) => { setTimeout(resolve, 1000); });
    }
  }
  $("title").textContent = state.session.title;
  document.title = `${state.session.title} · Nightshift`;
  $("annotator").value = localStorage.getItem(NAMED) || state.session.annotator;
  state.busy = false;
  await ask("next", {});
}

// --- asking and answering -------------------------------------------------------------------------------------------

async function ask(path, body) {
  const annotator = $("annotator").value.trim();
  if (!annotator) {
    notice(word("who"));
    return $("annotator").focus();
  }
  if (state.busy) return undefined;
  busy(true);
  try {
    const reply = await asking.post(path, { ...body, annotator }, waiting, word("unreachable"));
    notice("");
    state.item = reply.item;
    state.progress = reply.progress;
    paint(reply.before ?? null);
  } catch (error) {
    notice(word("refused", { why: error.message }));
  } finally {
    busy(false);
  }
  return undefined;
}

const waiting = (why) => notice(word("again_soon", { why }));

function keep(answer) {
  if (!state.item || state.busy) return;
  const sureness = Number(document.querySelector("input[name=sure]:checked").value);
  ask("answer", { item: state.item.id, action: "answer", answer, sureness, note: $("note").value, once: asking.name() });
}

function skip() {
  if (!state.item || state.busy) return;
  ask("answer", { item: state.item.id, action: "skip", note: $("note").value, once: asking.name() });
}

const undo = () => ask("undo", { once: asking.name() });

function busy(on) {
  state.busy = on;
  document.body.setAttribute("aria-busy", String(on));
}

/** A class by its key or a click: kept at once, or one of several labels that Enter keeps. */
function pick(value) {
  if (state.session.kind !== "labels") return keep(value);
  if (state.busy) return undefined;
  if (!state.chosen.delete(label(value))) state.chosen.add(label(value));
  $("search").value = "";
  paintFound();
  return paintButtons();
}

function keepSeveral() {
  if (state.chosen.size) keep([...state.chosen]);
}

// --- showing --------------------------------------------------------------------------------------------------------

function paint(before) {
  const { item, session, progress } = state;
  for (const id of ["item", "answers"]) show($(id), Boolean(item));
  show($("empty"), !item);
  for (const id of ["progress", "actions"]) show($(id));
  show($("skip"), Boolean(item));
  const total = progress.done + progress.left;
  $("bar").style.width = `${total ? (100 * progress.done) / total : 100}%`;
  $("counts").textContent = word("counts", progress);
  if (document.activeElement !== $("annotator")) document.activeElement?.blur();
  if (!item) return;
  $("source").textContent = word(item.source);
  $("why").textContent = item.why;
  $("content").replaceChildren(content(item));
  show($("given"), item.given !== null);
  $("given").replaceChildren(word("given"), el("b", { text: name(item.given) }));
  show($("similar-box"), item.similar.length > 0);
  $("similar").replaceChildren(...item.similar.map((one) =>
    el("li", {}, el("b", { text: name(one.label) }), el("span", { text: one.text }))));
  $("question").textContent = session.kind === "text" ? word("askText") : word("ask", { target: session.target });
  $("note").value = before?.note ?? "";
  for (const radio of document.querySelectorAll("input[name=sure]")) radio.checked = Number(radio.value) === (before?.sureness ?? 3);
  paintChoices(before);
  scrollTo({ top: 0 });
}

function content(item) {
  const { text } = state.session;
  const entries = Object.entries(item.shown);
  if (!entries.length) return el("p", { class: "hint", text: word("forgotten") });
  if (entries.length === 1 && entries[0][0] === text) return el("div", { class: "shown-text", tabindex: "0", text: String(entries[0][1] ?? "") });
  return el("dl", { class: "shown-fields" }, entries.map(([field, value]) => {
    const long = typeof value === "object" ? value !== null : String(value).length > 60;
    return el("div", { class: long ? "long" : "" }, el("dt", { text: field }),
      Array.isArray(value) ? el("dd", {}, value.map(turn)) : el("dd", { text: plain(value) }));
  }));
}

/** One message of a conversation, or whatever else a list holds. */
function turn(one) {
  if (typeof one?.text !== "string") return el("p", { text: plain(one) });
  return el("p", {}, el("b", { text: one.from ? `${one.from}: ` : "" }), one.text);
}

function plain(value) {
  if (value === null || value === undefined) return word("missing");
  if (typeof value === "number") return value.toLocaleString(language() === "zh" ? "zh-CN" : "en-US", { maximumFractionDigits: 6 });
  return typeof value === "object" ? JSON.stringify(value, null, 1) : String(value);
}

/** A label for a person: 1 and 0 of a yes-or-no product say so. */
function name(value) {
  const { classes, yes } = state.session;
  const flags = yes !== null && classes.length === 2 && classes.every((one) => ["0", "1", "true", "false"].includes(label(one)));
  return flags ? `${label(value)} · ${word(same(value, yes) ? "yes" : "no")}` : label(value);
}

function paintChoices(before) {
  const { session, item } = state;
  const chosen = before?.answer ?? null;
  const classes = ["class", "labels"].includes(session.kind);
  const several = (value) => new Set(value === null ? [] : String(value).split(session.separator));
  state.chosen = session.kind === "labels" ? several(chosen ?? item.given) : new Set(chosen === null ? [] : [label(chosen)]);
  show($("choices"), classes || item.proposed.length > 0);
  show($("number-box"), session.kind === "number");
  show($("text-box"), session.kind === "text");
  show($("search-box"), classes && session.classes.length > FEW);
  show($("several"), session.kind === "labels");
  const all = classes && session.classes.length <= FEW;
  const offered = all ? session.classes : item.proposed.map((one) => one.label);
  if (classes && !all) {
    const now = session.kind === "labels" ? [...several(item.given)] : item.given === null ? [] : [item.given];
    offered.push(...now.filter((value) => !offered.some((one) => same(one, value))));
  }
  state.choices = offered.slice(0, LETTERS.length);
  paintButtons();
  $("number").value = session.kind === "number" && chosen !== null ? String(chosen) : "";
  $("reply").value = session.kind === "text" ? String(chosen ?? item.given ?? "") : "";
  $("search").value = "";
  paintFound();
}

function paintButtons() {
  const { item, session } = state;
  const share = new Map(item.proposed.map((one) => [label(one.label), one.confidence]));
  const added = session.kind === "labels" ? [...state.chosen].filter((one) => !state.choices.some((known) => same(known, one))) : [];
  $("choices").replaceChildren(...[...state.choices, ...added].map((value, place) => {
    const confidence = share.get(label(value));
    const on = state.chosen.has(label(value));
    return el("button", { type: "button", class: on ? "chosen" : "", "aria-pressed": session.kind === "labels" ? String(on) : null,
      on: { click: () => pick(value) } },
    el("kbd", { text: place < state.choices.length ? LETTERS[place] : "+" }),
    el("span", { class: same(value, item.given) ? "name now" : "name", text: name(value) }),
    confidence === undefined ? null : el("span", { class: "share", text: `${Math.round(100 * confidence)}%` }));
  }));
}

function matches() {
  const wanted = $("search").value.toLowerCase().split(/[\s_]+/).filter(Boolean);
  if (!wanted.length) return [];
  return state.session.classes.filter((value) => wanted.every((part) => label(value).toLowerCase().includes(part)));
}

function paintFound() {
  const found = matches();
  $("search").setAttribute("aria-expanded", String(found.length > 0));
  const rows = found.slice(0, FOUND).map((value, place) => el("li", { role: "option", "aria-selected": String(place === 0) },
    el("button", { type: "button", tabindex: "-1", on: { click: () => pick(value) } },
      el("span", { class: same(value, state.item?.given ?? null) ? "name now" : "name", text: name(value) }))));
  if (found.length > FOUND) rows.push(el("li", { class: "hint", text: word("more", { n: found.length - FOUND }) }));
  $("found").replaceChildren(...rows);
}

function move(step) {
  const rows = [...$("found").querySelectorAll("[role=option]")];
  const now = rows.findIndex((row) => row.getAttribute("aria-selected") === "true");
  const next = Math.max(0, Math.min(rows.length - 1, now + step));
  rows.forEach((row, place) => row.setAttribute("aria-selected", String(place === next)));
  rows[next]?.scrollIntoView({ block: "nearest" });
}

function notice(text) {
  $("notice").textContent = text;
  show($("notice"), Boolean(text));
}

function paintLanguage() {
  $("language").textContent = language() === "zh" ? "English" : "中文";
  $("language").lang = language() === "zh" ? "en" : "zh";
}

// --- keys -----------------------------------------------------------------------------------------------------------

function key(event) {
  if (event.ctrlKey || event.altKey || event.metaKey || event.repeat) return;
  const typing = event.target.matches("input:not([type=radio]), textarea");
  if (event.key === "Escape" && typing) return event.target.blur();
  if (typing) return;
  const digit = /^Digit([1-3])$/.exec(event.code);
  if (event.shiftKey && digit) {
    document.querySelector(`input[name=sure][value="${digit[1]}"]`).checked = true;
    return event.preventDefault();
  }
  const simple = { enter: state.session?.kind === "labels" ? keepSeveral : undefined, s: skip, u: undo, r: () => ask("next", {}), n: () => $("note").focus(), "/": focusAnswer };
  const pressed = event.key.toLowerCase();
  const work = simple[pressed] ?? choose(pressed);
  if (!work || (event.target.matches("button, summary") && ["enter", " "].includes(pressed))) return;
  event.preventDefault();
  work();
}

function choose(pressed) {
  const place = pressed.length === 1 ? LETTERS.indexOf(pressed) : -1;
  return state.item && place >= 0 && place < state.choices.length ? () => pick(state.choices[place]) : null;
}

function focusAnswer() {
  const kind = state.session.kind;
  const box = kind === "number" ? $("number") : kind === "text" ? $("reply") : $("search");
  if (state.item && box.offsetParent) box.focus();
}

function wire() {
  document.addEventListener("keydown", key);
  $("skip").addEventListener("click", skip);
  $("undo").addEventListener("click", undo);
  $("again").addEventListener("click", () => ask("next", {}));
  $("search").addEventListener("input", paintFound);
  $("search").addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      move(event.key === "ArrowDown" ? 1 : -1);
    }
    if (event.key === "Enter") {
      event.preventDefault();
      if (!$("search").value) keepSeveral();
      else $("found").querySelector("[aria-selected=true] button")?.click();
    }
  });
  $("number-box").addEventListener("submit", (event) => {
    event.preventDefault();
    const text = $("number").value.trim().replace(",", ".");
    if (!text || !Number.isFinite(Number(text))) notice(word("not_number"));
    else keep(Number(text));
  });
  $("several").addEventListener("click", keepSeveral);
  $("text-box").addEventListener("submit", (event) => {
    event.preventDefault();
    if ($("reply").value.trim()) keep($("reply").value.trim());
  });
  $("reply").addEventListener("keydown", (event) => {
    if (event.key === "Enter" && event.ctrlKey) $("text-box").requestSubmit();
  });
  $("who").addEventListener("submit", (event) => {
    event.preventDefault();
    $("annotator").blur();
  });
  $("annotator").addEventListener("change", () => {
    localStorage.setItem(NAMED, $("annotator").value.trim());
    ask("next", {});
  });
  $("language").addEventListener("click", () => {
    setLanguage(language() === "zh" ? "en" : "zh");
    translate();
    paintLanguage();
    if (state.progress) paint(null);
  });
  addEventListener("beforeunload", (event) => { if (state.busy && state.item) event.preventDefault(); });
}

start();
