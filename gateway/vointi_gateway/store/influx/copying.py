"""Every point as a line in a file, and back: what a backup has of InfluxDB.

One gzip file of line protocol for each retention policy, times in ns.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from ...errors import StoreError
from .admin import MAIN, ROLLUP, WAVEFORM, drop, prepare
from .client import InfluxClient, Table
from .erase import condition
from .lines import MEASUREMENTS
from .rollup import MINUTES
from .runs import MAX_NS, MIN_NS, SUMMARY
from .runs import WAVEFORM as WAVEFORM_POINTS
from .sending import BODY_BYTES, Sender

#: Below the folder of a backup.
FOLDER = "influx"
_HOUR_NS = 3_600_000_000_000
_POLICIES = (MAIN, WAVEFORM, ROLLUP)
#: Policy → its measurements, a field that each of their points has, and how much of a device is
#: asked for at a time: an hour of ECG at 130 Hz is half a million points, 40 MB as JSON.
_PARTS = (
    *((MAIN, name, "value", 24 * _HOUR_NS) for name in MEASUREMENTS),
    (MAIN, SUMMARY, "mean", 24 * _HOUR_NS),
    (WAVEFORM, WAVEFORM_POINTS, "value", _HOUR_NS),
    (ROLLUP, MINUTES, "n", 30 * 24 * _HOUR_NS),
)
#: Fields that are whole numbers in InfluxDB; every other one is a float, however it looks in JSON.
_WHOLE = {"seq", "boot", "mono_us", "uncertainty_us", "dev_ts_ns"}
#: Requests of one parcel: what of a file is in memory at a time.
_BODIES = 16


def save(client: InfluxClient, folder: Path) -> int:
    """Write every point below `folder`; how many. Raises StoreError.

    What is written meanwhile may be in it or not.
    """
    target = folder / FOLDER
    target.mkdir(parents=True, mode=0o700)
    n: int = 0
    for policy in _POLICIES:
        with gzip.open(_file(target, policy), "wb", compresslevel=1) as file:
            for part in _PARTS:
                if part[0] == policy:
                    n += sum(rows for rows in _copied(client, part, file))
    return n


def load(client: InfluxClient, folder: Path) -> int:
    """Write all that was saved into the database, which must be empty; how many points.

    Raises StoreError.
    """
    source = folder / FOLDER
    if not source.is_dir():
        fix = "restore InfluxDB's own backup, and set influx.backup_values = false"
        raise StoreError(f"{FOLDER}: this backup has no values of an InfluxDB; {fix}")
    prepare(client)
    if count(client):
        fix = "name a bucket that is new, or drop this one"
        raise StoreError(f"influx.bucket: {client.database} has readings; {fix}")
    sender = Sender(client)
    try:
        return sum(_sent(sender, _file(source, policy), policy) for policy in _POLICIES)
    finally:
        sender.close()


def rehearse(client: InfluxClient, folder: Path) -> int:
    """Load into the database and drop it again: whether all came, and how many points.

    Raises StoreError.
    """
    try:
        n = load(client, folder)
        found = count(client)
    finally:
        drop(client)
    if found != n:
        raise StoreError(f"{FOLDER}: of {n} points {found} are there; make a new backup")
    return n


def count(client: InfluxClient) -> int:
    """Points in the database. Raises StoreError."""
    asked = (f'SELECT count({f}) FROM "{p}"."{m}"' for p, m, f, _ in _PARTS)  # noqa: S608
    tables = (table for statement in asked for table in client.query(statement))
    return sum(int(row[1]) for table in tables for row in table.rows)


def _file(folder: Path, policy: str) -> Path:
    return folder / f"{policy}.lp.gz"


def _copied(
    client: InfluxClient, part: tuple[str, str, str, int], file: gzip.GzipFile
) -> Iterator[int]:
    policy, measurement, field, step_ns = part
    origin = f'"{policy}"."{measurement}"'
    begun = f"SELECT first({field}) FROM {origin} GROUP BY device"  # noqa: S608
    for device in client.query(begun):
        tags = {"device": device.tags["device"]}
        end_ns = MIN_NS
        while (at_ns := _first(client, origin, field, tags, end_ns)) is not None:
            end_ns = at_ns + step_ns
            where = condition(tags, at_ns, end_ns)
            asked = f"SELECT * FROM {origin} WHERE {where} GROUP BY *"  # noqa: S608
            for table in client.query(asked):
                file.write(_lines(table))
                yield len(table.rows)


def _first(
    client: InfluxClient, origin: str, field: str, tags: dict[str, str], from_ns: int
) -> int | None:
    where = condition(tags, from_ns, MAX_NS)
    tables = client.query(f"SELECT first({field}) FROM {origin} WHERE {where}")  # noqa: S608
    return next((int(row[0]) for table in tables for row in table.rows), None)


def _lines(table: Table) -> bytes:
    tags = "".join(f",{name}={value}" for name, value in sorted(table.tags.items()) if value)
    head = f"{table.name}{tags} "
    names = [(f"{name}=", "i" if name in _WHOLE else "") for name in table.columns[1:]]
    lines = []
    for time_ns, *values in table.rows:
        fields = ",".join(
            f"{name}{value!r}{suffix}"
            for (name, suffix), value in zip(names, values, strict=True)
            if value is not None
        )
        lines.append(f"{head}{fields} {time_ns}\n")
    return "".join(lines).encode()


def _sent(sender: Sender, path: Path, policy: str) -> int:
    n = 0
    with gzip.open(path, "rb") as file:
        pieces = iter(lambda: file.read(BODY_BYTES) + file.readline(), b"")
        while True:
            with sender.parcel() as parcel:
                bodies = list(islice(pieces, _BODIES))
                for body in bodies:
                    parcel.send(body, "" if policy == MAIN else policy)
            n += sum(body.count(b"\n") for body in bodies)
            if len(bodies) < _BODIES:
                return n
