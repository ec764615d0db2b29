// The page: pick a product, fill in its form or paste JSON, see the answer and the model card.

import * as answers from "./answers/index.js";
import * as api from "./api.js";
import { $, el, show } from "./dom.js";
import { truth } from "./feedback.js";
import { Form } from "./form.js";
import { render as markdown } from "./markdown.js";
import { notice, trouble, wireShell } from "./shell.js";
import { word } from "./words.js";

const state = { products: [], product: null, form: null, mode: "form", last: null };

async function start() {
  wireShell(load, () => { if (state.product) paint(); });
  wire();
  await load();
}

async function load() {
  try {
    state.products = await api.products();
  } catch (error) {
    return trouble(error);
  }
  notice("");
  if (!state.products.length) return notice(word("noProducts", { why: await api.readiness() }));
  $("product").replaceChildren(...state.products.map((item) => el("option", { value: item.product, text: item.title })));
  const wanted = decodeURIComponent(location.hash.slice(1));
  const chosen = state.products.find((item) => item.product === wanted) ?? state.products[0];
  $("product").value = chosen.product;
  await choose(chosen.product);
}

async function choose(name) {
  try {
    state.product = await api.product(name);
  } catch (error) {
    return trouble(error);
  }
  history.replaceState(null, "", `#${encodeURIComponent(name)}`);
  state.last = null;
  $("json").value = JSON.stringify(state.product.example, null, 2);
  paint();
  state.form.fill(state.product.example.rows[0]);
  await loadCard(name);
}

function paint() {
  const { product } = state;
  const kept = state.form?.fields === product.fields ? state.form.read() : null;
  $("title").textContent = product.title;
  const task = word(`task_${product.task}`);
  $("facts").replaceChildren(
    el("span", { text: product.product }),
    el("span", { text: task.startsWith("task_") ? product.task : task }),
    el("span", { text: word("fields", { n: product.fields.length }) }),
    el("span", { id: "model-version", text: `${word("version")} ${product.version}` }));
  state.form = new Form($("fields"), product.fields);
  if (kept) state.form.fill(kept);
  for (const id of ["hero", "columns", "card-section"]) show($(id));
  show($("chat-link"), product.task === "reply");
  $("chat-link").href = `chat#${encodeURIComponent(product.product)}`;
  problem("");
  paintAnswer();
}

async function loadCard(name) {
  $("card-version").textContent = state.product.version;
  try {
    $("card").replaceChildren(markdown(await api.card(name)));
  } catch (error) {
    $("card").replaceChildren(el("p", { text: error.status === 404 ? word("noCard") : error.message }));
  }
}

// --- asking ---------------------------------------------------------------------------------------------------------

function bodyOf() {
  if (state.mode === "form") return { rows: [state.form.read()], explain: true };
  const given = JSON.parse($("json").value);
  if (Array.isArray(given)) return { rows: given, explain: true };
  return given && typeof given === "object" && !("rows" in given) ? { rows: [given], explain: true } : { ...given, explain: true };
}

async function ask(event) {
  event.preventDefault();
  problem("");
  state.form.clear();
  let body;
  try {
    body = bodyOf();
  } catch (error) {
    return problem(word("notJson", { why: error.message }));
  }
  busy(true);
  try {
    state.last = { body, reply: await api.predict(state.product.product, body), row: 0 };
    paintAnswer();
    if (state.mode === "form") state.form.warnings(state.last.reply.answers[0].warnings);
    if (matchMedia("(max-width: 860px)").matches) $("answer-title").scrollIntoView({ block: "start" });
  } catch (error) {
    refused(error);
  } finally {
    busy(false);
  }
}

function refused(error) {
  if (error.status === 401 || error.status === 403) return trouble(error);
  const found = state.mode === "form" ? state.form.problems(error.problems) : error.problems.map(told);
  const alone = state.mode === "form" && error.problems.length && !found.length;
  if (error.status === 0) problem(word("unreachable", { why: error.message }));
  else if (!alone) problem(word("refused", { why: error.message }), found);
  state.last = null;
  paintAnswer();
}

const told = ({ row, field, problem: what }) => `${word("row")} ${row ?? ""} ${field ?? ""}: ${what}`;

