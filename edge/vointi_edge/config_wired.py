"""The keys of edge.toml for wired devices: where each is, and what all of them share."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from vointi_contract.status import MAX_LABELS

from vointi_edge.tables import Table

IIO_ROOT = Path("/sys/bus/iio/devices")
# One of these keys says where a device is, and by that how it is reached.
WHERE = ("address", "path", "iio", "gpio", "url", "topic")
# The uAPI takes 64 lines in a request; no chip of a Pi has an offset above this.
_MAX_OFFSET = 1023
# Cameras stand in the local network: a plain host name or address, no user name within.
_URL = re.compile(r"https?://[A-Za-z0-9._-]+(:\d{1,5})?|https?://\[[0-9a-fA-F:]+\](:\d{1,5})?")
_TOPIC = re.compile(r"[^+#\0]{1,200}")
_BUS = re.compile(r"[A-Za-z0-9._:-]{1,64}")
_LABEL_LETTERS = 40  # what a bar of the page can show in one line


@dataclass(frozen=True, slots=True)
class Place:
    """Where a wired device is; what does not concern its transport stays empty.

    `iio` is "any" (the first sensor of the model), the kernel's name of its bus address
    ("1-0062") or its label. `gpio` is the chip, `lines` its offsets by the decoder's names.
    `url` is scheme and host. `topic` is the device's own topic at the local broker.
    """

    iio: str | None = None
    gpio: Path | None = None
    lines: Mapping[str, int] = field(default_factory=dict)
    url: str | None = None
    username: str | None = None
    password_file: Path | None = None
    topic: str | None = None


@dataclass(frozen=True, slots=True)
class LocalMqtt:
    """The broker of the house's own sensors; it is not the one of the uplink."""

    host: str
    port: int
    username: str | None
    password_file: Path | None


@dataclass(frozen=True, slots=True)
class WiredConfig:
    """What wired sources share."""

    iio_root: Path = IIO_ROOT
    local_mqtt: LocalMqtt | None = None


def read_wired(table: Table, base: Path) -> WiredConfig:
    """Read [iio] and [local_mqtt]."""
    iio = table.table("iio", optional=True)
    root = base / iio.text("root", str(IIO_ROOT))
    iio.close()
    return WiredConfig(root, _local_mqtt(table, base) if table.has("local_mqtt") else None)


def _local_mqtt(table: Table, base: Path) -> LocalMqtt:
    local = table.table("local_mqtt")
    broker = LocalMqtt(
        host=local.text("host", "127.0.0.1"),
        port=local.whole("port", 1883, low=1, high=65_535),
        username=local.text("username", "") or None,
        password_file=_secret(local, base),
    )
    local.close()
    return broker


def read_place(table: Table, base: Path) -> Place:
    """Read the keys of one [[device]] that wired devices have."""
    gpio = table.text("gpio", "")
    place = Place(
        iio=_matching(table, "iio", _BUS, 'write "any" or a bus address such as "1-0062"'),
        gpio=base / gpio if gpio else None,
        lines=_lines(table) if gpio else {},
        url=_matching(table, "url", _URL, "write http://host or https://host"),
        topic=_matching(table, "topic", _TOPIC, "must be 1 to 200 letters without + and #"),
        username=table.text("username", "") or None if table.has("url") else None,
        password_file=_secret(table, base) if table.has("url") else None,
    )
    if (place.username is None) != (place.password_file is None):
        table.problem("username", "give username and password_file, or neither")
    return place


def read_labels(table: Table) -> tuple[str, ...]:
    """Read what the pilot calls the device's buttons."""
    labels = table.texts("labels", ())
    if len(labels) > MAX_LABELS:
        table.problem("labels", f"names at most {MAX_LABELS} buttons, not {len(labels)}")
    for label in labels:
        if not (label.strip() and label.isprintable() and len(label) <= _LABEL_LETTERS):
            table.problem("labels", f"each must have 1 to {_LABEL_LETTERS} printable letters")
            return ()
    return labels[:MAX_LABELS]


def check_where(table: Table, given: Sequence[str]) -> None:
    """Note when a device is at no place or at several."""
    if len(given) != 1:
        table.problem(
            "address",
            "give either address (Bluetooth) or path (serial line), iio, gpio, url or topic"
            + (f", not {' and '.join(given)}" if given else ""),
        )


def _lines(table: Table) -> dict[str, int]:
    lines = table.table("lines", optional=True)
    offsets = {name: lines.whole(name, high=_MAX_OFFSET) for name in lines.names()}
    for name, offset in offsets.items():
        if list(offsets.values()).count(offset) > 1:
            lines.problem(name, f"{offset} is used twice; give each line its own offset")
    lines.close()
    return offsets


def _matching(table: Table, key: str, pattern: re.Pattern[str], fix: str) -> str | None:
    value = table.text(key, "")
    if value and not pattern.fullmatch(value):
        table.problem(key, f'"{value}" is wrong; {fix}')
    return value or None


def _secret(table: Table, base: Path) -> Path | None:
    name = table.text("password_file", "")
    return base / name if name else None
