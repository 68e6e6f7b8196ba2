"""Hours without a broker, then the way back over a slow line: what it takes and what is left."""

from __future__ import annotations

import http.client
import json
import threading
import time
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path

from fed_chain import Account, FedChain, fed_chain
from running_demo import wait_for

# 1 Mbit/s and 80 ms there and back: a poor home line, and transport.md's own.
LINE_BYTES_PER_S = 125_000.0
LINE_DELAY_S = 0.040
# Stamped by the edge when they arrive, so that now minus the stamp is the way to a page.
SPOT_STREAMS = ("hr", "spo2")
# The session's beginning: policy, births, watermarks of everything.
_SETTLING_S = 2.0
_DRAINED = 60


@dataclass
class Listener:
    """Hears the gateway's live stream and keeps how late each spot reading was, ms."""

    url: str
    heard: list[tuple[float, float]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._stopping = False
        self._thread.start()

    def close(self) -> None:
        self._stopping = True

    def late_ms(self, since_s: float, until_s: float) -> list[float]:
        """Sorted lateness of the readings made between two moments of UTC."""
        return sorted(late for made_s, late in self.heard if since_s <= made_s <= until_s)

    def _listen(self) -> None:
        while not self._stopping:
            try:
                with urllib.request.urlopen(self.url, timeout=30) as stream:
                    self._take(stream)
            except (OSError, http.client.HTTPException):
                time.sleep(0.2)

    def _take(self, stream: http.client.HTTPResponse) -> None:
        for line in stream:
            if self._stopping:
                return
            if line.startswith(b"data: ") and b'"stream"' in line:
                reading = json.loads(line[6:])
                if reading.get("stream") in SPOT_STREAMS:
                    made_s = reading["t_us"] / 1e6
                    self.heard.append((made_s, (time.time() - made_s) * 1e3))


@dataclass(frozen=True)
class Outage:
    """What was measured; rates in bytes a second."""

    hours: float
    filled_s: float
    backlog: int
    backlog_bytes: int
    drain_s: float
    drain_rate: float
    quiet_late_ms: list[float]
    late_ms: list[float]
    account: Account


def outage(folder: Path, hours: float, *, slow: bool = True) -> Outage:
    """One outage of `hours` in compressed time; the whole line is as slow as `slow` says."""
    line = {"bytes_per_s": LINE_BYTES_PER_S, "delay_s": LINE_DELAY_S} if slow else {}
    with fed_chain(folder, hours, **line) as chain:
        chain.wait_drained(timeout_s=60)
        chain.link.cut()
        chain.order("fill")
        filled_s = chain.hear("filled_s")
        backlog, size = chain.pending(), _kept_bytes(chain)
        page = chain.layout.ports.page
        listener = Listener(f"http://127.0.0.1:{page}/api/v1/live?pilot=demo-home")
        drained = _drain(chain, _SETTLING_S if slow else 0.0)
        time.sleep(12.0 if slow else 0.0)  # the same line without a backlog, to compare with
        quiet = listener.late_ms(drained.until_s + 2.0, time.time() - 1.0)
        chain.order("quiet")
        assert chain.hear("quiet")
        chain.wait_drained()
        listener.close()
        return Outage(
            hours, filled_s, backlog, size, drained.seconds, drained.rate, quiet,
            listener.late_ms(drained.since_s, drained.until_s), chain.account(),
        )  # fmt: skip


@dataclass(frozen=True)
class _Drained:
    seconds: float
    rate: float
    since_s: float
    until_s: float


def _drain(chain: FedChain, settling_s: float) -> _Drained:
    """Mend the line and wait until the backlog is through; measured `settling_s` after the join."""
    link = chain.link
    link.mend()
    wait_for(lambda: link.joined_s, 120, "the edge comes back", 0.05)
    time.sleep(settling_s)
    began_s, since_s, carried = link.now_s(), time.time(), link.up_bytes
    chain.wait_drained(_DRAINED, timeout_s=3600)
    seconds = link.now_s() - began_s
    return _Drained(seconds, (link.up_bytes - carried) / seconds, since_s, time.time())


def _kept_bytes(chain: FedChain) -> int:
    return sum(file.stat().st_size for file in chain.outbox.parent.glob("outbox.db*"))
