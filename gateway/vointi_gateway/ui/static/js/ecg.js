// The moving ECG of one device, with the beats that the edge has found.

import { ChartCard } from "./card.js";
import { BEAT_HOLD_S, drawBeats, drawHead } from "./beats.js";
import { el } from "./dom.js";
import { clock, number } from "./format.js";
import { t } from "./messages.js";
import { Plot, axis } from "./plot.js";
import { PlayOut } from "./playout.js";
import { SampleBuffer } from "./samples.js";
import { TraceScale } from "./scale.js";
import { color } from "./theme.js";
import { onFrame, onTick, reducedMotion, steady } from "./ticker.js";

/** Kept longer than shown, for the table and for the play-out delay. */
const KEPT_S = 20;
const SHOWN_MAX_S = 8;
const SHOWN_MIN_S = 4;
/** Near the 25 mm/s of paper at usual screen distances, and legible on a phone. */
const PIXELS_PER_S = 110;
/** Half of "00:00:00" in the charts' type. */
const LABEL_HALF_PX = 28;
/** With reduced motion the trace is renewed in steps of this length. */
const STEP_S = 2;
const TABLE_ROWS = 10;
const SUMMARY_EVERY_S = 5;

export class EcgChart {
  /** @param {{compact?: boolean}} [options] compact: no axes, no table, for the overview */
  constructor({ compact = false } = {}) {
    this._compact = compact;
    this._trace = new SampleBuffer(KEPT_S);
    this._beats = new SampleBuffer(KEPT_S);
    this._playout = new PlayOut();
    this._scale = new TraceScale();
    this._right = null;
    this._shownVersion = -1;
    this._summaryAt = -Infinity;
    this._quality = 0;
    this.card = new ChartCard({
      title: t("ecg.title"), unit: t("ecg.unit"), className: "ecg",
      columns: [t("chart.time"), t("ecg.column.low"), t("ecg.column.high"), t("ecg.column.beats")],
    });
    this.card.refresh = () => this._describe(true);
    this.card.summary.before(el("p", { class: "beat-key" }, t("ecg.legend.beat")));
    this._plot = new Plot(this.card.plot, this._options(), [[], []]);
    this._stops = [onFrame((now) => this._frame(now)), onTick(() => this._describe(false))];
  }

  _options() {
    const off = { show: false };
    const seconds = axis({
      size: 26, incrs: [1, 2, 5], space: 84, values: (chart, splits) => this._clocks(chart, splits),
    });
    const millivolts = axis({
      size: 40, incrs: [0.5, 1, 2, 5], space: 34,
      values: (_, splits) => splits.map((value) => number(value, 1)),
    });
    return {
      pxAlign: 0, padding: this._compact ? [4, 0, 4, 0] : [12, 0, 0, 0],
      scales: {
        x: { time: false, auto: false, range: () => this._window() },
        y: { auto: false, range: () => [this._scale.min, this._scale.max] },
      },
      axes: this._compact ? [off, off] : [seconds, millivolts],
      series: [{}, {
        stroke: () => color("--trace"), width: 1.75, points: off, spanGaps: false,
      }],
      hooks: { draw: [(chart) => this._decorate(chart)] },
    };
  }

  /** Times under the trace; one that would be cut at an edge is left out. */
  _clocks(chart, splits) {
    const { min, max } = chart.scales.x;
    const room = (LABEL_HALF_PX / chart.over.clientWidth) * (max - min);
    return splits.map((at) => (at < min + room || at > max - room ? "" : clock(at)));
  }

  /** @param {import("./model.js").Samples} samples in µV */
  takeTrace({ t: times, v, rate, quality, live }) {
    this._trace.add(times, v.map((value) => value / 1000), rate);
    if (!live) return;
    this._quality = quality;
    const end = times[times.length - 1];
    if (end === this._trace.end) {
      this._playout.arrived(end, times.length / (rate || 1), steady());
    }
  }

  /** @param {import("./model.js").Samples} samples beat times; the value is not shown */
  takeBeats({ t: times, v }) {
    this._beats.periodS = BEAT_HOLD_S;
    this._beats.add(times, v);
  }

  _spanS() {
    const width = this._plot?.chart.width ?? 0;
    return Math.min(SHOWN_MAX_S, Math.max(SHOWN_MIN_S, width / PIXELS_PER_S));
  }

  _window() {
    const right = this._right ?? 0;
    return [right - this._spanS(), right];
  }

  _frame(now) {
    const position = this._playout.position(now);
    if (position === null || !this._plot.visible || this.card.tableShown) return;
    const right = reducedMotion.matches ? Math.floor(position / STEP_S) * STEP_S : position;
    if (right === this._right && !this._first(right)) return;
    this._right = right;
    const { low, high } = this._trace.range(...this._window());
    this._scale.follow(low, high, now);
    this._draw();
  }

  _first(right) {
    return this._shownVersion < 0 && right !== null;
  }

  _draw() {
    const { x, y } = this._trace.columns();
    this._plot.chart.batch(() => {
      if (this._shownVersion !== this._trace.version) {
        this._plot.chart.setData([x, y], false);
        this._shownVersion = this._trace.version;
      }
      const [min, max] = this._window();
      this._plot.chart.setScale("x", { min, max });
      this._plot.chart.setScale("y", { min: this._scale.min, max: this._scale.max });
    });
  }

  _decorate(chart) {
    if (this._right === null) return;
    drawBeats(chart, this._beats.t);
    drawHead(chart, this._trace);
  }

  /** Beats shown in [from, to]. */
  _count(from, to) {
    return this._beats.t.filter((time) => time > from && time <= to).length;
  }

  _describe(now) {
    const at = steady();
    if (!now && !this.card.tableShown && at - this._summaryAt < SUMMARY_EVERY_S) return;
    const right = this._playout.position(at);
    if (right === null) return;
    const seconds = Math.round(this._spanS());
    const { low, high, n } = this._trace.range(right - seconds, right);
    // The first samples are played out a lump later: until then the card says that it waits.
    if (!n && this._summaryAt === -Infinity) return;
    // A signal that comes back is told at the next tick.
    this._summaryAt = n ? at : at - SUMMARY_EVERY_S;
    const words = { seconds, low: number(low, 1), high: number(high, 1),
      beats: this._count(right - seconds, right) };
    const flags = [2, 4, 8, 16].filter((flag) => this._quality & flag);
    const notes = n ? flags.map((flag) => ` (${t(`ecg.quality.${flag}`)})`).join("") : "";
    this.card.describe(t(n ? "ecg.summary" : "ecg.summary.none", words) + notes);
    this.card.fill(() => this._rows(Math.floor(right)));
  }

  _rows(last) {
    return Array.from({ length: TABLE_ROWS }, (_, index) => {
      const from = last - index - 1;
      const { low, high, n } = this._trace.range(from, from + 1);
      const cells = n ? [number(low, 2), number(high, 2)] : ["–", "–"];
      return [clock(from), ...cells, number(this._count(from, from + 1))];
    });
  }

  destroy() {
    this._stops.forEach((stop) => stop());
    this._plot.destroy();
  }
}
