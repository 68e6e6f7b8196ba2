"""Gateway, broker and store killed and stopped under load, and what is in the store after it."""

from __future__ import annotations

import math
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from disk_kit import build_shim
from gateway_kit import (
    DEVICE,
    EDGE,
    T0_US,
    GatewayProcess,
    Process,
    gateway_toml,
    hr_frame,
    payload,
    running_broker,
    wait_for,
)
from influx_server import InfluxServer, running_influx
from outbox_kit import AGAIN_S, Outbox, sending
from vointi_gateway.settings import InfluxSettings
from vointi_gateway.store.embedded import EmbeddedStore
from vointi_gateway.store.influx import InfluxClient
from vointi_gateway.store.model import SeriesQuery
from warm_start import warm_gateway

BACKENDS = ("embedded", "influx")
BUCKET = "vointi"
#: While a file of these names exists, the gateway's disk is full, or a sync of it takes long.
FULL, SLOW = "full", "slow"
#: What lies between two faults: anything from the middle of a start to some groups later.
_PAUSE_S = (0.2, 1.2)
#: Longer than the gateway waits for InfluxDB, so that a stopped one is found to be down.
_STOPPED_S = 1.8
#: How long a disk is slow.
_SLOW_S = 3.0
_TIMEOUT_S = 1.0
#: The longest wait before a reading is sent again.
_AGAIN_S = 16.0


class SteadyOutbox(Outbox):
    """Keeps what it made: sent again, a reading is the same to the bit, as an edge's is.

    While nothing is acknowledged it sends again ever more rarely: a gateway that takes long to
    start would else find more in the broker than it may take of one edge.
    """

    def __init__(self, port: int) -> None:
        super().__init__(port)
        self._again_s = AGAIN_S

    def _forget(self) -> None:
        before = self.pending
        super()._forget()
        if self.pending < before:
            self._again_s = AGAIN_S

    def _send_due(self) -> None:
        now = time.monotonic()
        due = [(seq, last) for seq, last in self._pending.items() if now - last > self._again_s]
        if any(last for _, last in due):
            self._again_s = min(2 * self._again_s, _AGAIN_S)
        for seq, last in due:
            topics = self.edge.topics
            topic = topics.backlog(DEVICE) if last else topics.live(DEVICE)
            self._pending[seq] = now
            frame = hr_frame(seq, boot=self.boot, wall_us=T0_US + seq * 10_000)
            self.edge.client.publish(topic, payload(frame), qos=1)


@dataclass(frozen=True)
class Outcome:
    """What was sent, what the gateway counted, and how often each number is in the store."""

    backend: str
    done: Mapping[str, int]
    sent: int
    counts: Mapping[str, int]
    found: Counter[int] = field(repr=False)
    took_s: float = 0.0
    #: Gateways that had made something durable before they were killed; the others were starting.
    at_work: int = 0

    @property
    def missing(self) -> int:
        """Numbers that were sent and are not there."""
        return len(set(range(1, self.sent + 1)) - set(self.found))

    @property
    def twice(self) -> int:
        """Numbers that are there more than once."""
        return sum(1 for n in self.found.values() if n > 1)


@dataclass
class House:
    broker: Process
    gateway: GatewayProcess
    server: InfluxServer | None
    #: Where the files are that make its disk full or slow; see `bad_disk`.
    folder: Path

    @property
    def full(self) -> Path:
        return self.folder / FULL

    def act(self, fault: str) -> None:
        if fault == "gateway":
            self.gateway.kill()
            self.gateway.start()
        elif fault == "broker":
            port = self.broker.port
            self.broker.kill()
            self.broker.command[self.broker.command.index("--port") + 1] = str(port)
            self.broker.start()
        elif fault == "full":
            self._disk(FULL, _STOPPED_S)
        elif fault == "sync":
            self._disk(SLOW, _SLOW_S)
        else:
            self._trouble(fault)

    def _disk(self, name: str, for_s: float) -> None:
        mark = self.folder / name
        mark.touch()
        time.sleep(for_s)
        mark.unlink()

    def _trouble(self, fault: str) -> None:
        assert self.server is not None
        if fault == "kill":
            self.server.kill()
            time.sleep(_PAUSE_S[0])
            self.server.start()
        elif fault == "stop":
            with self.server.paused():
                time.sleep(_STOPPED_S)
        else:  # slow: it works a twentieth of the time
            for _ in range(15):
                with self.server.paused():
                    time.sleep(0.19)
                time.sleep(0.01)


