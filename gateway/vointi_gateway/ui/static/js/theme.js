// Colours of the style sheet for the canvas, fresh after a change of theme.

const probe = document.createElement("span");
probe.hidden = true;
document.body.append(probe);

/** @type {Map<string, string>} */
const known = new Map();
/** @type {Set<() => void>} */
const listeners = new Set();

/**
 * The colour of a custom property, resolved (system colours too).
 * @param {string} name e.g. "--trace"
 * @returns {string}
 */
export function color(name) {
  if (!known.has(name)) {
    probe.style.color = `var(${name})`;
    known.set(name, getComputedStyle(probe).color);
  }
  return known.get(name);
}

export const FONT = '12px system-ui, sans-serif';

/** @param {() => void} listener told after the theme has changed @returns {() => void} stop */
export function onTheme(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

for (const query of ["(prefers-color-scheme: dark)", "(forced-colors: active)", "(prefers-contrast: more)"]) {
  matchMedia(query).addEventListener("change", () => {
    known.clear();
    listeners.forEach((listener) => listener());
  });
}
