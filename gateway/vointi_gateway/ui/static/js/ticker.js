// The one clock of the page: animation frames and a slow tick; both stop while paused.

/** Four times a second: figures look immediate, and the page stays light on a phone. */
const TICK_MS = 250;

/** @type {Set<(now: number) => void>} */
const frames = new Set();
/** @type {Set<() => void>} */
const ticks = new Set();
let paused = false;

export const reducedMotion = matchMedia("(prefers-reduced-motion: reduce)");

/** The steady clock, s. @returns {number} */
export const steady = () => performance.now() / 1000;

/** @param {(now: number) => void} fn called each animation frame @returns {() => void} stop */
export function onFrame(fn) {
  frames.add(fn);
  return () => frames.delete(fn);
}

/** @param {() => void} fn called four times a second @returns {() => void} stop */
export function onTick(fn) {
  ticks.add(fn);
  return () => ticks.delete(fn);
}

/** @param {boolean} value */
export function setPaused(value) {
  paused = value;
}

/** @returns {boolean} */
export const isPaused = () => paused;

function frame(ms) {
  requestAnimationFrame(frame);
  if (!paused) frames.forEach((fn) => fn(ms / 1000));
}

requestAnimationFrame(frame);
setInterval(() => {
  if (!paused && !document.hidden) ticks.forEach((fn) => fn());
}, TICK_MS);
