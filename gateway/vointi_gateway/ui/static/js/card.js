// A card with a chart, its summary in words, and the same content as a table.

import { el, freshId, setRows, setText } from "./dom.js";
import { t } from "./messages.js";

export class ChartCard {
  /**
   * @param {{title: string, unit: string, columns: string[], className?: string}} options
   *   columns: headings of the table, the first names the rows
   */
  constructor({ title, unit, columns, className = "" }) {
    const ids = { title: freshId("card"), summary: freshId("summary"), table: freshId("table") };
    this.tools = el("div", { class: "card-tools" });
    this.plot = el("div", {
      class: "plot", role: "img", "aria-labelledby": ids.title, "aria-describedby": ids.summary,
    });
    this.summary = el("p", { class: "summary", id: ids.summary }, t("chart.waiting"));
    this.tableShown = false;
    this._body = el("tbody");
    this._table = this._makeTable(ids.table, title, columns);
    this._button = this._makeButton(ids.table, title);
    const heading = el("h3", { id: ids.title }, title);
    if (unit) heading.append(" ", el("span", { class: "unit" }, unit));
    this.root = el("section", { class: `card chart ${className}`, "aria-labelledby": ids.title },
      el("div", { class: "card-head" }, heading, this.tools),
      this.plot, this._table,
      el("div", { class: "card-foot" }, this.summary, this._button));
  }

  _makeTable(id, title, columns) {
    const head = el("tr", {}, ...columns.map((name) => el("th", { scope: "col" }, name)));
    const label = t("chart.table.label", { title });
    const caption = el("caption", { class: "hidden-text" }, label);
    return el("div", {
      class: "table-scroll", id, hidden: true, tabindex: 0, role: "region", "aria-label": label,
    }, el("table", {}, caption, el("thead", {}, head), this._body));
  }

  _makeButton(controls, title) {
    const name = el("span", { class: "hidden-text" }, ` – ${title}`);
    const label = el("span", {}, t("chart.table.show"));
    const button = el("button", {
      type: "button", class: "quiet", "aria-expanded": "false", "aria-controls": controls,
    }, label, name);
    button.addEventListener("click", () => {
      this.tableShown = !this.tableShown;
      this.plot.hidden = this.tableShown;
      this._table.hidden = !this.tableShown;
      button.setAttribute("aria-expanded", String(this.tableShown));
      setText(label, t(this.tableShown ? "chart.table.hide" : "chart.table.show"));
      this.refresh?.();
    });
    return button;
  }

  /** @param {string} text */
  describe(text) {
    setText(this.summary, text);
  }

  /** @param {() => string[][]} rows made only while the table is shown */
  fill(rows) {
    if (this.tableShown) setRows(this._body, rows());
  }
}
