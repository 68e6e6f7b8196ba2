"""A bleak backend over a Bumble host, for any HCI controller that a Bumble transport reaches."""

from __future__ import annotations

from bleak.backends.client import BaseBleakClient
from bleak.backends.scanner import BaseBleakScanner

from vointi_edge.sources.ble.virtual.adapter import Adapter
from vointi_edge.sources.ble.virtual.client import VirtualClient
from vointi_edge.sources.ble.virtual.scanner import VirtualScanner


def make_virtual_backend(
    transport: str,
) -> tuple[Adapter, type[BaseBleakScanner], type[BaseBleakClient]]:
    """Build an adapter for a Bumble transport and the two backend types that share it.

    bleak takes backends as types, so the adapter is bound to subclasses made for it.
    """
    adapter = Adapter(transport)
    scanner = type("VirtualScanner", (VirtualScanner,), {"adapter": adapter})
    client = type("VirtualClient", (VirtualClient,), {"adapter": adapter})
    return adapter, scanner, client
