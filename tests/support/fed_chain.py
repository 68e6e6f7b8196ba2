"""Broker, gateway and a fed edge as processes, over a line that can be slow, and what they kept."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
from edge_chain import Process
from fed_home import FedClock
from running_demo import free_port, wait_for
from slow_link import SlowLink
from vointi_contract.status import OutboxCounts
from vointi_demo.layout import Layout, Ports
from vointi_demo.supervisor import program
from vointi_edge.outbox.store import read_counts

PROGRAM = Path(__file__).with_name("fed_edge.py")
PATIENCE_S = 120.0


@dataclass
class FedChain:
    """`hours` is how long ago the edge begins; `link` stands between it and the broker."""

    folder: Path
    layout: Layout
    link: SlowLink
    hours: float
    broker: Process
    gateway: Process
    edge: subprocess.Popen[bytes] | None = None
    _origin_us: int = field(default_factory=lambda: FedClock().boottime_us())

    def __post_init__(self) -> None:
        self._origin_us -= round(self.hours * 3600e6)
        self.given_file = self.folder / "given"
        self.outbox = self.layout.root / "home-1" / "outbox.db"

    def start(self) -> None:
        """Start everything; return when the edge may collect."""
        self.broker.start()
        self.gateway.start()
        self.link.mend()
        self.start_edge()
        self.hear("policy")
        self.hours = 0.0  # an edge that is started again begins now

    def start_edge(self) -> None:
        log = (self.layout.logs / "edge.log").open("ab")
        self.edge = subprocess.Popen(
            [
                sys.executable, str(PROGRAM), str(self.layout.root / "home-1.toml"),
                "--hours", str(self.hours), "--origin-us", str(self._origin_us),
                "--given", str(self.given_file),
            ],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log,
        )  # fmt: skip
        log.close()

    def order(self, word: str) -> None:
        assert self.edge and self.edge.stdin
        self.edge.stdin.write(f"{word}\n".encode())
        self.edge.stdin.flush()

    def hear(self, fact: str) -> Any:
        """Wait for the edge's next line that tells `fact`."""
        assert self.edge and self.edge.stdout
        for line in self.edge.stdout:
            if fact in (said := json.loads(line)):
                return said[fact]
        raise AssertionError(f"the edge ended before it told {fact}\n{self.said()}")

    def kill_edge(self) -> None:
        assert self.edge
        self.edge.kill()
        self._reap()

    def stop_edge(self) -> None:
        assert self.edge and self.edge.stdin
        self.edge.stdin.close()
        self._reap()

    def _reap(self) -> None:
        assert self.edge and self.edge.stdin and self.edge.stdout
        self.edge.wait(60)
        with contextlib.suppress(OSError):
            self.edge.stdin.close()
        self.edge.stdout.close()
        self.edge = None

    def close(self) -> None:
        if self.edge is not None:
            self.kill_edge()
        for process in (self.gateway, self.broker):
            process.kill()

    # ---- what is known of it

    @property
    def given(self) -> int:
        return int.from_bytes(self.given_file.read_bytes())

    def counts(self) -> OutboxCounts:
        """What the outbox's file says when the edge is killed now, pending counted from the rows.

        Read from a copy: whoever opens the file itself would repair it in the edge's place.
        """
        copy = self.folder / "copy.db"
        for suffix in ("-wal", ""):
            shutil.copy(f"{self.outbox}{suffix}", f"{copy}{suffix}")
        with contextlib.closing(sqlite3.connect(copy)) as file:
            return read_counts(file)

    def health(self) -> dict[str, Any]:
        try:
            url = f"http://127.0.0.1:{self.layout.ports.page}/api/v1/health"
            with urllib.request.urlopen(url, timeout=10) as response:
                return dict(json.load(response))
        except OSError:
            return {}

    def pending(self) -> int:
        """Rows that wait, without a walk over them."""
        return self._counter("accepted - committed - lost")

    def committed(self) -> int:
        """Rows that the gateway has confirmed."""
        return self._counter("committed")

    def _counter(self, what: str) -> int:
        with contextlib.closing(sqlite3.connect(f"file:{self.outbox}?mode=ro", uri=True)) as file:
            return int(file.execute(f"SELECT {what} FROM counter").fetchone()[0])

    def wait_drained(self, upto: int = 0, timeout_s: float = PATIENCE_S) -> None:
        wait_for(lambda: self.pending() <= upto, timeout_s, f"≤ {upto} pending\n{self.said()}", 0.2)

    def said(self) -> str:
        logs = sorted(self.layout.logs.glob("*.log"))
        return "\n".join(f"--- {x.name}\n{x.read_text(errors='replace')[-1500:]}" for x in logs)

    def account(self) -> Account:
        """Stop everything that still runs, and compare the outbox with the store."""
        wait_for(lambda: _settled(self.health()), PATIENCE_S, "the gateway counts")
        tally = self.health()["counts"]
        if self.edge is not None:
            self.stop_edge()
        self.gateway.stop()
        return Account.of(self.outbox, self.layout.root / "gateway" / "vointi.duckdb", tally)


