// The health strip: what became of every reading that reached the gateway.

import { ApiError, health, serverNow } from "./api.js";
import { setData, setText } from "./dom.js";
import { age, number } from "./format.js";
import { t } from "./messages.js";
import { onTick } from "./ticker.js";

const NAMES = ["accepted", "stored", "duplicates", "quarantined", "lost"];
/** Counts come each second; older ones are marked. */
const STALE_S = 4;
const ASK_MS = 2000;

export class Strip {
  constructor() {
    this._root = document.getElementById("strip");
    this._note = document.getElementById("strip-note");
    this._counts = null;
    this._at = 0;
    onTick(() => this._show());
    if (this._root?.dataset.counts === "asked") this._ask();
  }

  /** Those of one's own edges; the stream has the counts of all edges together. */
  async _ask() {
    try {
      this.take(await health());
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
    }
    setTimeout(() => this._ask(), ASK_MS);
  }

  /** @param {Record<string, number>} health the counts, bare or within `counts` */
  take(health) {
    this._counts = health.counts ?? health;
    this._at = serverNow();
  }

  _show() {
    if (!this._counts || !this._root) return;
    const counts = this._counts;
    for (const name of NAMES) {
      const cell = this._root.querySelector(`[data-count="${name}"] dd`);
      setText(cell, number(counts[name]));
      setData(cell.parentElement, "alert", counts[name] > 0 ? "yes" : null);
    }
    const off = counts.accepted - NAMES.slice(1).reduce((sum, name) => sum + counts[name], 0);
    const old = serverNow() - this._at;
    const state = off ? "unbalanced" : old > STALE_S ? "stale" : "balanced";
    setData(this._root, "state", state);
    setText(this._note, t(`strip.${state}`, { n: number(off), age: age(old) }));
  }
}
