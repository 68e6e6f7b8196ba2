"""What may be wrong with InfluxDB, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterator

from ...errors import StoreError
from ...settings import InfluxSettings
from .client import InfluxClient

#: 1.x refuses new series beyond this (max-series-per-database); half of it is time to act.
_SERIES = 1_000_000

#: What was looked at, whether it is well, and what to do if not.
Said = tuple[str, bool, str]


def examine(settings: InfluxSettings) -> Iterator[Said]:
    """Every check, one after the other."""
    client = InfluxClient(settings)
    client.open()
    try:
        yield from _examine(client)
    except StoreError as exc:
        yield ("influxdb", False, f"{exc}; readings wait at the edges until it does")
    finally:
        client.close()


def _examine(client: InfluxClient) -> Iterator[Said]:
    can = client.capabilities
    yield ("influxdb", True, f"version {can.version} answers")
    if not can.row_delete:
        yield ("influxdb erasure", False, "cannot erase a person; use InfluxDB 2.x or 1.x")
    if not _exists(client):
        yield ("influxdb database", True, f"{client.database} is made with the first reading")
        return
    if not can.influxql_admin:
        yield ("influxdb database", True, f"{client.database} is there")
        return
    counted = client.query(f'SHOW SERIES CARDINALITY ON "{client.database}"')
    series = sum(int(row[0]) for table in counted for row in table.rows)
    say = f"{series} series of at most {_SERIES}"
    fine = series < _SERIES // 2
    yield ("influxdb series", fine, say if fine else f"{say}; raise max-series-per-database")


def _exists(client: InfluxClient) -> bool:
    if not client.capabilities.influxql_admin:
        return client.has_bucket(client.database)
    rows = [row for table in client.query("SHOW DATABASES") for row in table.rows]
    return [client.database] in rows
