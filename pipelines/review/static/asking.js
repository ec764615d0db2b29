// Calls of the page's server. An answer is sent again under the same name until it is acknowledged: it is kept once.

let token = "";

export class Refused extends Error {}

/** What the page must know, and the token that every post carries: a restarted server has another one. */
export async function session() {
  const reply = await fetch("api/session", { cache: "no-store" });
  const content = await reply.json();
  if (!reply.ok) throw new Refused(content.error ?? reply.statusText);
  token = content.token;
  return content;
}

export function name() {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Posts until the server has said that it is kept; `waiting` is told why it is not yet. */
export async function post(path, body, waiting, unreachable) {
  for (let attempt = 0; ; attempt += 1) {
    let why = unreachable;
    try {
      const headers = { "Content-Type": "application/json", "X-Nightshift-Token": token };
      const reply = await fetch(`api/${path}`, { method: "POST", headers, body: JSON.stringify(body), cache: "no-store" });
      const content = await reply.json();
      if (reply.ok) return content;
      if (content.token && attempt < 100) await session();
      else if (reply.status !== 503) throw new Refused(content.error ?? reply.statusText);
      why = content.error;
      if (content.token) continue;
    } catch (error) {
      if (error instanceof Refused) throw error;
    }
    waiting(why);
    await new Promise((resolve) => { setTimeout(resolve, Math.min(5000, 500 * (attempt + 1))); });
  }
}
