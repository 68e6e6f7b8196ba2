"""The time that it is at least: certificates can be checked on a box without a clock battery.

A Raspberry Pi 4 wakes in 1970 or where its file system left off. The floor is the last trusted time
that was saved, and never before this release was made. `vointi-edge clock-floor` sets the system's
clock to it at boot, before TLS and before a time service answers; wall time below it is not
believed. The unit runs this module by itself: the rest of the boot waits for it, and the whole
program takes seconds to be imported.
"""

from __future__ import annotations

import argparse
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from vointi_edge.files import read_if_there, write_atomically

FLOOR_FILE: Final = "clock.floor"
#: When this release was made: raised with the version.
RELEASED_US: Final = int(datetime(2026, 11, 1, tzinfo=UTC).timestamp()) * 1_000_000


class ClockFloor:
    """The saved floor, in UTC µs as decimal digits in a file."""

    def __init__(self, path: Path, released_us: int = RELEASED_US) -> None:
        self._path = path
        self._released_us = released_us

    def read(self) -> int:
        """The floor, UTC µs; a file that cannot be read counts as none."""
        try:
            saved_us = int(read_if_there(self._path) or b"0")
        except (OSError, ValueError):
            saved_us = 0
        return max(saved_us, self._released_us)

    def save(self, trusted_us: int) -> None:
        """Raise the floor to a trusted time; it never falls. Raises OSError."""
        if trusted_us > self.read():
            write_atomically(self._path, b"%d\n" % trusted_us, mode=0o644)


def raise_system_clock(floor_us: int) -> int:
    """Set the system's clock to the floor where it is below; return by how many µs it moved.

    Needs CAP_SYS_TIME; raises PermissionError without it.
    """
    behind_us = floor_us - time.time_ns() // 1000
    if behind_us <= 0:
        return 0
    time.clock_settime_ns(time.CLOCK_REALTIME, floor_us * 1000)
    return behind_us


def apply_floor(data_dir: Path) -> None:
    """Set the system's clock to the floor kept in `data_dir`, and say so where it moved."""
    moved_us = raise_system_clock(ClockFloor(data_dir / FLOOR_FILE).read())
    if moved_us:
        said = f"clock: set forward by {moved_us / 1e6:.0f} s, to the last time known\n"
        sys.stdout.write(said)


def main(argv: list[str] | None = None) -> int:
    """`python -m vointi_edge.clockfloor --data-dir FOLDER`; returns the exit code."""
    parser = argparse.ArgumentParser(prog="vointi_edge.clockfloor")
    parser.add_argument("--data-dir", type=Path, required=True)
    apply_floor(parser.parse_args(argv).data_dir)
    return 0


if __name__ == "__main__":
    sys.exit(main())
