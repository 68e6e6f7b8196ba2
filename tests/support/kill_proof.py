"""Parts killed while a backlog drains, and what is left of it: every kill a row."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from fed_chain import Account, FedChain, fed_chain
from running_demo import wait_for

VICTIMS = ("gateway", "broker", "database", "edge")
# A quarter of the slow line of outage_proof.py: the backlog lasts as long as the kills do.
_LINE_BYTES_PER_S = 30_000.0
_LINE_DELAY_S = 0.020
# After the first readings of the backlog went through again: in the middle of the next ones.
_PAUSE_S = 1.5


@dataclass(frozen=True)
class Kill:
    """One kill: what the edge had taken in and committed when it was over.

    `uncommitted` are readings that were on their way to the outbox, which only an edge's end takes.
    """

    at_s: float
    victim: str
    accepted: int
    pending: int
    uncommitted: int


@dataclass(frozen=True)
class Kills:
    """Every kill, and the account after the last."""

    rows: list[Kill]
    account: Account

    @property
    def most_uncommitted(self) -> int:
        """Readings that the worst kill of an edge took, which nobody had called accepted."""
        return max((row.uncommitted for row in self.rows), default=0)


def kills(folder: Path, plan: Mapping[str, int], *, hours: float, seed: int = 1) -> Kills:
    """Kill each victim as often as `plan` says, in an order and at moments that `seed` draws."""
    chance = random.Random(seed)
    order = [victim for victim in VICTIMS for _ in range(plan.get(victim, 0))]
    chance.shuffle(order)
    line = {"bytes_per_s": _LINE_BYTES_PER_S, "delay_s": _LINE_DELAY_S}
    with fed_chain(folder, hours, **line) as chain:
        chain.link.cut()
        chain.order("fill")
        chain.hear("filled_s")
        chain.link.mend()
        rows, taken, began_s = [], 0, time.monotonic()
        for victim in order:
            _wait_for_progress(chain)
            time.sleep(chance.uniform(0.0, _PAUSE_S))
            _ACTS[victim](chain)
            counts, gone = chain.counts(), 0
            if victim == "edge":
                gone = chain.given - taken - counts.accepted
                taken += gone
            at_s = time.monotonic() - began_s
            rows.append(Kill(at_s, victim, counts.accepted, counts.pending, gone))
            _again(chain, victim)
        _finish(chain)
        return Kills(rows, chain.account())


def _wait_for_progress(chain: FedChain) -> None:
    """Until the gateway has confirmed more than before: everything is at work again."""
    before = chain.committed()
    wait_for(lambda: chain.committed() > before, 120, f"progress\n{chain.said()}", 0.05)


def _kill_gateway(chain: FedChain) -> None:
    chain.gateway.kill()


def _kill_broker(chain: FedChain) -> None:
    chain.broker.kill()


def _delete_database(chain: FedChain) -> None:
    """The broker's disk is gone: sessions, queues, retained messages."""
    chain.broker.kill()
    for file in (chain.layout.root / "broker").rglob("*.db*"):
        file.unlink()


def _kill_edge(chain: FedChain) -> None:
    chain.kill_edge()


_ACTS: Mapping[str, Callable[[FedChain], None]] = {
    "gateway": _kill_gateway,
    "broker": _kill_broker,
    "database": _delete_database,
    "edge": _kill_edge,
}


def _again(chain: FedChain, victim: str) -> None:
    if victim == "edge":
        chain.start_edge()
    elif victim == "gateway":
        chain.gateway.start()
    else:
        chain.broker.start()


def _finish(chain: FedChain) -> None:
    """Let everything come back and the backlog through, on a line as quick as the machine."""
    chain.link.bytes_per_s = 125e6
    wait_for(chain.health, 120, "the gateway answers")
    chain.wait_drained(60, timeout_s=600)
    chain.order("quiet")
    chain.hear("quiet")
    chain.wait_drained(timeout_s=300)
