// What the page knows: devices, and the samples that arrive, handed to whoever shows them.

import { serverNow } from "./api.js";

/**
 * @typedef {{device: string, metric: string, unit: string, t: number[], v: number[],
 *   rate: number, quality: number, live: boolean}} Samples  t in Unix s, ascending
 * @typedef {{value: number, t: number, unit: string, device: string, heard: number}} Latest
 */

/** Frames older than this come from a backlog: they fill charts, but move no figure. */
const FRESH_S = 30;

export class Model {
  constructor() {
    /** @type {Map<string, import("./api.js").Device>} */
    this.devices = new Map();
    /** @type {Map<string, Latest>} */
    this._latest = new Map();
    /** @type {Map<string, number>} */
    this._heard = new Map();
    /** @type {Map<string, Set<(samples: Samples) => void>>} */
    this._listeners = new Map();
  }

  /** @param {import("./api.js").Device[]} devices */
  setDevices(devices) {
    this.devices = new Map(devices.map((device) => [device.device, device]));
  }

  /**
   * @param {string} device
   * @param {string} metric
   * @param {(samples: Samples) => void} listener
   */
  listen(device, metric, listener) {
    const key = `${device}|${metric}`;
    if (!this._listeners.has(key)) this._listeners.set(key, new Set());
    this._listeners.get(key).add(listener);
  }

  /** Forget all listeners, before the page is laid out anew. */
  silence() {
    this._listeners.clear();
  }

  /**
   * The newest value of a metric among some devices, or null.
   * @param {string[]} devices
   * @param {string} metric
   * @returns {Latest|null}
   */
  latest(devices, metric) {
    let best = null;
    for (const device of devices) {
      const found = this._latest.get(`${device}|${metric}`);
      if (found && (!best || found.t > best.t)) best = found;
    }
    return best;
  }

  /** Whether the gateway holds anything of a metric. @returns {boolean} */
  stored(device, metric) {
    const streams = this.devices.get(device)?.streams ?? [];
    return streams.some((stream) =>
      stream.metrics.some((one) => one.name === metric && one.last_us !== null));
  }

  /**
   * When a device was last heard, by live readings or, before them, by the gateway's record.
   * @param {string} device
   * @returns {number|null} Unix s
   */
  heard(device) {
    const record = this.devices.get(device)?.last_us;
    return Math.max(this._heard.get(device) ?? 0, record ? record / 1e6 : 0) || null;
  }

  /** @param {Samples} samples */
  take(samples) {
    if (!samples.t.length) return;
    const key = `${samples.device}|${samples.metric}`;
    this._note(key, samples);
    this._listeners.get(key)?.forEach((listener) => listener(samples));
  }

  _note(key, { device, t, v, unit, live }) {
    const last = t.length - 1;
    const known = this._latest.get(key);
    if (known && known.t > t[last]) return;
    const now = serverNow();
    const heard = live && Math.abs(now - t[last]) < FRESH_S ? now : t[last];
    this._latest.set(key, { value: v[last], t: t[last], unit, device, heard });
    if (live) this._heard.set(device, Math.max(this._heard.get(device) ?? 0, heard));
  }

  /** A `reading` event of the live stream. @param {any} reading */
  takeReading(reading) {
    const { device, rate_hz: rate, t_us: first, offsets_us: offsets, quality } = reading;
    for (const { metric, unit, values } of reading.channels) {
      const t = values.map((_, index) => {
        const offset = rate > 0 ? (index * 1e6) / rate : offsets?.[index] ?? 0;
        return (first + offset) / 1e6;
      });
      this.take({ device, metric, unit, t, v: values, rate, quality, live: true });
    }
  }

  /** An answer of history. @param {import("./api.js").Series & {device: string, metric: string}} series */
  takeSeries({ device, metric, unit, t_us: times, value }) {
    const t = times.map((time) => time / 1e6);
    this.take({ device, metric, unit, t, v: value, rate: 0, quality: 0, live: false });
  }

  /** A `status` event: link states of one edge. @param {any} status */
  takeStatus({ edge, online, devices }) {
    for (const device of this.devices.values()) {
      if (device.edge === edge) device.online = online;
    }
    for (const status of devices ?? []) {
      const id = status.device.includes(".") ? status.device : `${edge}.${status.device}`;
      const device = this.devices.get(id);
      if (!device) continue;
      device.link = status.link;
      device.rssi_dbm = status.rssi_dbm;
      device.battery_pct = status.battery_pct ?? device.battery_pct;
    }
  }
}
