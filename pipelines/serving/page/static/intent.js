// What the customer wants, by a text product that is served beside.

import * as api from "./api.js";

/** The served product that reads one text and names one of several classes; of many the one of the same family name. */
export async function intentProduct(served, beside) {
  const able = [];
  for (const item of served.filter(({ task }) => task === "multiclass")) {
    const { fields } = await api.product(item.product);
    if (fields.length === 1 && fields[0].type === "string" && !fields[0].allowed) able.push({ ...item, field: fields[0].name });
  }
  const family = beside.split("_")[0];
  return able.find(({ product }) => product.split("_")[0] === family) ?? able[0] ?? null;
}

/** `{name, share, sure}` of a text. */
export async function intentOf(product, text) {
  const { answers } = await api.predict(product.product, { rows: [{ [product.field]: text }], explain: false });
  const [answer] = answers;
  return { name: String(answer.decision), share: answer.score[answer.decision], sure: answer.sure !== false };
}
