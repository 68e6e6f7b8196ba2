// When to show what: data arrives in lumps (a strap sends 73 samples every 0.56 s), the trace
// moves steadily. The play-out clock runs one lump and a margin behind the newest data.

/** Spare time for radio and network jitter: least and most. */
const MARGIN_MIN_S = 0.15;
const MARGIN_MAX_S = 0.8;
/** The clock is pulled by at most this share of real time, too little to be seen. */
const SLEW = 0.06;
/** Further off than this, the clock jumps: after a pause, a restart, or faster playback. */
const JUMP_S = 1.5;
/** Arrivals remembered: about ten seconds of a strap's frames. */
const MEMORY = 18;

export class PlayOut {
  constructor() {
    /** @type {number[]} */
    this._leads = [];
    /** @type {number|null} */
    this._lead = null;
    this._durationS = 0;
    this._askedAt = 0;
  }

  /**
   * Tell that data up to `end` has arrived.
   * @param {number} end data time, s
   * @param {number} durationS length of the arriving frame, s
   * @param {number} now steady clock, s
   */
  arrived(end, durationS, now) {
    const lead = end - now;
    const best = Math.max(...this._leads, -Infinity);
    if (Math.abs(lead - best) > JUMP_S && lead > best) this._leads = [];
    this._leads.push(lead);
    if (this._leads.length > MEMORY) this._leads.shift();
    this._durationS = this._durationS ? 0.9 * this._durationS + 0.1 * durationS : durationS;
  }

  /** Where the clock should run, relative to the steady clock. */
  _target() {
    const best = Math.max(...this._leads);
    const usual = this._leads.filter((lead) => best - lead < JUMP_S);
    const jitter = best - Math.min(...usual);
    const margin = Math.min(MARGIN_MAX_S, Math.max(MARGIN_MIN_S, 1.2 * jitter));
    return best - this._durationS - margin;
  }

  /**
   * The data time at the right edge of the trace, or null before the first frame.
   * @param {number} now steady clock, s; asked with rising values
   * @returns {number|null}
   */
  position(now) {
    if (!this._leads.length) return null;
    const target = this._target();
    const elapsed = Math.max(0, now - this._askedAt);
    this._askedAt = now;
    if (this._lead === null || Math.abs(target - this._lead) > JUMP_S) {
      this._lead = target;
    } else {
      const step = Math.min(Math.abs(target - this._lead), SLEW * elapsed);
      this._lead += Math.sign(target - this._lead) * step;
    }
    return now + this._lead;
  }
}
