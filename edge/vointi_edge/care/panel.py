"""The box's face: one light, and perhaps one button (`vointi-edge lights`)."""

from __future__ import annotations

import logging
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from vointi_edge.care.button import ResetButton
from vointi_edge.care.lights import Leds, Light, judge

log = logging.getLogger(__name__)

#: Stops the edge and lets it forget; see the unit.
RESET: Final = ("systemctl", "start", "--no-block", "vointi-reset.service")
# A finger wants an answer; vital signs come each 15 s.
_LOOK_S: Final = 0.25


class Panel:
    """Shows `vitals()` on the lights and does `reset()` when the button was held."""

    def __init__(
        self,
        leds: Leds,
        vitals: Callable[[], dict[str, Any] | None],
        button: ResetButton | None,
        reset: Callable[[], None],
    ) -> None:
        self._leds = leds
        self._vitals = vitals
        self._button = button
        self._reset = reset
        self._quiet_since_s: float | None = None
        self._done = False

    def look(self, now_s: float) -> None:
        """Look at button and vital signs once; `now_s` is monotonic."""
        held = self._held(now_s)
        if held is None:
            self._done = False
            self._show(now_s)
            return
        self._leds.show(Light.RESETTING if not held else Light.STARTING)
        if held and not self._done:
            self._done = True
            log.warning("reset: the button was held")
            self._reset()

    def run(self) -> None:
        """Look for ever."""
        while True:
            self.look(time.monotonic())
            time.sleep(_LOOK_S)

    def _held(self, now_s: float) -> bool | None:
        try:
            return self._button.held(now_s) if self._button is not None else None
        except OSError as error:
            log.debug("button: %s", error)
            return None

    def _show(self, now_s: float) -> None:
        vitals = self._vitals()
        if vitals is not None:
            self._quiet_since_s = None
        elif self._quiet_since_s is None:
            self._quiet_since_s = now_s
        since_s = now_s if self._quiet_since_s is None else self._quiet_since_s
        self._leds.show(judge(vitals, now_s - since_s))


def order_reset() -> None:
    """Let the service manager do it."""
    try:
        subprocess.run(RESET, check=False, timeout=30)
    except (OSError, subprocess.TimeoutExpired) as error:
        log.warning("reset: %s", error)


def open_button(text: str) -> ResetButton:
    """From `/dev/gpiochip0:3`; raises ValueError, OSError."""
    chip, _, offset = text.rpartition(":")
    return ResetButton(Path(chip), int(offset))
