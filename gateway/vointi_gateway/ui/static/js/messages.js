// The words of the page, in the language of the document.

export const lang = document.documentElement.lang || "en";

/** Goes along with links to other pages, once a language was clicked. */
export const chosen = new URLSearchParams(location.search).has("lang") ? `?lang=${lang}` : "";

const response = await fetch(document.body.dataset.messages);
/** @type {Record<string, string>} */
const table = await response.json();

/**
 * The text of a key, with {names} filled in; the key itself when it is unknown.
 * @param {string} key
 * @param {Record<string, string|number>} [values]
 * @returns {string}
 */
export function t(key, values = {}) {
  const text = table[key] ?? key;
  return text.replace(/\{(\w+)\}/g, (whole, name) => String(values[name] ?? whole));
}

/** @param {string} key @returns {boolean} */
export const has = (key) => key in table;

const plural = new Intl.PluralRules(lang);

/**
 * The text of `key.one`, `key.other` … for a count.
 * @param {string} key
 * @param {number} n
 * @returns {string}
 */
export function tn(key, n) {
  const form = `${key}.${plural.select(n)}`;
  return t(has(form) ? form : `${key}.other`, { n });
}
