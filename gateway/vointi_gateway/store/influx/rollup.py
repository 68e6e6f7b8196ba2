"""One-minute summaries, written an hour of a device at a time, again when something comes late.

A continuous query of the server would never see what an edge brings hours later.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from .admin import MAIN, ROLLUP
from .client import InfluxClient, Table
from .lines import MEASUREMENTS
from .runs import SUMMARY, Span

HOUR_US = 3_600_000_000
MINUTE_US = 60_000_000
MINUTES = "rollup_1m"
_TAGS = ("device", "metric", "pilot", "stream", "subject")
_BY = ", ".join(_TAGS)

DeviceHour = tuple[str, int]


def hours(spans: Iterable[Span]) -> set[DeviceHour]:
    """The hours of each device that the runs touch."""
    return {
        (span.device, hour)
        for span in spans
        for hour in range(span.first_us // HOUR_US, span.last_us // HOUR_US + 1)
    }


def summarise(
    client: InfluxClient, device: str, hour: int, kept: Mapping[tuple[str, str], int]
) -> None:
    """Write the minutes of one hour from what is stored of it. Raises StoreError.

    `kept`: (stream, metric) → UTC µs before which samples were removed: what comes late for such an
    hour would stand for all of it.
    """
    begin_ns = hour * HOUR_US * 1000
    condition = (
        f"WHERE \"device\" = '{device}' AND time >= {begin_ns} "
        f"AND time < {begin_ns + HOUR_US * 1000} GROUP BY time(1m), {_BY} fill(none)"
    )
    values = f'"{MAIN}"./^({"|".join(MEASUREMENTS)})$/'
    asked = (
        f"SELECT count(value), sum(value), min(value), max(value) FROM {values} {condition}",  # noqa: S608
        f'SELECT sum(n), sum(sum), min(min), max(max) FROM "{MAIN}"."{SUMMARY}" {condition}',  # noqa: S608
    )
    lines = [
        line
        for statement in asked
        for table in client.query(statement)
        if kept.get((table.tags["stream"], table.tags["metric"]), 0) <= hour * HOUR_US
        for line in _lines(table)
    ]
    if lines:
        client.write("\n".join(lines).encode(), ROLLUP)


def _lines(table: Table) -> Iterable[str]:
    tags = ",".join(f"{name}={table.tags[name]}" for name in _TAGS if table.tags.get(name))
    for time_ns, n, total, low, high in table.rows:
        if n:
            fields = f"n={n},sum={total!r},min={low!r},max={high!r}"
            yield f"{MINUTES},{tags} {fields},mean={total / n!r} {time_ns}"
