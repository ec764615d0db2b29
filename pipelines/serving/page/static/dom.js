// Elements without HTML text: nothing that comes from a model, a card or a person is ever parsed as markup.

export const $ = (id) => document.getElementById(id);

/** An element with properties (`class`, `text`, `on`, attributes) and children (nodes or texts). */
export function el(tag, properties = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null || value === false) continue;
    if (name === "class") node.className = value;
    else if (name === "text") node.textContent = value;
    else if (name === "on") for (const [event, handler] of Object.entries(value)) node.addEventListener(event, handler);
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

export function show(node, visible = true) {
  node.hidden = !visible;
}

const plain = new Intl.NumberFormat("en-US", { maximumSignificantDigits: 6, useGrouping: false });
const grouped = (language) => new Intl.NumberFormat(language, { maximumSignificantDigits: 5 });

/** A number for a person. */
export function number(value, language) {
  if (typeof value !== "number") return value === null || value === undefined ? "–" : String(value);
  return language ? grouped(language).format(value) : plain.format(value);
}

export function percent(value, digits = 1) {
  return `${(100 * value).toFixed(digits)}%`;
}
