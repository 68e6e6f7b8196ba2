"""SIGKILL, again and again, while an edge sends: nothing is lost, nothing is there twice."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from gateway_kit import (
    DEVICE,
    EDGE,
    gateway_toml,
    running_broker,
    running_gateway,
)
from outbox_kit import Outbox
from vointi_gateway.store.embedded import EmbeddedStore
from vointi_gateway.store.model import SeriesQuery

pytestmark = [pytest.mark.network, pytest.mark.slow, pytest.mark.timeout(300)]

KILLS = 3


@pytest.mark.parametrize("kind", ["mosquitto", "embedded"])
def test_gateway_killed_under_load(tmp_path: Path, kind: str) -> None:
    with running_broker(tmp_path, kind) as broker:
        config = gateway_toml(tmp_path, broker.port)
        outbox = Outbox(broker.port)
        outbox.start()
        try:
            for round_ in range(KILLS):
                with running_gateway(tmp_path, config) as gateway:
                    gateway.connected()
                    time.sleep(0.4 + 0.37 * round_)
                    gateway.kill()
            with running_gateway(tmp_path, config) as gateway:
                gateway.connected()
                outbox.finish()
                counts = gateway.counts()
                gateway.terminate()
        finally:
            outbox.abort()
    assert outbox.sent > 100
    assert counts["stored"] == outbox.sent
    assert counts["quarantined"] == counts["lost"] == 0
    _assert_each_once(tmp_path, outbox)


def test_broker_killed_under_load(tmp_path: Path) -> None:
    """The same broker port comes back empty-handed: the outbox is the record, not the broker."""
    with running_broker(tmp_path / "b", "mosquitto") as broker:
        port = broker.port
        config = gateway_toml(tmp_path, port)
        with running_gateway(tmp_path, config) as gateway:
            gateway.connected()
            outbox = Outbox(port)
            outbox.start()
            try:
                for _ in range(2):
                    time.sleep(0.7)
                    broker.kill()
                    time.sleep(0.2)
                    broker.command[broker.command.index("--port") + 1] = str(port)
                    broker.start()
                    gateway.connected()
                outbox.finish()
                counts = gateway.counts()
                gateway.terminate()
            finally:
                outbox.abort()
    assert counts["stored"] == outbox.sent
    assert counts["quarantined"] == counts["lost"] == 0
    _assert_each_once(tmp_path, outbox)


def _assert_each_once(folder: Path, outbox: Outbox) -> None:
    store = EmbeddedStore(folder / "store" / "vointi.duckdb")
    store.open()
    query = SeriesQuery(f"{EDGE}.{DEVICE}", "heart_rate", 0, 2**53)
    seqs = sorted(store.samples(query).seq.tolist())
    store.close()
    assert seqs == list(range(1, outbox.sent + 1))
