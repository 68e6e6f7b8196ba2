// The sections of a pilot's page: one for each person, the air of a room, the visitors.

import { batteryChip, linkChip, shortName } from "./devices.js";
import { EcgChart } from "./ecg.js";
import { el, freshId } from "./dom.js";
import { has, t } from "./messages.js";
import { HEART_STALE_S, liveFigure, makeTiles, measures } from "./tiles.js";
import { TREND_SPAN_S, TrendChart } from "./trend.js";
import { FEEDBACK_SPAN_S, FeedbackCard, makePeople } from "./visitors.js";

const ECG_SPAN_S = 12;
/** How far back to look for the latest count of people. */
const PEOPLE_SPAN_S = 21_600;
/** Air metrics with a chart, and the least height of its scale. */
const AIR = [["co2", 200], ["room_temperature", 2], ["room_humidity", 6], ["air_pressure", 6]];

/** @typedef {{root: HTMLElement, stop: () => void}} Part */

/** Wire a chart's line to a device's metric, live and from history. */
function feed(session, device, metric, spanS, take) {
  session.model.listen(device, metric, take);
  session.want(device, metric, spanS);
}

function section(title, className, parts) {
  const id = freshId("section");
  return {
    root: el("section", { class: `group ${className}`, "aria-labelledby": id },
      el("h2", { id }, title), ...parts.map((part) => part.root).filter(Boolean)),
    stop: () => parts.forEach((part) => part.stop()),
  };
}

/**
 * @param {import("./session.js").Session} session
 * @param {string|null} person
 * @param {import("./api.js").Device[]} devices
 * @returns {Part}
 */
export function personSection(session, person, devices) {
  const parts = devices.filter((device) => measures(device, "ecg"))
    .map((device) => heartPart(session, device));
  const tiles = makeTiles(session.model, devices);
  tiles.wants.forEach((want) => session.want(...want));
  parts.push(tiles);
  const hearts = devices.filter((device) => measures(device, "heart_rate"));
  if (hearts.length) {
    parts.push(trend(session, t("trend.heart_rate"), "heart_rate", hearts, 20));
  }
  const title = person ? t("person.title", { name: person }) : t("person.none");
  return section(title, "person", parts);
}

/** The heart: the big figure beside the moving ECG. */
function heartPart(session, device) {
  const { model } = session;
  const id = device.device;
  const ecg = new EcgChart();
  feed(session, id, "ecg", ECG_SPAN_S, (samples) => ecg.takeTrace(samples));
  feed(session, id, "beat", ECG_SPAN_S, (samples) => ecg.takeBeats(samples));
  session.want(id, "heart_rate", TREND_SPAN_S);
  const read = () => model.devices.get(id);
  const chips = [linkChip(read), batteryChip(read)];
  const name = el("span", { class: "device-name" }, shortName(device));
  ecg.card.tools.append(name, ...chips.map((chip) => chip.root));
  const rate = liveFigure("p", () => model.latest([id], "heart_rate"),
    { metric: "heart_rate", staleS: HEART_STALE_S });
  const title = freshId("rate");
  const figure = el("section", { class: "card heart", "aria-labelledby": title },
    el("h3", { id: title }, t("metric.heart_rate")), rate.root);
  return {
    root: el("div", { class: "heart-row" }, figure, ecg.card.root),
    stop() {
      [rate, ...chips].forEach((part) => part.stop());
      ecg.destroy();
    },
  };
}

/**
 * A trend card with one line for each device.
 * @param {import("./session.js").Session} session
 * @param {string} title
 * @param {string} metric
 * @param {import("./api.js").Device[]} devices
 * @param {number} least height of the scale
 * @param {{figure?: boolean, compact?: boolean}} [style]
 * @returns {Part}
 */
export function trend(session, title, metric, devices, least, { figure = false, compact = false } = {}) {
  const ucum = devices[0].streams.flatMap((stream) => stream.metrics)
    .find((one) => one.name === metric).unit;
  const chart = new TrendChart({ title, metric, ucum, lines: devices.map(shortName), least, figure, compact });
  devices.forEach((device, line) => {
    feed(session, device.device, metric, TREND_SPAN_S, (samples) => chart.take(line, samples));
  });
  return { root: chart.card.root, stop: () => chart.destroy() };
}

/**
 * Room air: three charts and tiles for the rest; null when no device measures it.
 * @param {import("./session.js").Session} session
 * @param {import("./api.js").Device[]} devices
 * @returns {Part|null}
 */
export function airSection(session, devices) {
  const charts = [];
  for (const [metric, least] of AIR) {
    const some = devices.filter((device) => measures(device, metric));
    if (!some.length) continue;
    const title = has(`metric.${metric}`) ? t(`metric.${metric}`) : metric;
    charts.push(trend(session, title, metric, some, least, { figure: true }));
  }
  const tiles = makeTiles(session.model, devices);
  tiles.wants.forEach((want) => session.want(...want));
  if (!charts.length && !tiles.root) return null;
  const grid = {
    root: el("div", { class: "charts" }, ...charts.map((chart) => chart.root)),
    stop: () => charts.forEach((chart) => chart.stop()),
  };
  return section(t("room.title"), "air", [grid, tiles]);
}

/**
 * Visitors and feedback; null when no device counts them.
 * @param {import("./session.js").Session} session
 * @param {import("./api.js").Device[]} devices
 * @returns {Part|null}
 */
export function visitorSection(session, devices) {
  const parts = [];
  const counters = devices.filter((device) => measures(device, "people_present") || measures(device, "people_in"));
  if (counters.length) {
    parts.push(makePeople(session.model, counters.map((device) => device.device)));
    counters.forEach(({ device }) => ["people_in", "people_out", "people_present"]
      .forEach((metric) => session.want(device, metric, PEOPLE_SPAN_S)));
  }
  const buttons = devices.filter((device) => measures(device, "feedback"));
  if (buttons.length) {
    const feedback = new FeedbackCard(buttons.find(({ labels }) => labels?.length)?.labels);
    buttons.forEach(({ device }) =>
      feed(session, device, "feedback", FEEDBACK_SPAN_S, (samples) => feedback.take(samples)));
    parts.push({ root: feedback.card.root, stop: () => feedback.destroy() });
  }
  if (!parts.length) return null;
  const grid = {
    root: el("div", { class: "charts" }, ...parts.map((part) => part.root)),
    stop: () => parts.forEach((part) => part.stop()),
  };
  return section(t("kind.service_point"), "visitors", [grid]);
}
