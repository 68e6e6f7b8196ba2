"""Which radios: BlueZ's adapters, or virtual ones behind HCI transports."""

from __future__ import annotations

from pathlib import Path

from vointi_edge.config import BleConfig
from vointi_edge.sources.ble.port import RadioPort


def make_ports(config: BleConfig, folder: Path | None = None) -> tuple[RadioPort, ...]:
    """Build what the configuration asks for; each stack is imported only when it is chosen.

    What is learnt of the adapters outlives a restart in `folder`.
    """
    if config.backend == "virtual":
        from vointi_edge.sources.ble.virtual import VirtualPort

        names = enumerate(config.adapters, 1)
        return tuple(VirtualPort(f"radio {number}", transport) for number, transport in names)
    from vointi_edge.sources.ble.adapters import ADAPTERS_FILE, RESTART_FILE, KnownAdapters
    from vointi_edge.sources.ble.bluez import Bluez, BluezPort

    bluez, known = Bluez(), KnownAdapters(folder and folder / ADAPTERS_FILE)
    order = folder and folder / RESTART_FILE
    return tuple(BluezPort(name, bluez, known, order) for name in config.adapters)
