"""A bleak backend over a Bumble host, for any HCI controller that a Bumble transport reaches."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from bleak.args.bluez import BlueZScannerArgs
from bleak.backends.client import BaseBleakClient
from bleak.backends.device import BLEDevice
from bleak.backends.scanner import BaseBleakScanner
from bumble.transport import open_transport

from vointi_edge.errors import RadioError
from vointi_edge.sources.ble.virtual.adapter import Adapter, Opener
from vointi_edge.sources.ble.virtual.client import VirtualClient
from vointi_edge.sources.ble.virtual.scanner import VirtualScanner

__all__ = ["VirtualPort"]


class VirtualPort:
    """One virtual adapter; switching it off and on is opening its transport anew.

    bleak takes backends as types, so the adapter is bound to subclasses made for it.
    """

    links_in_quiet = False

    def __init__(self, name: str, transport: str, opener: Opener = open_transport) -> None:
        self.name = name
        self._adapter = Adapter(name, transport, opener)
        bound = {"adapter": self._adapter}
        self.scanner: type[BaseBleakScanner] | None = type("Scanner", (VirtualScanner,), bound)
        self.client: type[BaseBleakClient] | None = type("Client", (VirtualClient,), bound)
        self.scanner_args: BlueZScannerArgs = {}

    async def find(self) -> None:
        """Do nothing: a transport's name stays."""

    async def power_cycle(self) -> None:
        """Open the transport anew. Raises RadioError when there is no controller behind it."""
        if not await self._adapter.reopen():
            raise RadioError(self.name, "no HCI controller answers", "start the simulator")

    async def restart(self) -> None:
        """Raise RadioError: the simulator is nobody's to start anew."""
        raise RadioError(self.name, "nothing beneath it can be started anew", "start the simulator")

    async def connected(self, services: Sequence[str]) -> list[BLEDevice]:
        """Return nothing: opening the transport resets the controller."""
        return []

    def admit(self, wanted: Callable[[str], bool]) -> None:
        """Hear of others only now and then; pairing is begun by nobody but us here."""
        self._adapter.admit(wanted)

    async def renew_bond(self, address: str) -> bool:
        """Do nothing: a link's own client does that (`seal`)."""
        return False

    async def watch(self, restarted: Callable[[str], None]) -> None:
        """Do nothing: links hear of a lost transport from the adapter itself."""
        await asyncio.Event().wait()

    async def close(self) -> None:
        """Close the transport."""
        await self._adapter.close()
