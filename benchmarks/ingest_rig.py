"""The gateway's own writer and store with neither broker nor pages: what ingest itself costs."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from vointi_contract.command import CommandResult
from vointi_contract.status import Birth
from vointi_gateway.fleet import Fleet
from vointi_gateway.ingest.inbox import Inbox, Lane
from vointi_gateway.ingest.stage import Delivery
from vointi_gateway.ingest.writer import Writer
from vointi_gateway.live import LiveHub
from vointi_gateway.pilots.consent.state import FOREVER, ConsentState, Status
from vointi_gateway.pilots.gate import Gate, Loan, Rules
from vointi_gateway.settings import IngestSettings, PilotSettings
from vointi_gateway.store.embedded import EmbeddedStore

from benchmarks.strap_payloads import PILOT, T0_US, Sent, Strap

NOW_US = T0_US + 3_600_000_000


def agreed(straps: Sequence[Strap]) -> Gate:
    """Every strap is lent to a person who agreed to two purposes."""
    loans, consents = {}, {}
    given = ConsentState(Status.GIVEN, ((T0_US - 1, FOREVER),))
    for strap in straps:
        device, person = f"{strap.edge}.{strap.device}", f"p-{strap.seed:04x}"
        loans[device] = (Loan(device, PILOT, person, T0_US - 1),)
        consents[PILOT, person] = {"care": given, "research": given}
    collected = frozenset({"ecg", "acc_x", "acc_y", "acc_z", "heart_rate", "rr_interval"})
    return Gate({PILOT: Rules({"care": collected, "research": collected})}, loans, consents)


class Agreements:
    """What the writer asks of the registry."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    def gate(self) -> Gate:
        return self._gate

    def born(self, birth: Birth) -> None:
        """Nobody is born here."""

    def announced(self, edge: str) -> None:
        """Nobody comes up here."""

    def answered(self, result: CommandResult) -> None:
        """Nobody answers here."""


class Session:
    """Counts what is acknowledged, and says when everything was."""

    def __init__(self, expected: int) -> None:
        self._left = expected
        self.done = threading.Event()

    def ack(self, deliveries: Sequence[Delivery]) -> None:
        self._left -= len(deliveries)
        if not self._left:
            self.done.set()

    def publish(self, topic: str, payload: bytes) -> bool:
        return True

    def take_fresh(self) -> bool:
        return False


@dataclass(frozen=True, slots=True)
class Run:
    """One measured run of the whole of ingest."""

    values: int
    frames: int
    cpu_s: float
    wall_s: float


def drain(path: Path, straps: Sequence[Strap], sent: Sequence[Sent]) -> Run:
    """Let a writer take everything that waits and commit it; ends when the last is acknowledged.

    Raises RuntimeError when not every frame was stored.
    """
    inbox = Inbox(len(sent), 1e9, 10**9)
    for mid, message in enumerate(sent):
        lane: Lane = "live" if "/d/" in message.topic else "backlog"
        inbox.put(Delivery(message.topic, message.payload, mid, 1, 1, False, NOW_US), lane, 0)
    edges = tuple(sorted({strap.edge for strap in straps}))
    store, session = EmbeddedStore(path), Session(len(sent))
    store.open()
    writer = Writer(
        store=store,
        inbox=inbox,
        session=session,
        fleet=Fleet([PilotSettings(PILOT, "Bench", "home", edges=edges)]),
        hub=LiveHub(),
        agreements=Agreements(agreed(straps)),
        settings=IngestSettings(),
        wall_us=lambda: NOW_US,
    )
    began, cpu = time.perf_counter(), time.process_time()
    writer.start()
    session.done.wait()
    wall_s, cpu_s = time.perf_counter() - began, time.process_time() - cpu
    writer.stop()
    stored = sum(counts.stored for counts in writer.counts.values())
    store.close()
    wanted = sum(message.frames for message in sent)
    if stored != wanted:
        raise RuntimeError(f"{stored} frames stored of {wanted} sent")
    values = sum(message.values for message in sent)
    return Run(values, wanted, cpu_s, wall_s)


def resident_mb() -> float:
    """What this process holds in memory now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


@contextmanager
def one_core() -> Iterator[None]:
    """Keep this process, and the threads that it starts, on one core."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(before)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
