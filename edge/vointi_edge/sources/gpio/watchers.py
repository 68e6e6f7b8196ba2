"""What edges on lines mean: presses, passages, doors, motion. Pure; time is passed in (µs)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from vointi_edge.decoders.values import Decoded, channel

# Longer than contacts bounce and a child hammers; shorter than the next visitor needs.
_QUIET_US = 1_000_000
# A finger or a person does not stay that long; chewing gum and a fallen leaflet do.
_STUCK_US = 60_000_000
# A body is wider than the beams are apart; a thin arm swung through is back within this time.
_BETWEEN_US = 600_000


class Watcher(Protocol):
    """Keeps the state of one device's lines; names are those of the catalogue's decoder."""

    def start(self, levels: Mapping[str, bool], now_us: int) -> Decoded | None:
        """Take the levels at the beginning, or after edges were missed."""

    def edge(self, name: str, active: bool, at_us: int) -> Decoded | None:
        """Take an edge; return what is worth telling."""

    def trouble(self, now_us: int) -> str:
        """Return what is wrong with a line, in plain words; else nothing."""


class _Held:
    """Since when each line is active."""

    def __init__(self) -> None:
        self._since: dict[str, int] = {}

    def note(self, name: str, active: bool, at_us: int) -> None:
        """Take a level or an edge."""
        if active:
            self._since.setdefault(name, at_us)
        else:
            self._since.pop(name, None)

    def stuck(self, now_us: int) -> str | None:
        """Return the first line that has been active for too long."""
        held = (name for name, since in self._since.items() if now_us - since > _STUCK_US)
        return next(held, None)


class Buttons:
    """feedback = the number of the button; one press within a second counts once."""

    def __init__(self) -> None:
        self._held = _Held()
        self._pressed_us: dict[str, int] = {}

    def start(self, levels: Mapping[str, bool], now_us: int) -> Decoded | None:
        """Take the levels; a button that is down already was not pressed now."""
        for name, active in levels.items():
            self._held.note(name, active, now_us)
        return None

    def edge(self, name: str, active: bool, at_us: int) -> Decoded | None:
        """Tell a press, unless it is a bounce or repeat of the last one of this button."""
        self._held.note(name, active, at_us)
        if not active:
            return None
        last_us = self._pressed_us.get(name)
        if last_us is not None and 0 <= at_us - last_us < _QUIET_US:
            return None
        self._pressed_us[name] = at_us
        return Decoded((channel("feedback", [int(name.removeprefix("button_"))]),))

    def trouble(self, now_us: int) -> str:
        """Name a button that is held."""
        stuck = self._held.stuck(now_us)
        if stuck is None:
            return ""
        number = stuck.removeprefix("button_")
        return f"button {number} has been down for over a minute; free it"


class Beams:
    """people_in and people_out from two beams: outer then inner is in, inner then outer is out.

    A passage begins when a beam is broken and ends when both are free. It counts when the second
    beam was the last one free, so that somebody who turns round in the door is not counted. Two
    people so close that a beam stays broken between them are one.
    """

    def __init__(self) -> None:
        self._held = _Held()
        self._broken = {"outer": False, "inner": False}
        self._first: str | None = None
        self._both = False
        self._left: tuple[str, int] | None = None
        self._people = {"in": 0, "out": 0}

    def start(self, levels: Mapping[str, bool], now_us: int) -> Decoded | None:
        """Take the levels, forget a passage under way, and tell the counts so far."""
        for name, active in levels.items():
            self._broken[name] = active
            self._held.note(name, active, now_us)
        self._first, self._left = None, None
        return self._counts()

    def edge(self, name: str, active: bool, at_us: int) -> Decoded | None:
        """Follow a passage; tell the counts when one is complete."""
        self._held.note(name, active, at_us)
        if self._broken[name] == active:
            return None
        self._broken[name] = active
        if active:
            return self._enter(name, at_us)
        return self._leave(name, at_us)

    def trouble(self, now_us: int) -> str:
        """Name a beam that is not seen any more."""
        stuck = self._held.stuck(now_us)
        if stuck is None:
            return ""
        return f"the {stuck} beam has been broken for over a minute; clean or realign it"

    def _enter(self, name: str, at_us: int) -> Decoded | None:
        other = "inner" if name == "outer" else "outer"
        if self._broken[other]:
            self._both = self._first is not None
            return None
        left, self._left = self._left, None
        if left is not None and left[0] == other and 0 <= at_us - left[1] < _BETWEEN_US:
            # Too slim to break both at once: the pair of single breaks is the passage.
            self._first, self._both = other, True
            return None
        self._first, self._both = name, False
        return None

    def _leave(self, name: str, at_us: int) -> Decoded | None:
        if any(self._broken.values()):
            return None
        first, self._first = self._first, None
        if first is not None and not self._both:
            self._left = name, at_us
        if first in (None, name):
            return None
        self._people["in" if name == "inner" else "out"] += 1
        return self._counts()

    def _counts(self) -> Decoded:
        came, went = self._people["in"], self._people["out"]
        return Decoded(
            (
                channel("people_in", [came]),
                channel("people_out", [went]),
                channel("people_present", [max(0, came - went)]),
            )
        )


class Switch:
    """One line as a metric of 0 and 1: told at the beginning and whenever it differs."""

    def __init__(self, metric: str) -> None:
        self._metric = metric
        self._told: bool | None = None

    def start(self, levels: Mapping[str, bool], now_us: int) -> Decoded | None:
        """Tell the level."""
        return next((self._tell(active) for active in levels.values()), None)

    def edge(self, name: str, active: bool, at_us: int) -> Decoded | None:
        """Tell the level after an edge."""
        return self._tell(active)

    def trouble(self, now_us: int) -> str:
        """A door may stand open for a day: nothing is wrong with that."""
        return ""

    def _tell(self, active: bool) -> Decoded | None:
        if active == self._told:
            return None
        self._told = active
        return Decoded((channel(self._metric, [int(active)]),))


WATCHERS: dict[str, Callable[[], Watcher]] = {
    "buttons": Buttons,
    "beams": Beams,
    "motion": lambda: Switch("motion"),
    "contact": lambda: Switch("contact"),
}
