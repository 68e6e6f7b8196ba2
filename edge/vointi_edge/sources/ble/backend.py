"""Which radio: BlueZ through bleak's own backend, or the virtual one behind an HCI transport."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from bleak.backends.client import BaseBleakClient
from bleak.backends.scanner import BaseBleakScanner

from vointi_edge.config import BleConfig


async def _nothing() -> None:
    return None


@dataclass(frozen=True, slots=True)
class Backend:
    """Backend types for BleakScanner and BleakClient (None: bleak's own choice)."""

    scanner: type[BaseBleakScanner] | None = None
    client: type[BaseBleakClient] | None = None
    close: Callable[[], Awaitable[None]] = _nothing


def make_backend(config: BleConfig) -> Backend:
    """Build what the configuration asks for; the virtual radio is imported only when chosen."""
    if config.backend != "virtual" or config.hci is None:
        return Backend()
    from vointi_edge.sources.ble.virtual import make_virtual_backend

    adapter, scanner, client = make_virtual_backend(config.hci)
    return Backend(scanner, client, adapter.close)
