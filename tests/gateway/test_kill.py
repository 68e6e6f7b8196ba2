"""SIGKILL, again and again, while an edge sends: nothing is lost, nothing is there twice."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest
from gateway_kit import (
    DEVICE,
    EDGE,
    EdgeClient,
    gateway_toml,
    hr_frame,
    payload,
    random_boot,
    running_broker,
    running_gateway,
    wait_for,
)
from vointi_gateway.store.embedded import EmbeddedStore
from vointi_gateway.store.model import SeriesQuery

pytestmark = [pytest.mark.network, pytest.mark.slow, pytest.mark.timeout(300)]

KILLS = 3
RATE_HZ = 100
#: Readings that may wait: a gateway that starts slowly should not make the test long.
WINDOW = 300


class Outbox(threading.Thread):
    """Sends readings until stopped, and each again until a watermark covers it."""

    def __init__(self, port: int) -> None:
        super().__init__(name="outbox")
        self.boot = random_boot()
        self.sent = 0
        self._edge = EdgeClient(port)
        self._pending: dict[int, float] = {}
        self._made_all = threading.Event()
        self._stop_now = threading.Event()

    def run(self) -> None:
        with self._edge:
            while not self._stop_now.is_set():
                self._forget()
                if not self._made_all.is_set() and self.pending < WINDOW:
                    self.sent += 1
                    self._pending[self.sent] = 0.0
                self._send_due()
                time.sleep(1 / RATE_HZ)

    def _forget(self) -> None:
        mark = self._edge.marks.get((DEVICE, self.boot))
        if mark is not None:
            self._pending = {s: t for s, t in self._pending.items() if not mark.covers(s)}

    def _send_due(self) -> None:
        now = time.monotonic()
        for seq, last in list(self._pending.items()):
            if now - last > 2.0:
                self._pending[seq] = now
                frame = hr_frame(seq, boot=self.boot, wall_us=time.time_ns() // 1000)
                topic = self._edge.topics.live(DEVICE)
                self._edge.client.publish(topic, payload(frame), qos=1)

    @property
    def pending(self) -> int:
        return len(self._pending)

    def finish(self) -> None:
        """Make no more, and end when everything is durable."""
        self._made_all.set()
        wait_for(lambda: self.pending == 0, timeout_s=60)
        self._stop_now.set()
        self.join()

    def abort(self) -> None:
        self._stop_now.set()
        self.join()


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
