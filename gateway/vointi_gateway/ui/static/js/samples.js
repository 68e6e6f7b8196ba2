// A span of samples in time order, from live frames and from history, with gaps kept as gaps.

/** A silence longer than this many sample periods is a gap, not a jitter. */
const GAP_PERIODS = 3;
/** Nor is a shorter silence than this a gap: frame times are estimates good to some tens of ms. */
const GAP_FLOOR_S = 0.06;

export class SampleBuffer {
  /** @param {number} spanS how much to keep, in seconds of data time */
  constructor(spanS) {
    this.spanS = spanS;
    /** @type {number[]} */
    this.t = [];
    /** @type {(number)[]} */
    this.v = [];
    this.periodS = 0;
    /** Grows whenever the content changes. */
    this.version = 0;
    this._flat = { version: -1, x: [], y: [] };
  }

  /** Time of the newest sample, or null. @returns {number|null} */
  get end() {
    return this.t.length ? this.t[this.t.length - 1] : null;
  }

  /**
   * Add one frame or one answer of history. Duplicate samples are dropped.
   * @param {number[]} t Unix seconds, ascending
   * @param {number[]} v
   * @param {number} [rateHz] 0 when unknown
   */
  add(t, v, rateHz = 0) {
    if (!t.length) return;
    if (rateHz > 0) this.periodS = 1 / rateHz;
    else if (!this.periodS && t.length > 2) this.periodS = medianStep(t);
    const end = this.end;
    if (end === null || t[0] > end) {
      this.t.push(...t);
      this.v.push(...v);
    } else if (rateHz > 0 && end - t[0] < GAP_FLOOR_S && t[t.length - 1] > end) {
      this._nudge(t, v, end);
    } else {
      this._merge(t, v);
    }
    this._trim();
    this.version += 1;
  }

  /** A live frame that begins a hair too early is spread between the last sample and its end. */
  _nudge(t, v, end) {
    const last = t[t.length - 1];
    const step = (last - end) / t.length;
    t.forEach((_, index) => this.t.push(end + step * (index + 1)));
    this.v.push(...v);
  }

  _merge(t, v) {
    const all = this.t.map((time, index) => [time, this.v[index]]);
    t.forEach((time, index) => all.push([time, v[index]]));
    all.sort((a, b) => a[0] - b[0]);
    const near = 0.4 * this.periodS;
    const kept = all.filter((pair, index) => index === 0 || pair[0] - all[index - 1][0] > near);
    this.t = kept.map((pair) => pair[0]);
    this.v = kept.map((pair) => pair[1]);
  }

  _trim() {
    const oldest = this.end - this.spanS;
    if (this.t[0] >= oldest - this.spanS * 0.25) return;
    const cut = this.t.findIndex((time) => time >= oldest);
    this.t = this.t.slice(cut);
    this.v = this.v.slice(cut);
  }

  /**
   * The samples as chart columns; a null stands in each gap.
   * @param {number} [gapS] a silence that counts as a gap; by default from the sample period
   * @returns {{x: number[], y: (number|null)[]}}
   */
  columns(gapS = Math.max(GAP_FLOOR_S, GAP_PERIODS * this.periodS)) {
    if (this._flat.version === this.version) return this._flat;
    const x = [];
    const y = [];
    this.t.forEach((time, index) => {
      if (index > 0 && time - this.t[index - 1] > gapS) {
        x.push((time + this.t[index - 1]) / 2);
        y.push(null);
      }
      x.push(time);
      y.push(this.v[index]);
    });
    this._flat = { version: this.version, x, y };
    return this._flat;
  }

  /**
   * Lowest, highest and count of the samples within [from, to].
   * @param {number} from
   * @param {number} to
   * @returns {{low: number, high: number, n: number}}
   */
  range(from, to) {
    let low = Infinity;
    let high = -Infinity;
    let n = 0;
    for (let index = this.t.length - 1; index >= 0 && this.t[index] >= from; index -= 1) {
      if (this.t[index] > to) continue;
      low = Math.min(low, this.v[index]);
      high = Math.max(high, this.v[index]);
      n += 1;
    }
    return { low, high, n };
  }
}

/** @param {number[]} t @returns {number} */
function medianStep(t) {
  const steps = t.slice(1).map((time, index) => time - t[index]).sort((a, b) => a - b);
  return steps[Math.floor(steps.length / 2)];
}
