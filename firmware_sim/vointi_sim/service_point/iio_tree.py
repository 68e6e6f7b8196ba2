"""Sensors as the kernel's IIO drivers show them: a folder of small text files.

It enters where sysfs does: what a bus, a driver or an interrupt would do wrong is not simulated.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

from vointi_sim.errors import ListenError

# As in /sys: the devices by bus address, and links to them by number. The folder has a name that
# nobody else uses, since it is emptied.
TREE, DEVICES, LINKS = "simulated-sysfs", "devices", "iio"


class IioTree:
    """Builds iio:device0, … in a folder below `folder`; `links` is an edge's [iio] root."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / TREE
        self.links = self.root / LINKS
        self._numbers: dict[str, int] = {}

    def open(self, field: str) -> None:
        """Begin with empty folders. Raises ListenError naming `field`."""
        try:
            shutil.rmtree(self.root, ignore_errors=True)
            for name in (DEVICES, LINKS):
                (self.root / name).mkdir(parents=True)
        except OSError as error:
            reason, fix = error.strerror or str(error), "choose a folder that can be written"
            raise ListenError(field, str(self.root), reason, fix) from error

    def plug(self, bus: str, name: str, fixed: Mapping[str, str]) -> None:
        """Make the sensor `name` appear at the bus address `bus`, with files that never change.

        It gets the lowest free number, as in the kernel: after a reshuffle that may be another's.
        """
        number = next(n for n in range(64) if n not in self._numbers.values())
        folder = self.root / DEVICES / bus / f"iio:device{number}"
        folder.mkdir(parents=True)
        self._numbers[bus] = number
        for file, text in {"name": name, **fixed}.items():
            self.write(bus, file, text)
        (self.root / LINKS / folder.name).symlink_to(Path("..") / DEVICES / bus / folder.name)

    def unplug(self, bus: str) -> None:
        """Make the sensor vanish."""
        number = self._numbers.pop(bus)
        (self.root / LINKS / f"iio:device{number}").unlink()
        shutil.rmtree(self.root / DEVICES / bus)

    def write(self, bus: str, file: str, text: str) -> None:
        """Let a file say `text`; a reader sees the old text or the new one, never half of it."""
        folder = self.root / DEVICES / bus
        written = folder / "next"
        written.write_text(text + "\n", encoding="ascii")
        written.replace(folder / f"iio:device{self._numbers[bus]}" / file)

    def drop(self, bus: str, file: str) -> None:
        """Take one file away."""
        (self.root / DEVICES / bus / f"iio:device{self._numbers[bus]}" / file).unlink()

    def has(self, bus: str) -> bool:
        """Whether a sensor is plugged in there."""
        return bus in self._numbers

    def close(self) -> None:
        """Take everything away."""
        shutil.rmtree(self.root, ignore_errors=True)
