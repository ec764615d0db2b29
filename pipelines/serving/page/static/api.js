// The service's API. A refusal is an `ApiError` with the status and the problems that the service named.

const STORED = "nightshift-key";

export class ApiError extends Error {
  constructor(status, message, problems = []) {
    super(message);
    this.status = status;
    this.problems = problems;
  }
}

export const key = () => sessionStorage.getItem(STORED) || "";

export function setKey(value) {
  if (value) sessionStorage.setItem(STORED, value);
  else sessionStorage.removeItem(STORED);
}

async function call(path, options = {}) {
  const headers = { ...(options.body ? { "Content-Type": "application/json" } : {}) };
  if (key()) headers.Authorization = `Bearer ${key()}`;
  const began = performance.now();
  let response;
  try {
    response = await fetch(path, { ...options, headers, credentials: "omit", cache: "no-store" });
  } catch (error) {
    throw new ApiError(0, String(error.message || error));
  }
  const text = await response.text();
  const milliseconds = performance.now() - began;
  if (response.ok) return { text, milliseconds, headers: response.headers };
  throw refusal(response.status, text);
}

function refusal(status, text) {
  let body = {};
  try {
    body = JSON.parse(text);
  } catch {
    body = { error: text.slice(0, 300) };
  }
  return new ApiError(status, body.error || `status ${status}`, body.problems || []);
}

const json = async (path, options) => JSON.parse((await call(path, options)).text);
const part = encodeURIComponent;

export const products = async () => (await json("v1/products")).products;
export const product = (name) => json(`v1/products/${part(name)}`);
export const card = async (name) => (await call(`v1/products/${part(name)}/card`)).text;
export const readiness = async () => (await call("readyz").catch((error) => ({ text: error.message }))).text.trim();

export async function predict(name, body) {
  const { text, milliseconds } = await call(`v1/${part(name)}/predict`, { method: "POST", body: JSON.stringify(body) });
  return { ...JSON.parse(text), milliseconds };
}

export const feedback = (name, item) => json(`v1/${part(name)}/feedback`, { method: "POST", body: JSON.stringify(item) });

/** Server-sent events of one row: `on(name, data)` for each, until `done` or `error`; `signal` ends it. */
export async function stream(name, body, signal, on) {
  const headers = { "Content-Type": "application/json" };
  if (key()) headers.Authorization = `Bearer ${key()}`;
  const options = { method: "POST", body: JSON.stringify(body), headers, signal, credentials: "omit", cache: "no-store" };
  let response;
  try {
    response = await fetch(`v1/${part(name)}/reply/stream`, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError(0, String(error.message || error));
  }
  if (!response.ok) throw refusal(response.status, await response.text());
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let held = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const parts = (held + value).split("\n\n");
    held = parts.pop();
    for (const event of parts) {
      const [first, second] = event.split("\n");
      on(first.replace(/^event: /, ""), JSON.parse(second.replace(/^data: /, "")));
    }
  }
}
