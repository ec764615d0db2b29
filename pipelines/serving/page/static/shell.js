// What every page of the service has around it: theme, language, API key, and one place for bad news.

import * as api from "./api.js";
import { $, show } from "./dom.js";
import { language, setLanguage, translate, word } from "./words.js";

const THEME = "nightshift-theme";

/** Wire the header. `load` fetches anew (a key was given), `repaint` says everything again (another language). */
export function wireShell(load, repaint) {
  theme(localStorage.getItem(THEME));
  translate();
  paintLanguage();
  $("theme").addEventListener("click", () => {
    const next = $("theme").dataset.next;
    localStorage.setItem(THEME, next);
    theme(next);
  });
  $("language").addEventListener("click", () => {
    setLanguage(language() === "zh" ? "en" : "zh");
    translate();
    paintLanguage();
    theme(localStorage.getItem(THEME));
    repaint();
  });
  $("key-button").addEventListener("click", () => openKey($("key-panel").hidden));
  $("key-panel").addEventListener("submit", (event) => {
    event.preventDefault();
    api.setKey($("key").value.trim());
    openKey(false);
    load();
  });
}

export function notice(text) {
  $("notice").textContent = text;
  show($("notice"), Boolean(text));
}

export function trouble(error) {
  if (error.status === 401 || error.status === 403) {
    show($("key-button"));
    openKey(true);
    notice(api.key() ? word("wrongKey", { why: error.message }) : word("keyAsked"));
    $("key").focus();
  } else notice(error.status === 0 ? word("unreachable", { why: error.message }) : error.message);
}

function openKey(open) {
  show($("key-panel"), open);
  $("key-button").setAttribute("aria-expanded", String(open));
}

function theme(chosen) {
  const dark = chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  if (chosen) document.documentElement.dataset.theme = chosen;
  const button = $("theme");
  button.textContent = dark ? "☀" : "☾";
  button.setAttribute("aria-label", word(dark ? "light" : "dark"));
  button.dataset.next = dark ? "light" : "dark";
}

function paintLanguage() {
  const other = language() === "zh" ? "en" : "zh";
  $("language").textContent = other === "zh" ? "中文" : "English";
  $("language").lang = other;
}
