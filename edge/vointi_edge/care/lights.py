"""One light on the box that says how it is, blinked by the kernel (Documentation/leds).

The service may not write below /sys; `vointi-edge lights` is a service of its own that reads the
vital signs and sets /sys/class/leds/NAME.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any, Final

log = logging.getLogger(__name__)

CLASS_LEDS: Final = Path("/sys/class/leds")
# The Pi's own green light, by its name before and since Linux 6.1 (Raspberry Pi OS 12).
DEFAULT_NAMES: Final = ("ACT", "led0")
# A slow card starts the service within this.
_START_S: Final = 120.0
# Below this nothing can be kept for long.
_DISK_FULL: Final = 32 * 1024**2
_LEFT_ALONE: Final = ("paused", "not agreed")


@dataclass(frozen=True, slots=True)
class Pattern:
    """On and off in ms (0 off: steady), and how people would call it."""

    on_ms: int
    off_ms: int
    words: str
    meaning: str


class Light(Enum):
    """What the light can say, the most urgent first."""

    RESETTING = Pattern(50, 50, "flickers", "the reset button is held: let go to keep everything")
    TROUBLE = Pattern(200, 200, "blinks fast", "not running, or its card is full")
    STARTING = Pattern(500, 500, "blinks evenly, once a second", "starting")
    NO_BROKER = Pattern(100, 1900, "a short flash every two seconds", "no connection; all is kept")
    NO_DEVICE = Pattern(1900, 100, "a short gap every two seconds", "connected; hears no device")
    SERVING = Pattern(1, 0, "shines steadily", "connected, and hears its devices")


def judge(vitals: dict[str, Any] | None, waited_s: float) -> Light:
    """What to show for fresh vital signs (None: there are none, since `waited_s`)."""
    if vitals is None:
        return Light.STARTING if waited_s < _START_S else Light.TROUBLE
    if vitals["disk_free_bytes"] < _DISK_FULL:
        return Light.TROUBLE
    if not vitals["connected"]:
        return Light.STARTING if vitals["uptime_s"] < _START_S / 4 else Light.NO_BROKER
    wanted = [one for one in vitals["devices"] if one["note"] not in _LEFT_ALONE]
    heard = [one for one in wanted if one["link"] in ("connected", "advertising")]
    return Light.NO_DEVICE if wanted and not heard else Light.SERVING


class Leds:
    """The lights named, as far as the box has them."""

    def __init__(self, names: Sequence[str] = DEFAULT_NAMES, folder: Path = CLASS_LEDS) -> None:
        self._leds = [folder / name for name in names if (folder / name).is_dir()]
        self._shown: Light | None = None

    @property
    def found(self) -> tuple[str, ...]:
        """The names that the box has."""
        return tuple(led.name for led in self._leds)

    def show(self, light: Light) -> None:
        """Let the kernel blink it from now on; the same again changes nothing."""
        if light is self._shown:
            return
        self._shown = light
        for led in self._leds:
            try:
                _blink(led, light.value)
            except OSError as error:
                log.warning("light %s: %s", led.name, error.strerror)


def _blink(led: Path, pattern: Pattern) -> None:
    if pattern.off_ms == 0:
        (led / "trigger").write_text("none")
        (led / "brightness").write_text((led / "max_brightness").read_text().strip() or "1")
        return
    # The kernel makes the two files when the trigger is set.
    (led / "trigger").write_text("timer")
    (led / "delay_on").write_text(str(pattern.on_ms))
    (led / "delay_off").write_text(str(pattern.off_ms))
