"""One Bluetooth adapter as the radio sees it, whatever is behind it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from bleak.args.bluez import BlueZScannerArgs
from bleak.backends.client import BaseBleakClient
from bleak.backends.device import BLEDevice
from bleak.backends.scanner import BaseBleakScanner


class RadioPort(Protocol):
    """An adapter that can be switched off and on.

    `scanner` and `client` are what bleak is given as its backends (None: bleak's own choice).
    `links_in_quiet`: a link asked for during a scan waits for the scan's end, and a scan tells of
    a device once.
    """

    name: str
    scanner: type[BaseBleakScanner] | None
    client: type[BaseBleakClient] | None
    scanner_args: BlueZScannerArgs
    links_in_quiet: bool

    async def find(self) -> None:
        """Look where the adapter is; asked before each scan. Raises RadioError."""

    def admit(self, wanted: Callable[[str], bool]) -> None:
        """Pair with every address that `wanted` says yes to, and with nobody else."""

    async def renew_bond(self, address: str) -> bool:
        """Forget a bond that the device forgot; say whether that was so. Raises RadioError."""

    async def power_cycle(self) -> None:
        """Switch off and on; every link ends. Raises RadioError when it stays down."""

    async def restart(self) -> None:
        """Have what is beneath all adapters started anew; who does that may take seconds.

        Raises RadioError where that would not help, or cannot be asked for.
        """

    async def connected(self, services: Sequence[str]) -> list[BLEDevice]:
        """Return devices with a link from before this process began; they do not advertise."""

    async def watch(self, restarted: Callable[[str], None]) -> None:
        """Call `restarted(reason)` whenever all links ended beneath us; runs until cancelled."""

    async def close(self) -> None:
        """Let the adapter go."""
