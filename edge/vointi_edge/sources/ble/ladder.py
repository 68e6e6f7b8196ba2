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
# A Bluetooth service that begins anew takes some seconds more until it scans.
RESTART_TRIAL_S = 20.0
# A power cycle takes seconds and ends every link: the next ones wait longer and longer.
_FIRST_GAP_S = 60.0
_LONGEST_GAP_S = 3600.0
# Living links are worth more than one device that may just have left the house: where a power
# cycle did not bring it back, the next one waits.
_GAP_WITH_LINKS_S = 180.0


class Step(Enum):
    """A rung."""

    SCAN_AGAIN = "scanning anew"
    POWER_CYCLE = "switching the adapter off and on"
    RESTART = "having the Bluetooth service started anew"


class Ladder:
    """Climbs while nothing works; `works` brings it back to the ground."""

    def __init__(self) -> None:
        self._rung = 0
        self._gap_s = _FIRST_GAP_S
        self._cycled_s = float("-inf")
        self._cycled = False
        self._worked = True
        self.patience_s = SILENCE_S

    @property
    def climbing(self) -> bool:
        """Say whether a step is on trial."""
        return self._rung > 0

    def works(self) -> None:
        """Note that the adapter does its work."""
        self._rung = 0
        self._cycled = False
        self._worked = True
        self.patience_s = SILENCE_S
        self._gap_s = _FIRST_GAP_S

    def climb(
        self, now_s: float, *, missed: bool, dead: bool, links: int, restartable: bool = False
    ) -> Step:
        """Choose the next step.

        `missed`: a device that was near is not heard; `dead`: the adapter does not even answer,
        so that gentle steps are lost on it and its links are, too; `links`: how many it holds;
        `restartable`: nobody has a link that starting the service anew would end.
        """
        if not missed:  # nobody is missed: all are linked, or none is near
            self.patience_s = SILENCE_S
            return Step.SCAN_AGAIN
        self._rung += 1
        if self._cycled and restartable:  # it did not help: the service may not know its adapter
            self._cycled = False
            self.patience_s = RESTART_TRIAL_S
            return Step.RESTART
        gap_s = self._gap_s
        if links and not dead and not self._worked:
            gap_s = max(gap_s, _GAP_WITH_LINKS_S)
        wait_s = self._cycled_s + gap_s - now_s
        if (self._rung > 1 or dead) and wait_s <= 0:
            self._gap_s = min(self._gap_s * 2, _LONGEST_GAP_S)
            self._cycled_s, self._cycled, self._worked = now_s, True, False
            self.patience_s = TRIAL_S
            return Step.POWER_CYCLE
        self.patience_s = TRIAL_S if self._rung == 1 else min(SILENCE_S, max(TRIAL_S, wait_s))
        return Step.SCAN_AGAIN
