"""The doctor's checks of the box itself. Each looks, changes nothing, and never raises."""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, TypeAlias

from cryptography import x509

from vointi_edge.care.finding import Finding, bad, fine, note
from vointi_edge.clock import Clock
from vointi_edge.config import EdgeConfig
from vointi_edge.vitals import free_bytes, processor_temperature

_AddressInfo: TypeAlias = tuple[socket.AddressFamily, socket.SocketKind, int, str, Any]

SYS: Final = Path("/sys")
# Certificates live a week and are renewed from a third of their life left.
_CERTIFICATE_SOON: Final = timedelta(days=1)
# What a week of one raw ECG takes.
_DISK_LOW: Final = 256 * 1024**2
# A Raspberry Pi throttles its processor here.
_HOT_C: Final = 80.0
_ANSWER_S: Final = 3.0


def check_clock(clock: Clock, floor_us: int, trust: str) -> Finding:
    """Whether wall time is trusted, and not behind the floor."""
    now_us = clock.wall_us()
    if trust == "system":
        return note("clock", "trusted by configuration", 'use clock.trust = "ntp" in homes')
    if now_us is not None:
        return fine("clock", f"synchronised, within {clock.uncertainty_us / 1000:.0f} ms")
    if datetime.now(UTC).timestamp() * 1e6 < floor_us:
        floor = datetime.fromtimestamp(floor_us / 1e6, UTC)
        return bad("clock", f"before {floor:%Y-%m-%d %H:%M} UTC", _FLOOR_FIX)
    return bad("clock", "not synchronised; readings wait for their time", _SYNC_FIX)


_SYNC_FIX: Final = "check that NTP (UDP 123) passes the router: timedatectl timesync-status"
_FLOOR_FIX: Final = (
    "check timedatectl; if the time is right, the saved floor is wrong: delete clock.floor"
)


def check_disk(data_dir: Path, max_bytes: int) -> Finding:
    """Whether the data folder can be written and has room."""
    if not data_dir.is_dir() or not os.access(data_dir, os.W_OK):
        return bad("disk", f"{data_dir} cannot be written", "check owner and mount of the folder")
    free = free_bytes(data_dir)
    said = f"{free / 1024**3:.1f} GiB free"
    if free < _DISK_LOW:
        return bad("disk", said, "free space on the card, or use a larger one")
    if free < max_bytes // 2:
        return note("disk", said, "the outbox could need more: lower outbox.max_bytes")
    return fine("disk", said)


def check_temperature(celsius: float | None) -> Finding:
    """Whether the processor is cool enough to run at its speed."""
    if celsius is None:
        return fine("temperature", "the kernel does not say")
    if celsius >= _HOT_C:
        return note("temperature", f"{celsius:.0f} °C", "give the box air; it runs slower now")
    return fine("temperature", f"{celsius:.0f} °C")


def check_radio(backend: str, needed: bool, sys: Path = SYS) -> Finding:
    """Whether the kernel has a Bluetooth adapter that is not blocked."""
    if not needed:
        return fine("radio", "no Bluetooth device is assigned")
    if backend != "bluez":
        return note("radio", "virtual, for tests", 'use ble.backend = "bluez" in homes')
    adapters = sorted(path.name for path in (sys / "class" / "bluetooth").glob("hci*"))
    adapters = [name for name in adapters if ":" not in name]
    if not adapters:
        fix = "plug in an adapter, or enable the Pi's own: remove dtoverlay=disable-bt"
        return bad("radio", "no Bluetooth adapter", fix)
    if blocked := _blocked(sys):
        return bad("radio", f"{blocked} is blocked", "unblock it: rfkill unblock bluetooth")
    return fine("radio", ", ".join(adapters))


def _blocked(sys: Path) -> str:
    for switch in (sys / "class" / "rfkill").glob("rfkill*"):
        if _text(switch / "type") == "bluetooth" and "1" in (
            _text(switch / "soft"),
            _text(switch / "hard"),
        ):
            return _text(switch / "name") or switch.name
    return ""


def check_paths(config: EdgeConfig) -> list[Finding]:
    """Whether serial devices are there and may be opened."""
    found = []
    for device in config.devices:
        if device.path is None:
            continue
        if not device.path.exists():
            found.append(bad(device.id, f"{device.path} is not there", "plug the box in"))
        elif not os.access(device.path, os.R_OK | os.W_OK):
            fix = "add the service's user to group dialout"
            found.append(bad(device.id, f"{device.path} may not be opened", fix))
    return found


def check_certificates(config: EdgeConfig, now: datetime) -> list[Finding]:
    """How long the certificate, and what vouches for it, is still good."""
    if config.mqtt.tls is None:
        fix = "enrol the edge before it leaves your desk"
        return [note("certificates", "none: the broker is spoken to by password", fix)]
    return _certificates(config.mqtt.tls.cert_file, now)


def _certificates(path: Path, now: datetime) -> list[Finding]:
    try:
        found = x509.load_pem_x509_certificates(path.read_bytes())
    except (OSError, ValueError) as error:
        return [bad("certificates", f"{path.name} cannot be read ({error})", "enrol anew")]
    return [_certificate(path.name, one.not_valid_before_utc, one.not_valid_after_utc, now)
            for one in found]  # fmt: skip


def _certificate(name: str, begin: datetime, end: datetime, now: datetime) -> Finding:
    if now < begin:
        return bad("certificates", f"{name} is good from {begin:%Y-%m-%d}", "set the clock")
    if now > end:
        fix = "enrol anew; readings wait in the outbox meanwhile"
        return bad("certificates", f"{name} ended {end:%Y-%m-%d %H:%M} UTC", fix)
    if end - now < _CERTIFICATE_SOON:
        fix = "renewal should have come: check that the gateway is reached"
        return note("certificates", f"{name} ends {end:%Y-%m-%d %H:%M} UTC", fix)
    return fine("certificates", f"{name} is good until {end:%Y-%m-%d}")


def check_broker(host: str, port: int, connect_s: float = _ANSWER_S) -> Finding:
    """Whether the broker's name is known and its port answers."""
    try:
        addresses = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError:
        return bad("broker", f"the name {host} is not known", "check mqtt.host and the DNS")
    if _answers(addresses, connect_s):
        return fine("broker", f"{host}:{port} answers")
    fix = "check the network, mqtt.port, and that the gateway runs; readings are kept meanwhile"
    return bad("broker", f"{host}:{port} does not answer", fix)


def _answers(addresses: Sequence[_AddressInfo], connect_s: float) -> bool:
    for family, kind, protocol, _, address in addresses:
        with socket.socket(family, kind, protocol) as probe:
            probe.settimeout(connect_s)
            if probe.connect_ex(address) == 0:
                return True
    return False


def check_box() -> Finding:
    """The processor's temperature now."""
    return check_temperature(processor_temperature())


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        return ""
