// The live page of one pilot.

import { boxFirst, makeDevices } from "./devices.js";
import { emptyNotice, errorNotice } from "./notice.js";
import { airSection, personSection, visitorSection } from "./sections.js";
import { Session } from "./session.js";

const content = document.getElementById("content");
/** @type {(() => void)[]} */
let stops = [];
let shape = "";

/** What decides the layout: a change of anything else is shown in place. */
function shapeOf(devices) {
  return JSON.stringify(devices.map(({ device, person, kind, streams }) =>
    [device, person, kind, streams.map((stream) => stream.metrics.map((one) => one.name))]));
}

function parts(session, devices) {
  const wearables = devices.filter((device) => device.kind === "wearable");
  const others = devices.filter((device) => device.kind !== "wearable").sort(boxFirst);
  const people = [...new Set(wearables.map((device) => device.person))].sort();
  return [
    ...people.map((person) =>
      personSection(session, person, wearables.filter((device) => device.person === person))),
    visitorSection(session, others),
    airSection(session, others),
    makeDevices(session.model, devices),
  ].filter((part) => part !== null);
}

function show(nodes) {
  content.replaceChildren(...nodes);
  content.removeAttribute("aria-busy");
}

const session = new Session(document.body.dataset.pilot, {
  show() {
    const devices = [...session.model.devices.values()];
    const next = shapeOf(devices);
    if (next === shape) return;
    shape = next;
    stops.forEach((stop) => stop());
    session.reset();
    const made = devices.length ? parts(session, devices) : [{ root: emptyNotice(), stop() {} }];
    stops = made.map((part) => part.stop);
    show(made.map((part) => part.root));
  },
  failed() {
    if (!content.querySelector("[data-notice=error]")) show([errorNotice()]);
  },
});
session.start();
