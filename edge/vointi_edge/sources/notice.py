"""What is said of a wired device: its link, one plain line of trouble, each logged once."""

from __future__ import annotations

import logging
import time
from dataclasses import replace

from vointi_contract.frame import Quality
from vointi_contract.metrics import by_code

from vointi_edge.decoders.values import Decoded
from vointi_edge.sources.ports import Hub

log = logging.getLogger(__name__)

# As much as a status message takes (contract: 200 letters).
_NOTE_LETTERS = 180
_QUIET_S = 60.0


class Notice:
    """The link of one device. An outage is logged once, and so is its end.

    Notes of a device that answers are logged once a minute at most: a device that talks nonsense
    every other second must not fill the log.
    """

    def __init__(self, hub: Hub, device: str) -> None:
        self._hub = hub
        self._device = device
        self._told = ("", "")
        self._logged_s = -_QUIET_S
        self._gap = False

    def waiting(self) -> None:
        """Say that nothing was heard yet."""
        self._say("connecting", "")

    def fine(self, note: str = "") -> None:
        """Say that the device answers; `note` is what is wrong with part of it."""
        self._say("connected", note)

    def trouble(self, reason: str) -> None:
        """Say that the device cannot be read, and why."""
        self._gap = True
        self._say("lost", reason)

    def gap(self) -> None:
        """Note that something was missed though the device is there."""
        self._gap = True

    def marked(self, decoded: Decoded) -> Decoded:
        """Mark the first message after an outage: nothing is known of the time before it."""
        if not self._gap or not decoded.channels:
            return decoded
        self._gap = False
        return replace(decoded, quality=decoded.quality | Quality.GAP_BEFORE)

    def _say(self, link: str, note: str) -> None:
        note = note[:_NOTE_LETTERS]
        if (link, note) != self._told:
            quiet = time.monotonic() - self._logged_s < _QUIET_S
            if link != self._told[0] or not quiet:
                level = logging.WARNING if note else logging.INFO
                log.log(level, "%s: %s", self._device, note or link)
                self._logged_s = time.monotonic()
        self._told = link, note
        self._hub.link(self._device, link, note)


def impossible(decoded: Decoded) -> str:
    """Return what is said of the first value outside its metric's range; else nothing."""
    for channel in decoded.channels:
        metric = by_code(channel.metric)
        for value in channel.physical():
            if not metric.accepts(value):
                return (
                    f"{metric.label.lower()} of {value:.6g} {metric.unit} is impossible; "
                    "the value is left out; check the sensor"
                )
    return ""
