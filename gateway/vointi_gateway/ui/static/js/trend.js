// A trend of one quantity over the last minutes, one line for each device that measures it.

import uPlot from "../vendor/uPlot.esm.js";
import { serverNow } from "./api.js";
import { ChartCard } from "./card.js";
import { el, setData, setText } from "./dom.js";
import { age, digitsOf, hourMinute, number, unitOf } from "./format.js";
import { t } from "./messages.js";
import { Plot, axis, lineStyle } from "./plot.js";
import { SampleBuffer } from "./samples.js";
import { onTick } from "./ticker.js";

export const TREND_SPAN_S = 600;
/** With little history the chart shows less time, but no less than this. */
const LEAST_SPAN_S = 120;
/** A silence longer than this is drawn as a gap, and ages the figure. */
const GAP_S = 20;
const TABLE_ROWS = 10;
/** The right edge moves once a second at most: a pixel is about as much. */
const REDRAW_S = 1;

export class TrendChart {
  /**
   * @param {{title: string, metric: string, ucum: string, lines: string[],
   *   least: number, figure: boolean,
   *   compact?: boolean}} options  lines: labels; least: least height of the scale;
   *   figure: show the latest values in the head, and nothing at all before
   *   the first; compact: no axes, for the overview
   */
  constructor({ title, metric, ucum, lines, least, figure, compact = false }) {
    this._compact = compact;
    this._optional = figure;
    this._digits = digitsOf(metric);
    this._unit = unitOf(metric, ucum);
    this._least = least;
    this._labels = lines;
    this._buffers = lines.map(() => new SampleBuffer(TREND_SPAN_S));
    this._drawnAt = -Infinity;
    const names = lines.length > 1 ? lines : [t("chart.mean")];
    const columns = names.map((name) => `${name} (${this._unit})`);
    this.card = new ChartCard({ title, unit: this._unit, columns: [t("chart.time"), ...columns] });
    this.card.refresh = () => this._refresh(true);
    this._figures = figure ? lines.map((label, index) => this._figure(label, index)) : [];
    this._plot = new Plot(this.card.plot, this._options(), [[], ...lines.map(() => [])]);
    this._stop = onTick(() => this._refresh(false));
  }

  _figure(label, index) {
    const value = el("strong", {}, "–");
    const note = el("span", { class: "age" });
    const many = this._labels.length > 1;
    const name = many ? el("span", { class: `key key-${(index % 3) + 1}` }, label) : null;
    const root = el("p", { class: "figure" }, name, value, note);
    this.card.tools.append(root);
    return { root, value, note };
  }

  _options() {
    return {
      padding: [8, 4, 0, 0],
      scales: {
        x: { auto: false, range: () => this._window() },
        y: { range: (_, low, high) => this._range(low, high) },
      },
      axes: this._compact ? [{ show: false }, { show: false }] : [
        axis({ size: 26, space: 64, values: (_, splits) => splits.map((at) => (at % 60 ? "" : hourMinute(at))),
          incrs: [30, 60, 120, 300] }),
        axis({ size: 46, space: 30,
          values: (_, splits) => splits.map((value) => number(value, value % 1 ? 1 : 0)) }),
      ],
      series: [{}, ...this._labels.map((label, index) => ({
        label, ...lineStyle(index), points: { show: false }, spanGaps: false,
      }))],
    };
  }

  _window() {
    const now = Math.max(serverNow(), ...this._buffers.map((buffer) => buffer.end ?? 0));
    const first = Math.min(now, ...this._buffers.map((buffer) => buffer.t[0] ?? now));
    return [now - Math.min(TREND_SPAN_S, Math.max(LEAST_SPAN_S, now - first)), now];
  }

  _range(low, high) {
    if (low === null) return [0, this._least];
    const spare = Math.max(0.15 * (high - low), (this._least - (high - low)) / 2);
    return [low - spare, high + spare];
  }

  /**
   * @param {number} line
   * @param {import("./model.js").Samples} samples
   */
  take(line, { t: times, v }) {
    this._buffers[line].add(times, v);
  }

  _refresh(now) {
    const at = serverNow();
    if (!now && at - this._drawnAt < REDRAW_S) return;
    this._drawnAt = at;
    this._showFigures(at);
    this._describe();
    this.card.root.hidden = this._optional && this._buffers.every((buffer) => buffer.end === null);
    this.card.fill(() => this._rows());
    if (this.card.tableShown) return;
    const tables = this._buffers.map((buffer) => {
      const { x, y } = buffer.columns(GAP_S);
      return [x, y];
    });
    this._plot.chart.setData(uPlot.join(tables, tables.map(() => [0, 2])));
  }

  _showFigures(at) {
    this._figures.forEach(({ root, value, note }, line) => {
      const { end, v } = this._buffers[line];
      root.hidden = end === null && this._labels.length > 1;
      setText(value, end === null ? "–" : number(v[v.length - 1], this._digits));
      const stale = end !== null && at - end > GAP_S;
      setText(note, stale ? age(at - end) : "");
      setData(root, "stale", stale ? "yes" : null);
    });
  }

  _describe() {
    const [from, to] = this._window();
    const minutes = Math.round((to - from) / 60);
    const parts = this._buffers.map((buffer, line) => {
      const { low, high, n } = buffer.range(from, to);
      if (!n) return null;
      const plain = (value) => number(value, this._digits);
      const last = `${plain(buffer.v[buffer.v.length - 1])} ${this._unit}`;
      return { label: this._labels[line], last, low: plain(low), high: plain(high) };
    }).filter((part) => part !== null);
    this.card.describe(wordsFor(parts, minutes));
  }

  /** Minute by minute, the mean of each line, newest first. */
  _rows() {
    const [first, last] = this._window().map((time) => Math.floor(time / 60));
    const length = Math.min(TABLE_ROWS, last - first + 1);
    return Array.from({ length }, (_, index) => {
      const from = (last - index) * 60;
      const cells = this._buffers.map((buffer) => number(mean(buffer, from), this._digits));
      return [hourMinute(from), ...cells];
    });
  }

  destroy() {
    this._stop();
    this._plot.destroy();
  }
}

/** What a chart says, in words: steady, or the latest value and the range of each line. */
function wordsFor(parts, minutes) {
  if (!parts.length) return t("chart.trend.empty", { minutes });
  const key = parts.length > 1 ? "chart.trend.part" : "chart.trend.summary";
  const texts = parts.map((part) =>
    t(part.low === part.high ? `${key}.same` : key, { minutes, ...part }));
  return parts.length > 1 ? `${texts.join("; ")}.` : texts[0];
}

function mean({ t: times, v }, from) {
  let sum = 0;
  let n = 0;
  times.forEach((time, index) => {
    if (time >= from && time < from + 60) {
      sum += v[index];
      n += 1;
    }
  });
  return n ? sum / n : null;
}
