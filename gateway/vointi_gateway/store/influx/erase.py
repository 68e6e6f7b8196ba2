"""Erasing from InfluxDB: by device and time, and by pseudonym.

Points are gone from every answer at once. The server's files keep them until it compacts, and its
index of series keeps a pseudonym until it is built anew: see docs/operators/influxdb.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ...errors import StoreError
from ..model import ErasedRows, WornSpan
from .admin import MAIN, ROLLUP, bucket_name, policies
from .catalogue import Series
from .client import InfluxClient
from .reading import source, time_ns
from .rollup import MINUTE_US, MINUTES
from .runs import MAX_NS, MIN_NS, SECOND_US, SUMMARY
from .runs import WAVEFORM as WAVEFORM_POINTS

Tags = Mapping[str, str]
SECONDS = f'"{MAIN}"."{SUMMARY}"'
ROLLUPS = f'"{ROLLUP}"."{MINUTES}"'


def erase_span(client: InfluxClient, span: WornSpan, series: Iterable[Series]) -> ErasedRows:
    """Remove every frame that begins in the span, whole, and the minutes that it touches."""
    total = ErasedRows()
    ends = (time_ns(span.from_us), time_ns(span.to_us))
    for each in series:
        tags = tags_of(each)
        if each.measurement == WAVEFORM_POINTS:
            raw = erase_runs(client, tags, source(each), ends, each.longest_us)
            summed = erase_runs(client, tags, SECONDS, ends, each.longest_us)
            total += ErasedRows(segments=max(raw, summed))
        else:
            runs = erase_runs(client, tags, source(each), ends, each.longest_us)
            total += ErasedRows(scalars=runs)
        begin_us = span.from_us // MINUTE_US * MINUTE_US
        end_us = -(-span.to_us // MINUTE_US) * MINUTE_US
        delete(client, tags, ROLLUPS, time_ns(begin_us), time_ns(end_us))
    return total


def tags_of(series: Series) -> Tags:
    """The tags that all points of a series have in common."""
    return {"device": series.device, "stream": series.stream, "metric": series.metric}


def erase_person(client: InfluxClient, person: str, buckets: Iterable[str] = ()) -> None:
    """Remove every point of a pseudonym, from these buckets of a 2.x. Raises StoreError."""
    if client.capabilities.influxql_delete:
        client.query(f"DELETE WHERE \"subject\" = '{person}'")
        return
    for bucket in buckets or buckets_of(client):
        client.delete(f'subject="{person}"', 0, MAX_NS, bucket)


def buckets_of(client: InfluxClient) -> list[str]:
    """Every bucket that the store has on a 2.x."""
    return [bucket_name(client, policy) for policy in policies(client)]


def erase_runs(
    client: InfluxClient, tags: Tags, origin: str, ends: tuple[int, int], longest_us: int = 0
) -> int:
    """Remove the runs that begin in the span from one measurement; how many. Raises StoreError."""
    from_ns, to_ns = ends
    begin = _first_run(client, tags, origin, from_ns, to_ns)
    if begin is None:
        return 0
    end = _first_run(client, tags, origin, to_ns, MAX_NS)
    if end is None:
        end = min(to_ns + (longest_us + SECOND_US) * 1000, MAX_NS)
    runs = _number(client.query(_select("count(seq)", tags, origin, begin, end)), 1)
    delete(client, tags, origin, begin, end)
    left = _number(client.query(_select("count(seq)", tags, origin, begin, end)), 1)
    if left:
        raise StoreError(f"InfluxDB still shows {left} readings that it was told to erase")
    return runs or 0


def _first_run(
    client: InfluxClient, tags: Tags, origin: str, from_ns: int, to_ns: int
) -> int | None:
    return _number(client.query(_select("first(seq)", tags, origin, from_ns, to_ns)), 0)


def _number(tables: list[Any], column: int) -> int | None:
    return next((int(row[column]) for table in tables for row in table.rows), None)


def _select(what: str, tags: Tags, origin: str, from_ns: int, to_ns: int) -> str:
    return f"SELECT {what} FROM {origin} WHERE {condition(tags, from_ns, to_ns)}"  # noqa: S608


def condition(tags: Tags, from_ns: int, to_ns: int) -> str:
    """InfluxQL for the points of these tags in a half-open span."""
    same = "".join(f"\"{name}\" = '{value}' AND " for name, value in tags.items())
    return f"{same}time >= {max(from_ns, MIN_NS)} AND time < {to_ns}"


def delete(client: InfluxClient, tags: Tags, origin: str, from_ns: int, to_ns: int) -> None:
    """Remove points of one policy and measurement. Raises StoreError.

    1.x erases from every policy at once and may not be told which one; 2.x has a bucket each.
    """
    policy, measurement = (part.strip('"') for part in origin.split("."))
    if client.capabilities.influxql_delete:
        where = condition(tags, from_ns, to_ns)
        client.query(f'DELETE FROM "{measurement}" WHERE {where}')  # noqa: S608
        return
    predicate = " AND ".join(
        (f'_measurement="{measurement}"', *(f'{name}="{value}"' for name, value in tags.items()))
    )
    client.delete(predicate, max(from_ns, 0), to_ns, bucket_name(client, policy))