function problem(text, more = []) {
  const box = $("form-error");
  box.replaceChildren(text, ...(more.length > 1 ? [el("ul", {}, more.map((item) => el("li", { text: item })))] : []));
  show(box, Boolean(text));
}

function busy(on) {
  $("send").disabled = on;
  $("answer").setAttribute("aria-busy", String(on));
}

// --- the answer -----------------------------------------------------------------------------------------------------

function paintAnswer() {
  const { last, product } = state;
  show($("took"), Boolean(last));
  if (!last) return $("answer").replaceChildren(el("p", { class: "empty", text: word("nothing") }));
  const { reply, body } = last;
  const answer = reply.answers[last.row];
  $("took").textContent = word("took", { ms: Math.max(1, Math.round(reply.milliseconds)) });
  const parts = [
    ...(reply.answers.length > 1 ? [picker(reply.answers.length)] : []),
    ...answers.render(product, answer, body.rows[last.row]),
    ...(answer.warnings?.length ? [el("ul", { class: "warnings" }, answer.warnings.map((text) => el("li", { text })))] : []),
    truth(product, reply.request_id, last.row),
    el("dl", { class: "meta" },
      el("dt", { text: word("version") }), el("dd", { id: "answer-version", text: reply.version }),
      el("dt", { text: word("request") }), el("dd", { text: reply.request_id })),
  ];
  $("answer").replaceChildren(...parts);
}

function picker(count) {
  const buttons = Array.from({ length: Math.min(count, 50) }, (_, place) =>
    el("button", { type: "button", class: "quiet", "aria-pressed": String(place === state.last.row),
      "aria-label": `${word("row")} ${place + 1}`, text: String(place + 1),
      on: { click: () => { state.last.row = place; paintAnswer(); $("answer").querySelectorAll(".rows button")[place].focus(); } } }));
  return el("div", {}, el("p", { class: "hint", text: word("rows", { n: count }) }), el("div", { class: "rows", role: "group", "aria-label": word("row") }, buttons));
}

// --- around it ------------------------------------------------------------------------------------------------------

function tab(mode) {
  if (mode === "json" && state.mode === "form") $("json").value = JSON.stringify({ rows: [state.form.read()], explain: true }, null, 2);
  if (mode === "form" && state.mode === "json") {
    try {
      state.form.fill(bodyOf().rows[0]);
      problem("");
    } catch { /* the form keeps what it had */ }
  }
  state.mode = mode;
  for (const name of ["form", "json"]) {
    show($(`panel-${name}`), name === mode);
    $(`tab-${name}`).setAttribute("aria-selected", String(name === mode));
    $(`tab-${name}`).tabIndex = name === mode ? 0 : -1;
  }
}

async function copyCurl() {
  let body;
  try {
    body = bodyOf();
  } catch (error) {
    return problem(word("notJson", { why: error.message }));
  }
  const quoted = JSON.stringify(body).replace(/'/g, "'\\''");
  const authorisation = api.key() ? " -H 'Authorization: Bearer KEY'" : "";
  const line = `curl -s ${location.origin}/v1/${state.product.product}/predict -H 'Content-Type: application/json'${authorisation} -d '${quoted}'`;
  await navigator.clipboard.writeText(line);
  $("curl").textContent = word("copied");
  setTimeout(() => { $("curl").textContent = word("curl"); }, 1500);
}

function wire() {
  $("product").addEventListener("change", () => choose($("product").value));
  $("ask").addEventListener("submit", ask);
  $("reset").addEventListener("click", () => {
    problem("");
    state.form.fill(state.product.example.rows[0]);
    $("json").value = JSON.stringify(state.product.example, null, 2);
  });
  $("curl").addEventListener("click", copyCurl);
  for (const name of ["form", "json"]) {
    $(`tab-${name}`).addEventListener("click", () => tab(name));
    $(`tab-${name}`).addEventListener("keydown", (event) => {
      if (event.key !== "ArrowLeft" && event.key !== "ArrowRight") return;
      const next = name === "form" ? "json" : "form";
      tab(next);
      $(`tab-${next}`).focus();
    });
  }
}

start();
