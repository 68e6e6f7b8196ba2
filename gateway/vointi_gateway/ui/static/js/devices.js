// The devices of a pilot: link, signal, battery. A table for everybody.

import { el, freshId, setData, setText } from "./dom.js";
import { age, number } from "./format.js";
import { t } from "./messages.js";
import { onTick } from "./ticker.js";
import { serverNow } from "./api.js";

const COLUMNS = ["name", "link", "battery", "signal", "last"];

/** The device's own name, without its edge. @param {import("./api.js").Device} device */
export const shortName = (device) => device.device.slice(device.device.indexOf(".") + 1);

/** Sorts the service point's own box before other devices: it is the reference of the charts. */
export const boxFirst = (a, b) => (b.kind === "service_point") - (a.kind === "service_point");

/** @param {import("./api.js").Device} device @returns {string} */
export function linkState(device) {
  if (device.online === false) return "offline";
  return ["connected", "connecting", "advertising", "lost"].includes(device.link)
    ? device.link : "unknown";
}

/**
 * A chip that says the link state of one device.
 * @param {() => import("./api.js").Device|undefined} read
 * @returns {{root: HTMLElement, stop: () => void}}
 */
export function linkChip(read) {
  const text = el("span");
  const root = el("span", { class: "chip" }, el("span", { class: "dot", "aria-hidden": "true" }), text);
  const show = () => {
    const device = read();
    const state = device ? linkState(device) : "unknown";
    setData(root, "link", state);
    setText(text, t(`link.${state}`));
  };
  show();
  return { root, stop: onTick(show) };
}

/**
 * @param {() => import("./api.js").Device|undefined} read
 * @returns {{root: HTMLElement, stop: () => void}} battery level, in a picture and in words
 */
export function batteryChip(read) {
  const text = el("span");
  const fill = el("span", { class: "cell", "aria-hidden": "true" }, el("span"));
  const label = el("span", { class: "hidden-text" }, `${t("device.battery")} `);
  const root = el("span", { class: "chip battery" }, fill, label, text);
  const show = () => {
    const level = read()?.battery_pct ?? null;
    setData(root, "known", level === null ? "no" : "yes");
    setText(text, level === null ? t("device.unknown") : `${number(level)} %`);
    setData(root, "level", level !== null && level <= 20 ? "low" : "ok");
    root.style.setProperty("--level", String((level ?? 0) / 100));
  };
  show();
  return { root, stop: onTick(show) };
}

/**
 * @param {import("./model.js").Model} model
 * @param {import("./api.js").Device[]} devices
 * @returns {{root: HTMLElement, stop: () => void}}
 */
export function makeDevices(model, devices) {
  const title = freshId("devices");
  const stops = [];
  const rows = devices.map((device) => makeRow(model, device, stops));
  const head = el("tr", { role: "row" }, ...COLUMNS.map((name) =>
    el("th", { scope: "col", role: "columnheader" }, t(`device.${name}`))));
  // The roles stay when the narrow layout takes the table display away.
  const table = el("table", { class: "devices", role: "table", "aria-labelledby": title },
    el("thead", { role: "rowgroup" }, head), el("tbody", { role: "rowgroup" }, ...rows));
  const root = el("section", { class: "card", "aria-labelledby": title },
    el("div", { class: "card-head" }, el("h2", { id: title }, t("devices.title"))), table);
  return { root, stop: () => stops.forEach((stop) => stop()) };
}

function makeRow(model, device, stops) {
  const read = () => model.devices.get(device.device);
  const chips = [linkChip(read), batteryChip(read)];
  const signal = cell("signal");
  const last = cell("last");
  const show = () => {
    const rssi = read()?.rssi_dbm ?? null;
    setText(signal.lastElementChild, rssi === null ? t("device.unknown") : `${number(rssi)} dBm`);
    const heard = model.heard(device.device);
    const old = heard === null ? null : serverNow() - heard;
    setText(last.lastElementChild, old === null ? t("device.unknown") : age(old));
  };
  show();
  stops.push(onTick(show), ...chips.map((chip) => chip.stop));
  const name = el("th", { scope: "row", role: "rowheader" }, shortName(device), " ",
    el("span", { class: "model" }, device.model));
  return el("tr", { role: "row" }, name, cell("link", chips[0].root), cell("battery", chips[1].root), signal, last);
}

function cell(name, content = el("span")) {
  return el("td", { role: "cell", "data-label": t(`device.${name}`) }, content);
}
