"""The IIO folder of sysfs (or one that looks like it): finding a sensor, reading its files."""

from __future__ import annotations

import errno
from pathlib import Path

from vointi_edge.errors import SourceError

# The kernel writes at most one page; a number is far shorter.
_MOST_BYTES = 256
_REASONS = {
    errno.ENOENT: "vanished",
    errno.ENODEV: "vanished",
    errno.EBUSY: "is busy; the sensor warms up, or another program uses it",
    errno.EACCES: "may not be read; add the service's user to the rule for IIO devices",
    errno.ETIMEDOUT: "did not measure in time; check the sensor's supply",
    errno.EREMOTEIO: "did not answer on its bus; check the cable",
    errno.EIO: "answered wrongly on its bus; check the cable and its length",
}


class IioTree:
    """Everything below `root`, e.g. /sys/bus/iio/devices. Nothing is kept between two calls.

    Numbers of devices change when one is plugged in again, so a device is looked up each time.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    def find(self, device: str, names: tuple[str, ...], where: str) -> Path:
        """Return the folder of the sensor whose name is one of `names`; raises SourceError.

        `where` is "any", the kernel's name of the bus address ("1-0062") or the device's label.
        """
        try:
            folders = sorted(self._root.glob("iio:device*"))
        except OSError as error:
            raise SourceError(device, f"{self._root} cannot be read ({error.strerror})") from None
        found = [folder for folder in folders if _text(folder / "name") in names]
        for folder in found:
            if where in ("any", folder.resolve().parent.name, _text(folder / "label")):
                return folder
        wanted = " or ".join(names)
        if found:
            there = ", ".join(folder.resolve().parent.name for folder in found)
            raise SourceError(device, f"no {wanted} at {where}; there is one at {there}")
        raise SourceError(
            device, f"the kernel sees no {wanted}; check cable and device-tree overlay"
        )

    def files(self, device: str, folder: Path) -> frozenset[str]:
        """Return the names of the sensor's files; raises SourceError."""
        try:
            return frozenset(file.name for file in folder.iterdir())
        except OSError:
            raise SourceError(device, "the sensor vanished") from None


def read(device: str, file: Path) -> str:
    """Return a file's text; raises SourceError with the reason in plain words.

    The kernel may take seconds: it waits for the sensor's next measurement.
    """
    try:
        with file.open("rb") as opened:
            data = opened.read(_MOST_BYTES)
    except OSError as error:
        reason = _REASONS.get(error.errno or 0, f"cannot be read ({error.strerror})")
        raise SourceError(device, f"{file.name} {reason}") from None
    return data.decode("ascii", "replace")


def _text(file: Path) -> str:
    try:
        with file.open("rb") as opened:
            return opened.read(_MOST_BYTES).decode("ascii", "replace").strip()
    except OSError:
        return ""
