"""Databases and retention: three policies, made when the first reading is written."""

from __future__ import annotations

from ...errors import StoreError
from .client import InfluxClient

#: Raw waveforms: by far the most points, and the first to go.
WAVEFORM = "waveform"
#: One-minute summaries: few, kept for good.
ROLLUP = "rollup"
#: Everything else; the name that 1.x gives to the policy of a new database.
MAIN = "autogen"
_DAY_S = 86_400


def policies(client: InfluxClient) -> dict[str, int]:
    """Retention policy → days, 0 for ever."""
    keep = client.settings
    return {MAIN: keep.keep_days, WAVEFORM: keep.keep_waveform_days, ROLLUP: 0}


def bucket_name(client: InfluxClient, policy: str) -> str:
    """The bucket of 2.x that InfluxQL calls this policy of the database."""
    return client.database if policy == MAIN else f"{client.database}/{policy}"


def prepare(client: InfluxClient) -> None:
    """Make what is missing and set what differs. Raises StoreError."""
    if not client.capabilities.row_delete:
        raise StoreError(
            f"influx.url: InfluxDB {client.capabilities.version} cannot erase a person; "
            'use InfluxDB 2.x or 1.x, or store = "embedded"'
        )
    if client.capabilities.influxql_admin:
        _prepare_1(client)
    else:
        _prepare_2(client)


def drop(client: InfluxClient) -> None:
    """Remove the database with all that is in it. Raises StoreError."""
    if client.capabilities.influxql_admin:
        client.query(f'DROP DATABASE "{client.database}"')
        return
    for policy in policies(client):
        client.drop_bucket(bucket_name(client, policy))


def _prepare_1(client: InfluxClient) -> None:
    database = client.database
    client.query(f'CREATE DATABASE "{database}"')
    rows = [row for t in client.query(f'SHOW RETENTION POLICIES ON "{database}"') for row in t.rows]
    have = {row[0]: row[1] for row in rows}
    for name, days in policies(client).items():
        if name not in have:
            client.query(f"CREATE {_policy(client, name, days)} REPLICATION 1 {_shard(days)}")
        elif have[name] != _go_duration(days):
            client.query(f"ALTER {_policy(client, name, days)} {_shard(days)}")


def _policy(client: InfluxClient, name: str, days: int) -> str:
    length = f"{days}d" if days else "INF"
    return f'RETENTION POLICY "{name}" ON "{client.database}" DURATION {length}'


def _shard(days: int) -> str:
    """What is dropped is a whole shard, which must be shorter than what is kept."""
    hours = 168 if not days or days > 180 else 24 if days > 2 else 1
    return f"SHARD DURATION {hours}h"


def _go_duration(days: int) -> str:
    return f"{days * 24}h0m0s" if days else "0s"


def _prepare_2(client: InfluxClient) -> None:
    for name, days in policies(client).items():
        client.make_bucket(bucket_name(client, name), days * _DAY_S)
