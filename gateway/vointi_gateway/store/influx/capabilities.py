"""What the InfluxDB at hand can do, read from what it says of itself."""

from __future__ import annotations

import re
from dataclasses import dataclass

_VERSION = re.compile(r"(\d+)\.(\d+)")


@dataclass(frozen=True, slots=True)
class Capabilities:
    """Differences between the servers that this backend speaks to.

    Args:
        version: as the server says it.
        v2_write: takes lines on ``/api/v2/write``; before 1.8 the same go to ``/write``.
        influxql_admin: makes databases and retention policies by InfluxQL; 2.x has buckets.
        influxql_delete: erases by InfluxQL, from every retention policy at once.
        v2_delete: erases by ``/api/v2/delete``.
        row_delete: can erase a person at all; InfluxDB 3 Core cannot.

    """

    version: str
    v2_write: bool
    influxql_admin: bool
    influxql_delete: bool
    v2_delete: bool
    row_delete: bool


def capabilities(version: str) -> Capabilities:
    """What a server of this version can do; ``X-Influxdb-Version`` of ``/ping``.

    Sources: storage.md, table "Dialects common to 1.8 / 2.x / 3 Core"; a server that does not say
    its version is taken for a 2.x, which some proxies hide.
    """
    found = _VERSION.search(version)
    major, minor = (int(found[1]), int(found[2])) if found else (2, 0)
    return Capabilities(
        version=version or "unknown",
        v2_write=(major, minor) >= (1, 8),
        influxql_admin=major == 1,
        influxql_delete=major == 1,
        v2_delete=major == 2,
        row_delete=major in (1, 2),
    )