def _settled(health: dict[str, Any]) -> bool:
    boxes = [edge["outbox"] for edge in health.get("edges", []) if edge["edge"] == "home-1"]
    return bool(boxes and boxes[0] and boxes[0]["pending"] == 0)


@dataclass(frozen=True)
class Account:
    """Every accepted reading, by device and sequence number."""

    ranges: dict[str, int]  # device of one boot → its last sequence number at the edge
    accepted: int
    lost: int
    stored: int  # different readings in the store
    twice: int  # rows of the store that are there more than once
    missing: dict[str, int]  # device → numbers that are nowhere
    tally: dict[str, int]

    @classmethod
    def of(cls, outbox: Path, store: Path, tally: dict[str, int]) -> Account:
        with contextlib.closing(sqlite3.connect(f"file:{outbox}?mode=ro", uri=True)) as file:
            last = {
                (device, boot): n
                for device, boot, n in file.execute("SELECT device, boot, last FROM sequence")
            }
            counts = read_counts(file)
        with contextlib.closing(duckdb.connect(str(store), read_only=True)) as database:
            held = _held(database)
            twice = _twice(database)
        return cls(
            ranges={f"{device}/{boot:x}": n for (device, boot), n in last.items()},
            accepted=counts.accepted,
            lost=counts.lost,
            stored=sum(len(held.get(key, ())) for key in last),
            twice=twice,
            missing={
                key[0]: n - len(held.get(key, ()))
                for key, n in last.items()
                if n - len(held.get(key, ()))
            },
            tally=tally,
        )

    @property
    def conserved(self) -> bool:
        """Edge: gap-free and complete. Gateway: the five counts agree with its tables."""
        t = self.tally
        return (
            sum(self.ranges.values()) == self.accepted == self.stored + self.lost + t["quarantined"]
            and sum(self.missing.values()) == self.lost + t["quarantined"]
            and t["accepted"] == t["stored"] + t["duplicates"] + t["quarantined"] + t["lost"]
            and t["stored"] == self.stored
            and self.twice == 0
        )


def _held(database: Any) -> dict[tuple[str, int], set[int]]:
    """(device, boot) → the numbers of which there is a value in a table of the store."""
    held: dict[tuple[str, int], set[int]] = {}
    for device, boot, seqs in database.execute(
        "SELECT s.device, x.boot, list(DISTINCT x.seq) FROM"
        " (SELECT sid, boot, seq FROM segment UNION ALL SELECT sid, boot, seq FROM scalar) x"
        " JOIN series s USING (sid) GROUP BY 1, 2"
    ).fetchall():
        held.setdefault((device.split(".")[-1], boot), set()).update(seqs)
    return held


def _twice(database: Any) -> int:
    (segments,) = database.execute(
        "SELECT count(*) - count(DISTINCT (sid, boot, seq)) FROM segment"
    ).fetchone()
    (scalars,) = database.execute(
        "SELECT count(*) - count(DISTINCT (sid, boot, seq, idx)) FROM scalar"
    ).fetchone()
    return int(segments + scalars)


@contextlib.contextmanager
def fed_chain(
    folder: Path, hours: float, *, bytes_per_s: float = 125e6, delay_s: float = 0.0
) -> Iterator[FedChain]:
    """Broker, gateway and edge; the line between edge and broker is as slow as asked for."""
    ports = Ports(page=free_port(), broker=free_port(), home_radio=free_port(), point_radio=0)
    layout = Layout(folder / "fed", "127.0.0.1", ports, "3.1.1")
    layout.write()
    with SlowLink(ports.broker, bytes_per_s, delay_s) as link:
        config = layout.root / "home-1.toml"
        text = config.read_text()
        config.write_text(text.replace(f"port = {ports.broker}", f"port = {link.port}"))
        chain = FedChain(folder, layout, link, hours, _broker(layout), _gateway(layout))
        try:
            chain.start()
            yield chain
        finally:
            chain.close()


def _broker(layout: Layout) -> Process:
    users = str(layout.root / "secrets" / "users.json")
    data = str(layout.root / "broker")
    port = str(layout.ports.broker)
    command = [program("vointi-broker"), "--port", port, "--data", data, "--users", users]
    return Process("broker", command, layout.logs / "broker.log")


def _gateway(layout: Layout) -> Process:
    command = [program("vointi-gateway"), "serve", "--config", str(layout.root / "gateway.toml")]
    return Process("gateway", command, layout.logs / "gateway.log")


def cpu_s(pid: int) -> float:
    """Seconds of processor time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
