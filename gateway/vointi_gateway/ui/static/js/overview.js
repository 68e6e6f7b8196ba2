// The overview: each pilot with its key figures of this moment.

import { boxFirst, linkChip } from "./devices.js";
import { el, freshId } from "./dom.js";
import { EcgChart } from "./ecg.js";
import { chosen, t, tn } from "./messages.js";
import { errorNotice, noPilotNotice } from "./notice.js";
import { trend } from "./sections.js";
import { Session } from "./session.js";
import { HEART_STALE_S, liveFigure, measures } from "./tiles.js";

const content = document.getElementById("content");
/** Moving traces on one page; more would tire the eye and the phone. */
const TRACES_MAX = 4;
const HISTORY_S = 600;
const ECG_SPAN_S = 12;
/** Key figures of a card, by kind of pilot: metric and when it is stale. */
const KEY_FIGURES = {
  home: [["heart_rate", HEART_STALE_S], ["spo2", 15], ["room_temperature", 60]],
  service_point: [["people_present", 21_600], ["co2", 30], ["room_temperature", 60]],
};

/** Least height of the scale of a CO2 trend, ppm. */
const CO2_LEAST = 200;

/** @type {(() => void)[]} */
let stops = [];
let shape = "";
let traces = 0;

function figures(session, pilot, devices) {
  const items = [];
  for (const [metric, staleS] of KEY_FIGURES[pilot.kind] ?? KEY_FIGURES.home) {
    const ids = devices.filter((device) => measures(device, metric)).map((one) => one.device);
    if (!ids.length) continue;
    ids.forEach((id) => session.want(id, metric, HISTORY_S));
    const figure = liveFigure("dd", () => session.model.latest(ids, metric), { metric, staleS });
    stops.push(figure.stop);
    items.push(el("div", {}, el("dt", {}, t(`metric.${metric}`)), figure.root));
  }
  return items.length ? el("dl", { class: "key-figures" }, ...items) : null;
}

function trace(session, devices) {
  const device = devices.find((one) => measures(one, "ecg"));
  if (!device) return airTrace(session, devices);
  if (traces >= TRACES_MAX) return null;
  traces += 1;
  const ecg = new EcgChart({ compact: true });
  const id = device.device;
  session.model.listen(id, "ecg", (samples) => ecg.takeTrace(samples));
  session.model.listen(id, "beat", (samples) => ecg.takeBeats(samples));
  session.want(id, "ecg", ECG_SPAN_S);
  session.want(id, "beat", ECG_SPAN_S);
  stops.push(() => ecg.destroy());
  return ecg.card.root;
}

function airTrace(session, devices) {
  const some = devices.filter((one) => measures(one, "co2")).sort(boxFirst).slice(0, 1);
  if (!some.length) return null;
  const part = trend(session, t("overview.co2"), "co2", some, CO2_LEAST, { compact: true });
  stops.push(part.stop);
  return part.root;
}

function edgeChip(devices) {
  const read = () => devices.some((device) => device.online !== false && device.link === "connected")
    ? { link: "connected" } : devices[0];
  const chip = linkChip(read);
  stops.push(chip.stop);
  return chip.root;
}

function card(session, pilot) {
  const devices = [...session.model.devices.values()].filter((device) => device.pilot === pilot.id);
  const title = freshId("pilot");
  const link = el("a", { href: `/pilots/${encodeURIComponent(pilot.id)}${chosen}` }, pilot.name);
  const counts = [tn("overview.devices", devices.length)];
  if (pilot.people.length) counts.unshift(tn("overview.people", pilot.people.length));
  return el("section", { class: "card pilot", "data-kind": pilot.kind, "aria-labelledby": title },
    el("div", { class: "card-head" },
      el("div", {}, el("h2", { id: title }, link),
        el("p", { class: "note" }, [pilot.city, t(`kind.${pilot.kind}`), ...counts].join(" · "))),
      el("div", { class: "card-tools" }, devices.length ? edgeChip(devices) : null)),
    trace(session, devices),
    figures(session, pilot, devices) ?? el("p", { class: "note" }, t("empty.text")),
    el("p", { class: "more", "aria-hidden": "true" }, t("overview.open"), " →"));
}

function show(nodes) {
  content.replaceChildren(...nodes);
  content.removeAttribute("aria-busy");
}

const session = new Session(null, {
  show(pilots) {
    const devices = [...session.model.devices.values()];
    const next = JSON.stringify([pilots.map((one) => [one.id, one.people]),
      devices.map((one) => [one.device, one.streams.length])]);
    if (next === shape) return;
    shape = next;
    stops.forEach((stop) => stop());
    stops = [];
    traces = 0;
    session.reset();
    show(pilots.length ? pilots.map((pilot) => card(session, pilot)) : [noPilotNotice()]);
  },
  failed() {
    if (!content.querySelector("[data-notice=error]")) show([errorNotice()]);
  },
});
session.start();
