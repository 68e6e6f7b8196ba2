"""A button on the box: held for ten seconds, the box forgets everything."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Final

from vointi_edge.sources.gpio.lines import Lines, Wiring, open_lines
from vointi_edge.sources.gpio.uapi import EVENT_BYTES, line_event

#: Nobody leans on it for so long by accident, and a child tires before.
HOLD_S: Final = 10.0
_DEBOUNCE_US: Final = 20_000


class ResetButton:
    """A push button between a GPIO line and ground."""

    def __init__(self, chip: Path, offset: int, hold_s: float = HOLD_S) -> None:
        wiring = Wiring((offset,), active_low=True, bias="pull-up", debounce_us=_DEBOUNCE_US)
        self._lines: Lines = open_lines(chip, wiring)
        self._hold_s = hold_s
        self._since_s: float | None = None
        self._pressed = False

    def held(self, now_s: float) -> bool | None:
        """None: not pressed; False: pressed, not long enough yet; True: held. Raises OSError."""
        if not self._look():
            self._since_s = None
            return None
        if self._since_s is None:
            self._since_s = now_s
        return now_s - self._since_s >= self._hold_s

    def close(self) -> None:
        """Give the line back."""
        self._lines.close()

    def _look(self) -> bool:
        with contextlib.suppress(BlockingIOError):
            data = self._lines.read()
            for at in range(0, len(data), EVENT_BYTES):
                event = line_event(data[at : at + EVENT_BYTES])
                self._pressed = event.active if event is not None else self._pressed
        levels = self._lines.levels()
        if levels is not None:
            self._pressed = levels[0]
        return self._pressed
