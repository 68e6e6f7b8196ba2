"""edge.toml as frozen dataclasses; ConfigError names every key that is wrong."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from vointi_contract.errors import SignatureError
from vointi_contract.signing import read_public_keys

from vointi_edge.config_wired import (
    WHERE,
    Place,
    WiredConfig,
    check_where,
    read_labels,
    read_place,
    read_wired,
)
from vointi_edge.decoders.bthome_sealed import KEY_BYTES
from vointi_edge.identity.keeper import FOLDER, PAIR, TRUST
from vointi_edge.tables import Table, load_toml

_ADDRESS = re.compile(r"[0-9A-F]{2}(:[0-9A-F]{2}){5}")
DEFAULT_CATALOGUE = Path(__file__).parent / "catalogue_files"
# The Pi's own chip takes about seven and stumbles before that; CSR dongles take five.
DEFAULT_LINKS = 5
DEFAULT_OUTBOX_BYTES = 2 * 1024**3  # a month of one raw ECG and its scalars on a 16 GB card


@dataclass(frozen=True, slots=True)
class TlsConfig:
    """Files for TLS; `own` when they are those of `vointi-edge enrol`, which renews them."""

    ca_file: Path
    cert_file: Path
    key_file: Path
    own: bool


@dataclass(frozen=True, slots=True)
class MqttConfig:
    """Where the broker is and how to speak with it."""

    host: str
    port: int
    protocol: str
    username: str | None
    password_file: Path | None
    tls: TlsConfig | None = None
    hold_ms: int = 500


@dataclass(frozen=True, slots=True)
class BleConfig:
    """Which radios: BlueZ's adapters by name, or virtual ones by HCI transport.

    An adapter holds at most `links` links at once.
    """

    backend: str
    adapters: tuple[str, ...] = ("hci0",)
    links: int = DEFAULT_LINKS


@dataclass(frozen=True, slots=True)
class DeviceConfig:
    """One assigned device: its catalogue model and where it is.

    That is a Bluetooth address, the path of a tty, or a wired device's place. `labels` is what the
    pilot calls its buttons, from button 1 on. `enable` names streams that the catalogue leaves off;
    `key` opens encrypted advertisements; `tell_serial` allows its serial number to leave the edge.
    """

    id: str
    model: str
    address: str | None
    path: Path | None
    person: str | None
    enable: tuple[str, ...] = ()
    key: bytes | None = field(default=None, repr=False)
    tell_serial: bool = False
    place: Place = field(default_factory=Place)
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class EdgeConfig:
    """The whole configuration of one edge."""

    edge: str
    pilot: str
    site: str
    role: str
    data_dir: Path
    catalogue_dir: Path
    clock_trust: str
    clock_speed: float
    mqtt: MqttConfig
    ble: BleConfig
    commit_ms: int
    max_bytes: int
    key_file: Path
    order_keys: tuple[Ed25519PublicKey, ...] | None
    devices: tuple[DeviceConfig, ...]
    wired: WiredConfig = field(default_factory=WiredConfig)


def load_config(path: Path) -> EdgeConfig:
    """Read `path`; raises ConfigError with one problem for each thing to fix."""
    table = Table(path.name, load_toml(path))
    config = _read(table, path.parent)
    table.close()
    table.raise_problems()
    return config


def load_place(path: Path) -> tuple[str, Path]:
    """The edge's id and data folder: all that enrolment needs, before the rest is there."""
    table = Table(path.name, load_toml(path))
    edge, data_dir = table.identifier("edge"), path.parent / table.text("data_dir")
    table.raise_problems()
    return edge, data_dir


def _read(table: Table, base: Path) -> EdgeConfig:
    clock = table.table("clock", optional=True)
    outbox = table.table("outbox", optional=True)
    edge = table.identifier("edge")
    data_dir = base / table.text("data_dir")
    config = EdgeConfig(
        edge=edge,
        pilot=table.identifier("pilot"),
        site=table.identifier("site"),
        role=table.choice("role", ("home", "service_point")),
        data_dir=data_dir,
        catalogue_dir=base / table.text("catalogue_dir", str(DEFAULT_CATALOGUE)),
        clock_trust=clock.choice("trust", ("system", "ntp"), "ntp"),
        clock_speed=clock.number("speed", 1.0, low=0.01),
        mqtt=_mqtt(table.table("mqtt"), base, edge, data_dir),
        ble=_ble(table.table("ble", optional=True)),
        commit_ms=outbox.whole("commit_ms", 20, high=10_000),
        max_bytes=outbox.whole("max_bytes", DEFAULT_OUTBOX_BYTES, low=64 * 1024),
        key_file=_key_file(outbox, base, data_dir),
        order_keys=_order_keys(table, base),
        devices=_devices(table.tables("device"), base),
        wired=read_wired(table, base),
    )
    if config.wired.local_mqtt is None and any(one.place.topic for one in config.devices):
        table.problem("local_mqtt", "is missing; give the host and port of the sensors' broker")
    clock.close()
    outbox.close()
    return config


def _key_file(outbox: Table, base: Path, data_dir: Path) -> Path:
    """Where the outbox's key lies unless the service manager hands one over."""
    name = outbox.text("key_file", "")
    return base / name if name else data_dir / "outbox.key"


