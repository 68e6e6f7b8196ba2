// What all charts share: uPlot in a box that follows its width and the theme.

import uPlot from "../vendor/uPlot.esm.js";
import { FONT, color, onTheme } from "./theme.js";

const DASHES = [[], [6, 4], [2, 3]];

/** @param {number} index @returns {{stroke: () => string, width: number, dash: number[]}} */
export function lineStyle(index) {
  return {
    stroke: () => color(`--line-${(index % 3) + 1}`), width: 1.75, dash: DASHES[index % 3],
  };
}

/** @param {object} [extra] @returns {object} an axis in the house style */
export function axis(extra = {}) {
  return {
    font: FONT, stroke: () => color("--muted"), labelFont: FONT,
    grid: { stroke: () => color("--grid"), width: 1 },
    ticks: { show: false }, border: { show: false }, gap: 6, ...extra,
  };
}

export class Plot {
  /**
   * @param {HTMLElement} box gives the size; its height is the style sheet's
   * @param {object} options of uPlot, without width and height
   * @param {Array} data
   */
  constructor(box, options, data) {
    this._box = box;
    this.chart = new uPlot({
      width: 300, height: 150, cursor: { show: false }, legend: { show: false }, ...options,
    }, data, box);
    // The picture's words are the summary; the library's own nodes say nothing.
    this.chart.root.setAttribute("aria-hidden", "true");
    this.visible = true;
    this._size = new ResizeObserver(() => this._fit());
    this._size.observe(box);
    this._seen = new IntersectionObserver((entries) => {
      this.visible = entries[entries.length - 1].isIntersecting;
    });
    this._seen.observe(box);
    this._untheme = onTheme(() => this.chart.redraw(false, true));
  }

  _fit() {
    const { clientWidth: width, clientHeight: height } = this._box;
    if (width && height) this.chart.setSize({ width, height });
  }

  destroy() {
    this._size.disconnect();
    this._seen.disconnect();
    this._untheme();
    this.chart.destroy();
  }
}
