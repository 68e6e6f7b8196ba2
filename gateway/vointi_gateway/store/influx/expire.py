"""Removing what a pilot keeps no longer; InfluxDB's own policies are one for all pilots.

Of a reading that reaches over the limit the younger samples stay for the windows, till the next
night; it is no longer found as a reading. Summaries by the minute stay until their own limit.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from sqlite3 import Connection

from vointi_contract.codec import decode
from vointi_contract.metrics import Kind, by_code, by_name

from ...errors import StoreError
from ..model import Expired, Limit
from .admin import MAIN, WAVEFORM
from .catalogue import Key, Series
from .client import InfluxClient
from .erase import ROLLUPS, SECONDS, Tags, condition, delete
from .lines import MEASUREMENTS
from .reading import time_ns
from .runs import MIN_NS
from .runs import WAVEFORM as WAVEFORM_POINTS

_LOOSE = f'"{MAIN}"./^({"|".join(MEASUREMENTS)})$/'
_ORIGINS = {
    Kind.WAVEFORM: (f'"{WAVEFORM}"."{WAVEFORM_POINTS}"', SECONDS),
    Kind.SCALAR: (_LOOSE,),
    Kind.EVENT: (_LOOSE,),
}
_BY = "device, stream, metric"


@dataclass(slots=True)
class Gone:
    """Readings of each class, and the series that lost something with the limit they lost it by."""

    rows: dict[Kind, int] = field(default_factory=lambda: dict.fromkeys(Kind, 0))
    summaries: int = 0
    series: dict[Key, int] = field(default_factory=dict)

    def expired(self, quarantined: int) -> Expired:
        """As the port tells it."""
        waveform, scalar, event = (
            self.rows[kind] for kind in (Kind.WAVEFORM, Kind.SCALAR, Kind.EVENT)
        )
        return Expired(waveform, scalar, event, self.summaries, quarantined)


def expire_points(client: InfluxClient, limit: Limit) -> Gone:
    """Remove from InfluxDB. Raises StoreError: what was removed by then stays removed."""
    gone = Gone()
    for kind in Kind:
        _points(client, limit, kind, gone)
    _minutes(client, limit, gone)
    return gone


def _points(client: InfluxClient, limit: Limit, kind: Kind, gone: Gone) -> None:
    """Metric by metric of a class, from every measurement that has some of it."""
    limit_us = limits_of(limit)[kind]
    readings: dict[str, int] = {}
    for origin in _ORIGINS[kind]:
        found = [
            (measurement, key)
            for measurement, key in _older(client, origin, limit.pilot, limit_us)
            if by_name(key[2]).kind is kind
        ]
        gone.series |= {key: limit_us for _, key in found}
        policy = origin.split(".")[0]
        for measurement, metric in sorted({(measurement, key[2]) for measurement, key in found}):
            tags = {"pilot": limit.pilot, "metric": metric}
            runs = _cut(client, tags, f'{policy}."{measurement}"', time_ns(limit_us))
            # A waveform's seconds and its samples are of the same readings.
            readings[metric] = max(readings.get(metric, 0), runs)
    gone.rows[kind] += sum(readings.values())


def _cut(client: InfluxClient, tags: Tags, origin: str, limit_ns: int) -> int:
    """Remove all points before; how many readings began there. Raises StoreError."""
    where = condition(tags, MIN_NS, limit_ns)
    asked = f"SELECT count(seq) FROM {origin} WHERE {where}"  # noqa: S608
    runs = sum(int(row[1]) for table in client.query(asked) for row in table.rows)
    delete(client, tags, origin, MIN_NS, limit_ns)
    if any(table.rows for table in client.query(asked)):
        raise StoreError("InfluxDB still shows readings that it was told to remove")
    return runs


def _older(
    client: InfluxClient, origin: str, pilot: str, limit_us: int
) -> Iterator[tuple[str, Key]]:
    """Measurement and series of what began before."""
    where = condition({"pilot": pilot}, MIN_NS, time_ns(limit_us))
    asked = f"SELECT first(seq) FROM {origin} WHERE {where} GROUP BY {_BY}"  # noqa: S608
    for table in client.query(asked):
        device, stream, metric = (table.tags[name] for name in ("device", "stream", "metric"))
        yield table.name, (device, stream, metric)


def _minutes(client: InfluxClient, limit: Limit, gone: Gone) -> None:
    tags, ends = {"pilot": limit.pilot}, (MIN_NS, time_ns(limit.summary_us))
    where = condition(tags, *ends)
    tables = client.query(f"SELECT count(n) FROM {ROLLUPS} WHERE {where}")  # noqa: S608
    gone.summaries = sum(int(row[1]) for table in tables for row in table.rows)
    if gone.summaries:
        delete(client, tags, ROLLUPS, *ends)


def expire_rows(con: Connection, limit: Limit, gone: Gone) -> int:
    """Remove from the ledger what waits for a time, and quarantine; how many of the latter.

    What waits ages from when it came.
    """
    rows = con.execute(
        "SELECT rowid, received_us, frame FROM waiting WHERE pilot = ?", (limit.pilot,)
    ).fetchall()
    limits = limits_of(limit)
    for row, received_us, payload in rows:
        (frame,) = decode(payload).frames
        kinds = [(by_code(c.metric).kind, len(c.values)) for c in frame.channels]
        if any(received_us < limits[kind] for kind, _ in kinds):
            con.execute("DELETE FROM waiting WHERE rowid = ?", (row,))
            for kind, n in kinds:
                gone.rows[kind] += 1 if kind is Kind.WAVEFORM and frame.rate_hz > 0 else n
    dropped = 0
    for edge in limit.edges:
        sql = "DELETE FROM quarantine WHERE received_us < ? AND edge = ?"
        dropped += con.execute(sql, (limit.scalar_us, edge)).rowcount
    return dropped


def limits_of(limit: Limit) -> dict[Kind, int]:
    """Class → UTC µs before which it goes."""
    return {
        Kind.WAVEFORM: limit.waveform_us,
        Kind.SCALAR: limit.scalar_us,
        Kind.EVENT: limit.event_us,
    }


def marked(series: Series, limit_us: int) -> Series:
    """A series of which only minutes are left before the limit."""
    return replace(series, kept_us=max(series.kept_us, limit_us))
