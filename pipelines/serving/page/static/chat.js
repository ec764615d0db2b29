// The chat: a person plays the customer, the service suggests what the agent says, and the person may take that turn.

import * as api from "./api.js";
import { Desk } from "./desk.js";
import { $, el, show } from "./dom.js";
import { intentOf, intentProduct } from "./intent.js";
import { Knowledge } from "./knowledge.js";
import { notice, trouble, wireShell } from "./shell.js";
import { word } from "./words.js";

const state = { product: null, intents: null, messages: [], lookedUp: 0, working: null, asked: 0 };
let desk, knowledge;

async function start() {
  wireShell(load, paint);
  desk = new Desk();
  knowledge = new Knowledge(() => { state.lookedUp = 1; });
  wire();
  await load();
}

async function load() {
  try {
    const served = await api.products();
    const able = served.filter((item) => item.task === "reply");
    notice("");
    show($("columns"), able.length > 0);
    if (!able.length) return notice(word("noReplies"));
    $("product").replaceChildren(...able.map((item) => el("option", { value: item.product, text: item.title })));
    const wanted = decodeURIComponent(location.hash.slice(1));
    state.product = able.find((item) => item.product === wanted) ?? able[0];
    $("product").value = state.product.product;
    state.intents = await intentProduct(served, state.product.product);
    paint();
  } catch (error) {
    trouble(error);
  }
}

function paint() {
  $("log").replaceChildren(...state.messages.map((message) =>
    el("li", { class: message.who },
      el("span", { class: "who", text: word(message.who) }),
      el("p", { text: message.text }),
      message.how ? el("span", { class: "how", text: word(`how_${message.how}`) }) : null)));
  show($("log"), state.messages.length > 0);
  show($("log-empty"), !state.messages.length);
  $("log").lastElementChild?.scrollIntoView({ block: "nearest" });
  desk.paint();
}

function say(who, text, how) {
  state.messages.push({ who, text, how });
  paint();
}

const history = () => state.messages.map(({ who, text }) => `${who}: ${text.replace(/\s+/g, " ").trim()}`).join("\n");

/** Ask for a suggestion to the dialogue as it stands; what was asked before is given up. */
async function suggest() {
  cancel();
  const working = new AbortController();
  state.working = working;
  const asked = ++state.asked;
  const row = { history: history(), knowledge: knowledge.text(), looked_up: state.lookedUp, draft: null };
  desk.begin(state.product.product);
  busy(true);
  if (state.intents) {
    const said = state.messages.filter(({ who }) => who === "customer").at(-1)?.text;
    intentOf(state.intents, said).then((found) => { if (state.asked === asked) desk.intent(found); }, () => {});
  }
  try {
    await api.stream(state.product.product, { rows: [row], explain: true }, working.signal, (name, data) => {
      if (state.working === working) desk.take(name, data);
    });
    if (state.working === working && !desk.finished) desk.fail(word("brokeOff"));
  } catch (error) {
    if (error.name === "AbortError") return;
    if (error.status === 401 || error.status === 403) trouble(error);
    desk.fail(error.status === 0 ? word("unreachable", { why: error.message }) : word("refused", { why: error.message }));
  } finally {
    if (state.working === working) busy(false);
  }
}

function cancel() {
  if (!state.working) return false;
  state.working.abort();
  state.working = null;
  show($("working"), false);
  return true;
}

function busy(on) {
  show($("working"), on);
  if (!on) state.working = null;
}

function send(event) {
  event.preventDefault();
  const text = $("message").value.trim();
  if (!text || !state.product) return $("message").focus();
  $("message").value = "";
  say("customer", text);
  suggest();
}

function reply(event) {
  event.preventDefault();
  const text = $("reply").value.trim();
  if (!text) return $("reply").focus();
  cancel();
  say("agent", text, desk.said(text));
  state.lookedUp = 0;
  $("message").focus();
}

function fresh() {
  cancel();
  state.asked += 1;
  state.messages = [];
  state.lookedUp = 0;
  knowledge.fill({});
  desk.clear();
  paint();
  $("message").focus();
}

/** Enter sends, Shift and Enter begin a new line; not while a word is being composed. */
function sendsOnEnter(event) {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  event.target.form.requestSubmit();
}

function wire() {
  $("say").addEventListener("submit", send);
  $("answer").addEventListener("submit", reply);
  for (const id of ["message", "reply"]) $(id).addEventListener("keydown", sendsOnEnter);
  $("cancel").addEventListener("click", stop);
  document.addEventListener("keydown", (event) => { if (event.key === "Escape") stop(); });
  $("fresh").addEventListener("click", fresh);
  $("ask-again").addEventListener("click", () => { if (state.messages.length) suggest(); });
  $("product").addEventListener("change", () => {
    location.hash = encodeURIComponent($("product").value);
    fresh();
    load();
  });
}

function stop() {
  if (cancel()) desk.cancelled();
}

start();