def _order_keys(table: Table, base: Path) -> tuple[Ed25519PublicKey, ...] | None:
    """Read whose signed policies and commands are obeyed; None: [policy] is absent."""
    if not table.has("policy"):
        return None
    policy = table.table("policy")
    path = base / policy.text("keys_file")
    policy.close()
    try:
        keys = read_public_keys(path.read_text(encoding="ascii"))
    except OSError as error:
        policy.problem("keys_file", f"{path} cannot be read ({error.strerror})")
        return ()
    except (SignatureError, UnicodeDecodeError) as error:
        policy.problem("keys_file", f"{path}: {error}")
        return ()
    if not keys:
        policy.problem("keys_file", f"{path} holds no key; nothing could ever be collected")
    return keys


def _mqtt(table: Table, base: Path, edge: str, data_dir: Path) -> MqttConfig:
    password_file = table.text("password_file", "")
    config = MqttConfig(
        host=table.text("host"),
        port=table.whole("port", low=1, high=65_535),
        protocol=table.choice("protocol", ("5", "3.1.1"), "3.1.1"),
        username=table.text("username", edge),
        password_file=base / password_file if password_file else None,
        tls=_tls(table, base, data_dir),
        hold_ms=table.whole("hold_ms", 500, high=5_000),
    )
    table.close()
    return config


def _tls(table: Table, base: Path, data_dir: Path) -> TlsConfig | None:
    names = {key: table.text(key, "") for key in ("ca_file", "cert_file", "key_file")}
    given = [key for key, name in names.items() if name]
    if not table.flag("tls", default=False):
        for key in given:
            table.problem(key, "only with tls = true; set that, or remove it")
        return None
    if given and len(given) < len(names):
        missing = next(key for key in names if key not in given)
        table.problem(missing, "is missing; name all three files, or none after `enrol`")
    if not given:
        folder = data_dir / FOLDER
        return TlsConfig(folder / TRUST, folder / PAIR, folder / PAIR, own=True)
    files = {key: base / name for key, name in names.items()}
    return TlsConfig(**files, own=False)


def _ble(table: Table) -> BleConfig:
    backend = table.choice("backend", ("bluez", "virtual"), "bluez")
    hci = table.text("hci", "")
    named = (hci,) if hci else ("hci0",) if backend == "bluez" else ()
    adapters = table.texts("adapters", named)
    if backend == "virtual" and not adapters and not table.has("adapters"):
        table.problem("hci", 'is missing; e.g. hci = "tcp-client:127.0.0.1:9300"')
    if backend == "bluez" and hci:
        table.problem("hci", 'only for backend = "virtual"; remove it')
    if hci and table.has("adapters"):
        table.problem("adapters", "stands beside hci; keep one of them")
    if table.has("adapters"):
        _check_adapters(table, backend, adapters)
    links = table.whole("links", DEFAULT_LINKS, low=1, high=20)
    table.close()
    return BleConfig(backend, adapters, links)


def _check_adapters(table: Table, backend: str, adapters: tuple[str, ...]) -> None:
    example = '["hci0", "hci1"]' if backend == "bluez" else '["tcp-client:127.0.0.1:9300"]'
    if not adapters or len(set(adapters)) < len(adapters):
        table.problem("adapters", f"must name each adapter once; e.g. adapters = {example}")
    elif backend == "bluez" and not all(re.fullmatch(r"hci\d{1,2}", name) for name in adapters):
        table.problem("adapters", f"must be BlueZ's names; e.g. adapters = {example}")


def _devices(tables: list[Table], base: Path) -> tuple[DeviceConfig, ...]:
    devices: list[DeviceConfig] = []
    for table in tables:
        device = _device(table, base)
        if any(device.id == other.id for other in devices):
            table.problem("id", f'"{device.id}" is used twice; give each device its own id')
        if device.address and any(device.address == other.address for other in devices):
            table.problem("address", f"{device.address} is assigned twice; remove one device")
        devices.append(device)
    return tuple(devices)


def _device(table: Table, base: Path) -> DeviceConfig:
    address = table.text("address", "").upper()
    path = table.text("path", "")
    if address and not _ADDRESS.fullmatch(address):
        table.problem("address", f'"{address}" is no Bluetooth address; write C0:DE:00:00:00:01')
    check_where(table, [key for key in WHERE if table.has(key)])
    device = DeviceConfig(
        id=table.identifier("id"),
        model=table.text("model"),
        address=address or None,
        path=base / path if path else None,
        person=table.identifier("person", "") or None,
        enable=table.texts("enable", ()),
        key=_key(table, base),
        tell_serial=table.flag("tell_serial", default=False),
        place=read_place(table, base),
        labels=read_labels(table),
    )
    table.close()
    return device


def _key(table: Table, base: Path) -> bytes | None:
    """Read the file that holds a device's key: 32 hex digits."""
    name = table.text("key_file", "")
    if not name:
        return None
    try:
        key = bytes.fromhex((base / name).read_text(encoding="ascii").strip())
    except OSError as error:
        table.problem("key_file", f"{base / name} cannot be read ({error.strerror})")
    except ValueError:  # the text itself must not be shown
        table.problem("key_file", "must hold 32 hex digits and nothing else")
    else:
        if len(key) == KEY_BYTES:
            return key
        table.problem("key_file", "must hold 32 hex digits and nothing else")
    return None
