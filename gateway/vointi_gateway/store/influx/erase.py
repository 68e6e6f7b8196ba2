"""Erasing from InfluxDB: by device and time, and by pseudonym.

Points are gone from every answer at once. The server's files keep them until it compacts, and its
index of series keeps a pseudonym until it is built anew: see docs/operators/influxdb.md.
"""

from __future__ import annotations

from collections.abc import Iterable
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


def erase_span(client: InfluxClient, span: WornSpan, series: Iterable[Series]) -> ErasedRows:
    """Remove every frame that begins in the span, whole, and the minutes that it touches."""
    total = ErasedRows()
    for each in series:
        if each.measurement == WAVEFORM_POINTS:
            raw = _erase_runs(client, each, source(each), span)
            summed = _erase_runs(client, each, f'"{MAIN}"."{SUMMARY}"', span)
            total += ErasedRows(segments=max(raw, summed))
        else:
            total += ErasedRows(scalars=_erase_runs(client, each, source(each), span))
        begin_us = span.from_us // MINUTE_US * MINUTE_US
        end_us = -(-span.to_us // MINUTE_US) * MINUTE_US
        _delete(client, each, f'"{ROLLUP}"."{MINUTES}"', time_ns(begin_us), time_ns(end_us))
    return total


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


def _erase_runs(client: InfluxClient, series: Series, origin: str, span: WornSpan) -> int:
    """Remove the runs that begin in the span from one measurement; how many."""
    begin = _first_run(client, series, origin, time_ns(span.from_us), time_ns(span.to_us))
    if begin is None:
        return 0
    end = _first_run(client, series, origin, time_ns(span.to_us), MAX_NS)
    if end is None:
        end = time_ns(span.to_us + series.longest_us + SECOND_US)
    runs = _number(client.query(_select("count(seq)", series, origin, begin, end)), 1)
    _delete(client, series, origin, begin, end)
    left = _number(client.query(_select("count(seq)", series, origin, begin, end)), 1)
    if left:
        raise StoreError(f"InfluxDB still shows {left} readings that it was told to erase")
    return runs or 0


def _first_run(
    client: InfluxClient, series: Series, origin: str, from_ns: int, to_ns: int
) -> int | None:
    return _number(client.query(_select("first(seq)", series, origin, from_ns, to_ns)), 0)


def _number(tables: list[Any], column: int) -> int | None:
    return next((int(row[column]) for table in tables for row in table.rows), None)


def _select(what: str, series: Series, origin: str, from_ns: int, to_ns: int) -> str:
    return f"SELECT {what} FROM {origin} WHERE {_condition(series, from_ns, to_ns)}"  # noqa: S608


def _condition(series: Series, from_ns: int, to_ns: int) -> str:
    device, stream, metric = series.key
    return (
        f"\"device\" = '{device}' AND \"stream\" = '{stream}' AND \"metric\" = '{metric}' "
        f"AND time >= {max(from_ns, MIN_NS)} AND time < {to_ns}"
    )


def _delete(client: InfluxClient, series: Series, origin: str, from_ns: int, to_ns: int) -> None:
    """1.x erases from every policy at once and may not be told which one; 2.x has a bucket each."""
    policy, measurement = (part.strip('"') for part in origin.split("."))
    if client.capabilities.influxql_delete:
        condition = _condition(series, from_ns, to_ns)
        client.query(f'DELETE FROM "{measurement}" WHERE {condition}')  # noqa: S608
        return
    device, stream, metric = series.key
    bucket = bucket_name(client, policy)
    predicate = (
        f'_measurement="{measurement}" AND device="{device}" AND stream="{stream}" '
        f'AND metric="{metric}"'
    )
    client.delete(predicate, max(from_ns, 0), to_ns, bucket)
