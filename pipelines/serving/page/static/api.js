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
  let body = {};
  try {
    body = JSON.parse(text);
  } catch {
    body = { error: text.slice(0, 300) };
  }
  throw new ApiError(response.status, body.error || `status ${response.status}`, body.problems || []);
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
