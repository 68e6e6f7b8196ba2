// What both pages share: load the devices, follow the live stream, fill gaps from history.

import * as api from "./api.js";
import { setData, setText } from "./dom.js";
import { t } from "./messages.js";
import { Model } from "./model.js";
import { LiveStream } from "./stream.js";
import { Strip } from "./strip.js";
import { isPaused, setPaused } from "./ticker.js";

/** Between attempts to load the first list, and between reloads for unknown devices. */
const RETRY_MS = 2000;
/** Requests of history at the same time; browsers allow six, and the stream holds one. */
const LANES = 3;
/** History asked for again after a break reaches this far before the break. */
const OVERLAP_S = 5;

export class Session {
  /**
   * @param {string|null} pilot
   * @param {{show: () => void, failed: () => void}} page `show` lays out model.devices
   */
  constructor(pilot, page) {
    this.model = new Model();
    this._pilot = pilot;
    this._page = page;
    /** @type {Map<string, {device: string, metric: string, spanS: number}>} */
    this._wants = new Map();
    this._state = "connecting";
    this._reloading = false;
    this._loaded = false;
    this._brokeAt = 0;
    this._strip = new Strip();
  }

  start() {
    const query = this._pilot ? `?pilot=${encodeURIComponent(this._pilot)}` : "";
    new LiveStream(`/api/v1/live${query}`, {
      reading: (reading) => this._reading(reading),
      status: (status) => this.model.takeStatus(status),
      health: (counts) => this._strip.take(counts),
      state: (state) => this._changed(state),
    }).start();
    const button = document.getElementById("pause");
    button.addEventListener("click", () => {
      setPaused(!isPaused());
      button.setAttribute("aria-pressed", String(isPaused()));
      setText(button, t(isPaused() ? "live.resume" : "live.pause"));
      this._showState();
    });
    this._reload();
  }

  /** Ask for the history of a metric, now and after each break. */
  want(device, metric, spanS) {
    this._wants.set(`${device}|${metric}`, { device, metric, spanS });
  }

  /** Drop what was wanted, before the page is laid out anew. */
  reset() {
    this._wants.clear();
    this.model.silence();
  }

  _reading(reading) {
    if (this._loaded && !this.model.devices.has(reading.device)) this._reload();
    this.model.takeReading(reading);
  }

  _changed(state) {
    const back = state === "live" && this._state === "reconnecting";
    if (state === "reconnecting" && this._state === "live") this._brokeAt = api.serverNow();
    this._state = state;
    this._showState();
    if (back) this._reload();
  }

  _showState() {
    const state = isPaused() ? "paused" : this._state;
    setData(document.getElementById("live"), "state", state);
    setText(document.getElementById("live-text"), t(`live.${state}`));
  }

  async _reload() {
    if (this._reloading) return;
    this._reloading = true;
    while (!(await this._load())) await new Promise((done) => setTimeout(done, RETRY_MS));
    await this._fill();
    setTimeout(() => { this._reloading = false; }, RETRY_MS);
  }

  async _load() {
    try {
      this.model.setDevices(await api.devices(this._pilot));
      this._page.show(this._pilot ? [] : await api.pilots());
      this._loaded = true;
      return true;
    } catch (error) {
      if (!(error instanceof api.ApiError)) throw error;
      if (!this._loaded) this._page.failed();
      return false;
    }
  }

  async _fill() {
    const queue = [...this._wants.values()];
    const breakS = this._brokeAt ? api.serverNow() - this._brokeAt + OVERLAP_S : Infinity;
    const lane = async () => {
      for (let want = queue.shift(); want; want = queue.shift()) await this._fetch(want, breakS);
    };
    await Promise.all(Array.from({ length: LANES }, lane));
  }

  async _fetch(want, breakS) {
    if (!this.model.stored(want.device, want.metric)) return;
    const span = want.filled ? Math.min(want.spanS, breakS) : want.spanS;
    try {
      this.model.takeSeries(await api.series(want.device, want.metric, span));
      want.filled = true;
    } catch (error) {
      if (!(error instanceof api.ApiError)) throw error;
    }
  }
}
