"""An edge that keeps each reading until a watermark covers it, and sends it again until then."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from gateway_kit import DEVICE, EDGE, PILOT, EdgeClient, hr_frame, payload, random_boot, wait_for

RATE_HZ = 100
#: Readings that may wait: a gateway that starts slowly should not make the test long.
WINDOW = 300
AGAIN_S = 2.0


class Outbox(threading.Thread):
    """Sends readings until stopped, and each again until a watermark covers it."""

    def __init__(self, port: int, edge: str = EDGE, pilot: str = PILOT) -> None:
        super().__init__(name=f"outbox {edge}", daemon=True)
        self.boot = random_boot()
        self.sent = 0
        self.edge = EdgeClient(port, edge, pilot)
        self._pending: dict[int, float] = {}
        self._made_all = threading.Event()
        self._stop_now = threading.Event()

    def run(self) -> None:
        with self.edge:
            while not self._stop_now.is_set():
                self._forget()
                if not self._made_all.is_set() and self.pending < WINDOW:
                    self.sent += 1
                    self._pending[self.sent] = 0.0
                self._send_due()
                time.sleep(1 / RATE_HZ)

    def _forget(self) -> None:
        mark = self.edge.marks.get((DEVICE, self.boot))
        if mark is not None:
            self._pending = {s: t for s, t in self._pending.items() if not mark.covers(s)}

    def _send_due(self) -> None:
        now = time.monotonic()
        for seq, last in list(self._pending.items()):
            if now - last > AGAIN_S:
                topics = self.edge.topics
                topic = topics.backlog(DEVICE) if last else topics.live(DEVICE)
                self._pending[seq] = now
                frame = hr_frame(seq, boot=self.boot, wall_us=time.time_ns() // 1000)
                self.edge.client.publish(topic, payload(frame), qos=1)

    @property
    def pending(self) -> int:
        return len(self._pending)

    @property
    def settled(self) -> int:
        return self.sent - self.pending

    def finish(self, timeout_s: float = 60.0) -> None:
        """Make no more, and end when everything is durable."""
        self._made_all.set()
        wait_for(lambda: self.pending == 0, timeout_s)
        self.abort()

    def abort(self) -> None:
        self._stop_now.set()
        self.join()


@contextmanager
def sending(*outboxes: Outbox) -> Iterator[None]:
    """They send; at the end of the block they stop, whatever happened."""
    for outbox in outboxes:
        outbox.start()
    try:
        yield
    finally:
        for outbox in outboxes:
            outbox.abort()
