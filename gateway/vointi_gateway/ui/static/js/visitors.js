// The service point: people in, out and present, and the presses of the feedback buttons.

import { serverNow } from "./api.js";
import { ChartCard } from "./card.js";
import { el, freshId, setText } from "./dom.js";
import { age, number } from "./format.js";
import { t, tn } from "./messages.js";
import { liveFigure } from "./tiles.js";
import { onTick } from "./ticker.js";

export const FEEDBACK_SPAN_S = 86_400;
/** Panels without names have four buttons; a press of a fifth shows it. */
const BUTTONS = 4;
const PEOPLE = ["people_present", "people_in", "people_out"];
/** People are counted when somebody passes: a quiet hour is no fault. */
const PEOPLE_STALE_S = 6 * 3600;

/**
 * @param {import("./model.js").Model} model
 * @param {string[]} devices
 * @returns {{root: HTMLElement, stop: () => void}}
 */
export function makePeople(model, devices) {
  const title = freshId("people");
  const figures = PEOPLE.map((metric) =>
    liveFigure("dd", () => model.latest(devices, metric), { metric, staleS: PEOPLE_STALE_S }));
  const items = PEOPLE.map((metric, index) =>
    el("div", { class: "person-count", "data-people": metric },
      el("dt", {}, t(`metric.${metric}`)), figures[index].root));
  const root = el("section", { class: "card people", "aria-labelledby": title },
    el("div", { class: "card-head" }, el("h3", { id: title }, t("visitors.title"))),
    el("dl", { class: "people-counts" }, ...items));
  return { root, stop: () => figures.forEach((figure) => figure.stop()) };
}

/** Presses of the buttons over the last day, as bars and as a table. */
export class FeedbackCard {
  /** @param {string[]} labels what the pilot calls the buttons, from button 1 on */
  constructor(labels = []) {
    this._labels = labels;
    /** @type {Map<number, number>} time → button */
    this._presses = new Map();
    const columns = [t("feedback.title"), t("feedback.presses"), t("feedback.share")];
    this.card = new ChartCard({ title: t("feedback.title"), unit: "", columns, className: "feedback" });
    /** @type {{button: number, root: HTMLElement, value: HTMLElement}[]} */
    this._bars = [];
    this._reach(labels.length || BUTTONS);
    this.card.refresh = () => this._show();
    this._stop = onTick(() => this._show());
  }

  /** Bars for the buttons 1 to `button`. */
  _reach(button) {
    while (this._bars.length < button) {
      const bar = this._bar(this._bars.length + 1);
      this._bars.push(bar);
      this.card.plot.append(bar.root);
    }
  }

  _label(button) {
    return this._labels[button - 1] || t("feedback.button", { n: button });
  }

  _bar(button) {
    const value = el("strong", {}, "0");
    const root = el("div", { class: "bar", "data-button": button },
      el("span", { class: "bar-name" }, this._label(button)),
      el("span", { class: "bar-track" }, el("span", { class: "bar-fill" })), value);
    return { button, root, value };
  }

  /** @param {import("./model.js").Samples} samples values 1 to 5 */
  take({ t: times, v }) {
    times.forEach((time, index) => {
      this._presses.set(time, v[index]);
      this._reach(v[index]);
    });
  }

  /** Presses by button within the span; older ones are forgotten. */
  _counts() {
    const oldest = serverNow() - FEEDBACK_SPAN_S;
    const counts = new Map(this._bars.map(({ button }) => [button, 0]));
    for (const [time, button] of this._presses) {
      if (time < oldest) this._presses.delete(time);
      else counts.set(button, (counts.get(button) ?? 0) + 1);
    }
    return counts;
  }

  _show() {
    const counts = this._counts();
    const most = Math.max(1, ...counts.values());
    this._bars.forEach(({ button, root, value }) => {
      const n = counts.get(button);
      setText(value, number(n));
      root.style.setProperty("--share", String(n / most));
    });
    const total = this._presses.size;
    this.card.describe(`${tn("feedback.total", total)} ${this._latest()}`.trim());
    this.card.fill(() => this._bars.map(({ button }) => {
      const n = counts.get(button);
      const share = total ? `${number((100 * n) / total)} %` : "–";
      return [this._label(button), number(n), share];
    }));
  }

  _latest() {
    if (!this._presses.size) return "";
    const time = Math.max(...this._presses.keys());
    const label = this._label(this._presses.get(time));
    return t("feedback.last", { label, age: age(serverNow() - time) });
  }

  destroy() {
    this._stop();
  }
}
