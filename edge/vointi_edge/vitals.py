"""How the edge is, as numbers: for diagnostics, the doctor and Prometheus. No reading's value."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from vointi_contract.status import OutboxCounts

from vointi_edge.files import write_atomically

VITALS_FILE: Final = "vitals.json"
METRICS_FILE: Final = "metrics.prom"
_THERMAL: Final = Path("/sys/class/thermal/thermal_zone0/temp")


@dataclass(frozen=True, slots=True)
class DeviceVitals:
    """One device: its link, dBm, battery in percent, messages that could not be decoded."""

    device: str
    link: str
    rssi_dbm: int | None
    battery_pct: int | None
    note: str
    bad_messages: int = 0


@dataclass(frozen=True, slots=True)
class Vitals:
    """One look at everything; times in the unit of their name."""

    edge: str
    version: str
    mono_us: int
    wall_us: int | None
    uptime_s: float
    clock: str
    clock_uncertainty_us: int
    clock_jumps: int
    connected: bool
    policy_version: int | None
    policy_required: bool
    outbox: OutboxCounts
    outbox_bytes: int
    outbox_max_bytes: int
    queue_age_s: float | None
    disk_free_bytes: int
    temperature_c: float | None
    devices: tuple[DeviceVitals, ...]

    def as_dict(self) -> dict[str, object]:
        """The JSON form."""
        return asdict(self)

    def save(self, folder: Path) -> None:
        """Write vitals.json and metrics.prom for others on this box. Raises OSError."""
        write_atomically(folder / VITALS_FILE, json.dumps(self.as_dict()).encode(), mode=0o644)
        write_atomically(folder / METRICS_FILE, prometheus(self).encode(), mode=0o644)


def prometheus(vitals: Vitals) -> str:
    """The text exposition format 0.0.4 of Prometheus."""
    lines: list[str] = []
    for name, help_, kind, value in _single(vitals):
        if value is not None:
            lines += [f"# HELP vointi_edge_{name} {help_}", f"# TYPE vointi_edge_{name} {kind}"]
            lines.append(f"vointi_edge_{name} {value:g}" if value % 1 else _whole(name, value))
    for name, help_, values in _by_device(vitals):
        lines += [f"# HELP vointi_edge_{name} {help_}", f"# TYPE vointi_edge_{name} gauge"]
        lines += [f'vointi_edge_{name}{{device="{device}"}} {value}' for device, value in values]
    return "\n".join(lines) + "\n"


def _whole(name: str, value: float) -> str:
    return f"vointi_edge_{name} {int(value)}"


def _single(v: Vitals) -> list[tuple[str, str, str, float | None]]:
    clock = {"unsynced": 0, "ntp": 1, "rtc": 2, "system": 3}[v.clock]
    return [
        ("uptime_seconds", "Since the process began.", "gauge", v.uptime_s),
        ("connected", "1 while the broker listens.", "gauge", v.connected),
        ("accepted_total", "Readings taken into the outbox.", "counter", v.outbox.accepted),
        ("committed_total", "Readings the gateway holds.", "counter", v.outbox.committed),
        ("lost_total", "Readings given up, by name.", "counter", v.outbox.lost),
        ("pending", "Readings that wait in the outbox.", "gauge", v.outbox.pending),
        ("outbox_bytes", "Payload bytes in the outbox.", "gauge", v.outbox_bytes),
        ("queue_age_seconds", "Age of the oldest waiting reading.", "gauge", v.queue_age_s),
        ("disk_free_bytes", "Free on the data disk.", "gauge", v.disk_free_bytes),
        ("temperature_celsius", "Of the processor.", "gauge", v.temperature_c),
        ("clock_state", "0 unsynced, 1 NTP, 2 RTC, 3 trusted.", "gauge", clock),
        ("clock_uncertainty_us", "Bound of its error.", "gauge", v.clock_uncertainty_us),
        ("clock_jumps_total", "Times it was set.", "counter", v.clock_jumps),
        ("policy_version", "Of the policy that holds.", "gauge", v.policy_version),
    ]


def _by_device(v: Vitals) -> list[tuple[str, str, list[tuple[str, int]]]]:
    links = [(d.device, int(d.link in ("connected", "advertising"))) for d in v.devices]
    rssi = [(d.device, d.rssi_dbm) for d in v.devices if d.rssi_dbm is not None]
    battery = [(d.device, d.battery_pct) for d in v.devices if d.battery_pct is not None]
    bad = [(d.device, d.bad_messages) for d in v.devices]
    return [
        ("device_heard", "1 while the device is heard.", links),
        ("device_rssi_dbm", "Signal strength.", rssi),
        ("device_battery_percent", "Battery level.", battery),
        ("device_bad_messages", "Messages that could not be decoded.", bad),
    ]


def run_folder(data_dir: Path, environment: Mapping[str, str] = os.environ) -> Path:
    """Where state for others on this box lies: in memory when the service manager gives a place."""
    given = environment.get("RUNTIME_DIRECTORY", "").split(":", 1)[0]
    return Path(given) if given else data_dir / "run"


def processor_temperature(file: Path = _THERMAL) -> float | None:
    """The processor's temperature in °C, or None where the kernel does not say."""
    try:
        return int(file.read_text(encoding="ascii")) / 1000
    except (OSError, ValueError):
        return None


def free_bytes(folder: Path) -> int:
    """Free for us on the folder's disk. Raises OSError."""
    stat = os.statvfs(folder)
    return stat.f_bavail * stat.f_frsize
