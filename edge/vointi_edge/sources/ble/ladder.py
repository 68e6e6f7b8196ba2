"""What to do next about an adapter that hears nothing: gentle first, and with limits.

A quiet house must not make an edge switch its radio off and on for ever, and a dead radio must not
be believed to be a quiet house.
"""

from __future__ import annotations

from enum import Enum

# Discovery is known to stall silently (bluez/bluez#1554); devices advertise at least every 10 s.
# With the 16 s after which a silent link is given up, every stall is found within 90 s.
SILENCE_S = 72.0
# A scanner that works again hears a device within a few of its advertisements.
TRIAL_S = 12.0
# A power cycle takes seconds and ends every link: the next ones wait longer and longer.
_FIRST_GAP_S = 60.0
_LONGEST_GAP_S = 3600.0
# Living links are worth more than one device that may just have left the house.
_GAP_WITH_LINKS_S = 180.0


class Step(Enum):
    """A rung."""

    SCAN_AGAIN = "scanning anew"
    POWER_CYCLE = "switching the adapter off and on"


class Ladder:
    """Climbs while nothing works; `works` brings it back to the ground."""

    def __init__(self) -> None:
        self._rung = 0
        self._gap_s = _FIRST_GAP_S
        self._cycled_s = float("-inf")
        self.patience_s = SILENCE_S

    @property
    def climbing(self) -> bool:
        """Say whether a step is on trial."""
        return self._rung > 0

    def works(self) -> None:
        """Note that the adapter does its work."""
        self._rung = 0
        self.patience_s = SILENCE_S
        self._gap_s = _FIRST_GAP_S

    def climb(self, now_s: float, *, missed: bool, dead: bool, links: int) -> Step:
        """Choose the next step.

        `missed`: a device that was near is not heard; `dead`: the adapter does not even answer,
        so that gentle steps are lost on it and its links are, too; `links`: how many it holds.
        """
        if not missed:  # nobody is missed: all are linked, or none is near
            self.patience_s = SILENCE_S
            return Step.SCAN_AGAIN
        self._rung += 1
        gap_s = self._gap_s if dead or not links else max(self._gap_s, _GAP_WITH_LINKS_S)
        if (self._rung > 1 or dead) and now_s - self._cycled_s >= gap_s:
            self._gap_s = min(self._gap_s * 2, _LONGEST_GAP_S)
            self._cycled_s = now_s
            self.patience_s = TRIAL_S
            return Step.POWER_CYCLE
        self.patience_s = TRIAL_S if self._rung == 1 else SILENCE_S
        return Step.SCAN_AGAIN
