"""Which radios: BlueZ's adapters, or virtual ones behind HCI transports."""

from __future__ import annotations

from vointi_edge.config import BleConfig
from vointi_edge.sources.ble.port import RadioPort


def make_ports(config: BleConfig) -> tuple[RadioPort, ...]:
    """Build what the configuration asks for; each stack is imported only when it is chosen."""
    if config.backend == "virtual":
        from vointi_edge.sources.ble.virtual import VirtualPort

        names = enumerate(config.adapters, 1)
        return tuple(VirtualPort(f"radio {number}", transport) for number, transport in names)
    from vointi_edge.sources.ble.bluez import Bluez, BluezPort

    bluez = Bluez()
    return tuple(BluezPort(name, bluez) for name in config.adapters)
