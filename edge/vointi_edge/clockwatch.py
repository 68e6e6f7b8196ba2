"""Notices when wall time becomes known, is lost, and jumps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from vointi_contract.frame import ClockState
from vointi_contract.status import ClockAnchor

from vointi_edge.clock import Clock

# A time service slews by at most 500 µs/s; a look at two clocks errs by less than 50 ms even when
# the process is put aside. What moves further between two looks was set.
JUMP_US: Final = 250_000
# The kernel's clock drifts up to 100 ppm between two syncs: 60 ms in this time.
_REFRESH_US: Final = 600_000_000

Change: TypeAlias = Literal["set", "lost", "jump", "refresh"]


@dataclass(frozen=True, slots=True)
class ClockChange:
    """What a look found; `jump_us` is how far the wall clock was set (with "jump" alone)."""

    kind: Change
    mono_us: int
    wall_us: int | None
    jump_us: int = 0


class ClockWatch:
    """Looked at about once a second."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._offset_us: int | None = None
        self._told_us = 0

    def look(self) -> ClockChange | None:
        """What has changed since the last look, or None."""
        offset_us, mono_us = self._clock.wall_offset(), self._clock.boottime_us()
        before_us, self._offset_us = self._offset_us, offset_us
        if offset_us is None:
            return None if before_us is None else ClockChange("lost", mono_us, None)
        wall_us = mono_us + offset_us
        moved_us = 0 if before_us is None else offset_us - before_us
        if before_us is None:
            kind: Change = "set"
        elif abs(moved_us) > JUMP_US:
            kind = "jump"
        elif mono_us - self._told_us >= _REFRESH_US:
            kind = "refresh"
        else:
            return None
        self._told_us = mono_us
        return ClockChange(kind, mono_us, wall_us, moved_us if kind == "jump" else 0)

    def anchor(self, change: ClockChange, boot: int) -> ClockAnchor | None:
        """The anchor that a change gives, or None while wall time is unknown."""
        if change.wall_us is None or self._clock.state is ClockState.UNSYNCED:
            return None
        return ClockAnchor(
            boot=boot,
            mono_us=change.mono_us,
            wall_us=change.wall_us,
            uncertainty_us=self._clock.uncertainty_us,
            clock=self._clock.state,
            jump_us=change.jump_us,
        )
