// What the page says when there is nothing to show.

import { el } from "./dom.js";
import { t } from "./messages.js";

/** No device has reported yet: what to do. @returns {HTMLElement} */
export function emptyNotice() {
  const steps = [1, 2, 3].map((step) => el("li", {}, t(`empty.step.${step}`)));
  return el("section", { class: "card notice", "data-notice": "empty" },
    el("h2", {}, t("empty.title")), el("p", {}, t("empty.text")), el("ol", {}, ...steps));
}

/** No pilot is configured. @returns {HTMLElement} */
export function noPilotNotice() {
  return el("section", { class: "card notice", "data-notice": "no-pilot" },
    el("h2", {}, t("overview.empty.title")), el("p", {}, t("overview.empty.text")));
}

/** The gateway did not answer the first question. @returns {HTMLElement} */
export function errorNotice() {
  return el("section", { class: "card notice", "data-notice": "error", role: "alert" },
    el("h2", {}, t("live.unreachable.title")), el("p", {}, t("live.unreachable.text")));
}
