// The vertical scale of a live trace: wide enough at once, narrower only slowly. Pure.

/** Room above and below the signal, as a share of its height. */
const PAD = 0.12;
/** A flat line still gets this much room: 1 mV, the gain mark of an ECG. */
const LEAST = 1.0;
/** Shrinks by this share of the way each second. */
const SHRINK_PER_S = 0.25;

export class TraceScale {
  constructor() {
    this.min = -0.5;
    this.max = 1.0;
    this._at = null;
  }

  /**
   * @param {number} low of the signal now visible
   * @param {number} high
   * @param {number} now steady clock, s
   */
  follow(low, high, now) {
    if (!(high >= low)) return;
    const spare = Math.max(0, LEAST - (high - low)) / 2;
    const pad = (high - low + 2 * spare) * PAD;
    const wanted = { min: low - spare - pad, max: high + spare + pad };
    const share = this._at === null ? 1 : Math.min(1, SHRINK_PER_S * (now - this._at));
    this._at = now;
    this.min = wanted.min < this.min ? wanted.min : this.min + (wanted.min - this.min) * share;
    this.max = wanted.max > this.max ? wanted.max : this.max + (wanted.max - this.max) * share;
  }
}
