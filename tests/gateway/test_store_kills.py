"""The store stopped, slowed and killed, the gateway killed: nothing is lost or there twice.

The same, a hundred times over and with both stores: `python -m benchmarks --only kills_gateway`.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from store_kills import kills

pytestmark = [pytest.mark.network, pytest.mark.slow, pytest.mark.timeout(600)]
pytest.importorskip("influxdb_client")


def test_influxdb_and_gateway_in_trouble_under_load(tmp_path: Path) -> None:
    found = kills(tmp_path, "influx", {"gateway": 2, "stop": 1, "kill": 1})
    assert found.sent > 100
    assert (found.missing, found.twice) == (0, 0)
    assert found.counts["stored"] == found.sent
    assert found.counts["quarantined"] == found.counts["lost"] == 0