def kills(
    folder: Path,
    backend: str,
    plan: Mapping[str, int],
    seed: int = 1,
    *,
    longest_s: float = math.inf,
    tell: Callable[[str], None] = lambda _: None,
) -> Outcome:
    """Do each fault as often as `plan` says.

    gateway, broker: killed. full, sync: the gateway's disk has no room, or is slow to sync. kill,
    stop, slow: what befalls InfluxDB.

    Every other gateway is killed after it has made something durable, the rest whenever it comes,
    often before they reach the broker. After `longest_s` no fault is begun, and what is in the
    store is looked at all the same. `tell` hears of each fault.
    """
    chance = random.Random(seed)
    order = [fault for fault, times in plan.items() for _ in range(times)]
    chance.shuffle(order)
    done: Counter[str] = Counter()
    environment = bad_disk(folder) if {"full", "sync"} & set(plan) else {}
    at_work = 0
    with running(folder, backend, environment) as house:
        outbox = SteadyOutbox(house.broker.port)
        began_s = time.monotonic()
        with sending(outbox):
            house.gateway.connected()
            for fault in order:
                if time.monotonic() - began_s > longest_s:
                    break
                before = outbox.settled
                if fault == "gateway" and done[fault] % 2:
                    wait_for(lambda: outbox.settled > before, timeout_s=120)  # noqa: B023
                time.sleep(chance.uniform(*_PAUSE_S))
                at_work += fault == "gateway" and outbox.settled > before
                house.act(fault)
                done[fault] += 1
                after_s = time.monotonic() - began_s
                tell(f"{after_s:.0f} s: {done.total()} of {len(order)}, {fault}")
            wait_for(lambda: _answers(house.gateway), timeout_s=120)
            outbox.finish(timeout_s=240)
        took_s = time.monotonic() - began_s
        counts = house.gateway.counts()
        house.gateway.terminate()
        found = found_in(folder, house.server)
    return Outcome(backend, done, outbox.sent, counts, found, took_s, at_work)


def _answers(gateway: GatewayProcess) -> bool:
    return bool(gateway.health()["broker"]["connected"])


def bad_disk(folder: Path) -> Mapping[str, str]:
    """The environment of a gateway whose disk is full or slow while files say so, see `House`."""
    names = {"LD_PRELOAD": build_shim(folder), "DISK_DIR": f"{folder / 'store'}/"}
    marks = {"DISK_FULL": folder / FULL, "DISK_SLOW": folder / SLOW}
    return {name: str(value) for name, value in {**names, **marks}.items()}


@contextmanager
def running(
    folder: Path, backend: str, environment: Mapping[str, str] | None = None
) -> Iterator[House]:
    """Broker, gateway, and the store where it is a server; `environment` is the gateway's."""
    with ExitStack() as stack:
        server = None
        if backend == "influx":
            server = stack.enter_context(running_influx(folder / "influx"))
        broker = stack.enter_context(running_broker(folder / "broker", "mosquitto"))
        config = gateway_toml(folder, broker.port)
        if server is not None:
            text = f'store = "influx"\n{config.read_text()}[influx]\nurl = "{server.url}"\n'
            text += f'bucket = "{BUCKET}"\ntimeout_s = {_TIMEOUT_S}\n'
            config.write_text(text)
        gateway = stack.enter_context(warm_gateway(folder, config, environment))
        yield House(broker, gateway, server, folder)


def found_in(folder: Path, server: InfluxServer | None) -> Counter[int]:
    """How often each sequence number is in the store, asked of the store itself."""
    if server is not None:
        client = InfluxClient(InfluxSettings(server.url, BUCKET))
        client.open()
        tables = client.query("SELECT seq FROM vitals WHERE metric = 'heart_rate'")
        client.close()
        return Counter(int(row[1]) for table in tables for row in table.rows)
    store = EmbeddedStore(folder / "store" / "vointi.duckdb")
    store.open()
    query = SeriesQuery(f"{EDGE}.{DEVICE}", "heart_rate", 0, 2**53)
    found = Counter(store.samples(query).seq.tolist())
    store.close()
    return found
