// Tiles: the latest value of a metric, large, with its unit and its age.

import { serverNow } from "./api.js";
import { el, setData, setText } from "./dom.js";
import { age, digitsOf, number, unitOf } from "./format.js";
import { has, t } from "./messages.js";
import { onTick } from "./ticker.js";

/**
 * What tiles there are, in order. `staleS`: older values are greyed, with their age. A spot
 * measurement (scale, cuff, thermometer) always tells its age.
 * @type {{metric: string, staleS: number, spot?: boolean, second?: string, optional?: boolean}[]}
 */
const TILES = [
  { metric: "spo2", staleS: 15 },
  { metric: "pulse_rate", staleS: 15 },
  { metric: "body_temperature", staleS: 900, spot: true },
  { metric: "bp_systolic", second: "bp_diastolic", staleS: 86_400, spot: true },
  { metric: "body_weight", staleS: 86_400 * 2, spot: true },
  { metric: "respiratory_rate", staleS: 60, optional: true },
  { metric: "rmssd", staleS: 120, optional: true },
  { metric: "steps", staleS: 900, optional: true },
  { metric: "voc", staleS: 60, optional: true },
  { metric: "pm2_5", staleS: 60, optional: true },
  { metric: "illuminance", staleS: 60, optional: true },
];

/** How far back to look for the latest value: a scale is used now and then, a finger clip not. */
const SPOT_SPAN_S = 21_600;
const RECENT_SPAN_S = 120;

/** A heart rate comes each second; ten missing ones are no longer "now". */
export const HEART_STALE_S = 10;

/**
 * A live figure: value, unit and age, refreshed by itself.
 * @param {string} tag of the value's wrapper
 * @param {() => import("./model.js").Latest|null} read
 * @param {{metric: string, staleS: number, spot?: boolean,
 *   text?: (latest: any) => string}} how
 * @returns {{root: HTMLElement, stop: () => void}}
 */
export function liveFigure(tag, read, { metric, staleS, spot = false, text }) {
  const value = el("span", { class: "value" }, "–");
  const unit = el("span", { class: "unit" });
  const note = el("span", { class: "age" });
  const root = el(tag, { class: "reading", "data-metric": metric, "data-stale": "none" },
    el("span", { class: "figure-line" }, value, " ", unit), " ", note);
  const show = () => {
    const latest = read();
    if (!latest) {
      setText(note, t("metric.none"));
      return;
    }
    const old = Math.max(0, serverNow() - latest.heard);
    const stale = old > staleS;
    setText(value, text ? text(latest) : number(latest.value, digitsOf(metric)));
    setText(unit, unitOf(metric, latest.unit));
    setText(note, stale || spot ? age(old) : "");
    setData(root, "stale", stale ? "yes" : "no");
  };
  show();
  return { root, stop: onTick(show) };
}

/**
 * Tiles for those metrics that some devices measure.
 * @param {import("./model.js").Model} model
 * @param {import("./api.js").Device[]} devices
 * @returns {{root: HTMLElement|null, wants: [string, string, number][], stop: () => void}}
 *   wants: device, metric and span of the history that fills the tiles
 */
export function makeTiles(model, devices) {
  const figures = [];
  const wants = [];
  for (const tile of TILES) {
    const ids = devices.filter((device) => measures(device, tile.metric)).map((one) => one.device);
    if (!ids.length) continue;
    figures.push(makeTile(model, ids, tile));
    for (const id of ids) {
      const spanS = tile.spot ? SPOT_SPAN_S : RECENT_SPAN_S;
      wants.push([id, tile.metric, spanS]);
      if (tile.second) wants.push([id, tile.second, spanS]);
    }
  }
  const root = figures.length ? el("dl", { class: "tiles" }, ...figures.map((one) => one.root)) : null;
  return { root, wants, stop: () => figures.forEach((figure) => figure.stop()) };
}

function makeTile(model, ids, tile) {
  const text = tile.second ? pairText(model, ids, tile.second) : undefined;
  const figure = liveFigure("dd", () => model.latest(ids, tile.metric), { ...tile, text });
  const name = tile.metric === "bp_systolic" ? "bp" : tile.metric;
  const label = has(`metric.${name}`) ? t(`metric.${name}`) : name;
  const root = el("div", { class: "tile card" }, el("dt", {}, label), figure.root);
  if (!tile.optional) return { root, stop: figure.stop };
  // A model's catalogue file lists all that it may send; what this one never sends is not shown.
  const show = () => { root.hidden = !model.latest(ids, tile.metric); };
  show();
  const stop = onTick(show);
  return { root, stop: () => [stop, figure.stop].forEach((one) => one()) };
}

function pairText(model, ids, second) {
  return (latest) => {
    const other = model.latest(ids, second);
    return `${number(latest.value)}/${number(other?.value)}`;
  };
}

/**
 * @param {import("./api.js").Device} device
 * @param {string} metric
 * @returns {boolean}
 */
export function measures(device, metric) {
  return device.streams.some((stream) => stream.metrics.some((one) => one.name === metric));
}
