"""The emulated machine restarts, and loses its power: what its outbox and the gateway hold then."""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from fed_chain import Account
from virtual_pi import Machine, VirtualPiError
from vointi_edge.outbox.store import read_counts

# Later, or the order is ended by what it ordered before it could say so.
_REBOOT = "systemd-run -q --on-active=2 --timer-property=AccuracySec=1s systemctl reboot"
# The service is stopped first: the copy is of one moment, and nothing comes after it.
_OUTBOX = "systemctl stop vointi-edge && cp /var/lib/vointi-edge/outbox.db* /share/"


@dataclass(frozen=True)
class Books:
    """Every reading of every boot, at the edge and at the gateway; `waiting` are in the outbox."""

    account: Account
    waiting: int

    @property
    def boots(self) -> int:
        """Boots of the machine of which there are readings."""
        return len({key.rpartition("/")[2] for key in self.account.ranges})

    @property
    def nowhere(self) -> int:
        """Accepted readings that are neither stored, nor counted, nor still in the outbox."""
        account = self.account
        settled = account.lost + account.tally["quarantined"]
        return max(0, account.accepted - account.stored - settled - self.waiting)

    @property
    def even(self) -> bool:
        """Numbers without gap or repeat at the edge, each once in the store or still waiting."""
        account, tally = self.account, self.account.tally
        rest = sum(tally[name] for name in ("stored", "duplicates", "quarantined", "lost"))
        return (
            sum(account.ranges.values()) == account.accepted
            and self.nowhere == 0
            and account.twice == 0
            and account.stored == tally["stored"]
            and tally["accepted"] == rest
        )


def restart(machine: Machine, limit_s: float) -> None:
    """Let it shut down and boot again, as `sudo reboot` does."""
    machine.order(_REBOOT, limit_s)
    machine.wait_off(limit_s)
    machine.power_on()


def cut_power(machine: Machine) -> None:
    """Pull the plug and put it in again; what was not handed to the card by then is gone."""
    machine.power_off()
    machine.power_on()


def take_outbox(machine: Machine, limit_s: float) -> Path:
    """Stop the edge and return a copy of its outbox."""
    code, said = machine.order(_OUTBOX, limit_s)
    if code:
        raise VirtualPiError(f"no copy of the outbox\n{said}")
    return machine.share / "outbox.db"


def settled(ask: Callable[[], dict[str, int] | None], pause_s: float = 5.0) -> dict[str, int]:
    """The gateway's counts once what was under way to it is stored: the same twice in a row.

    The machine has to be off. Raises VirtualPiError where they still change at the sixtieth look.
    """
    before: dict[str, int] | None = None
    for _ in range(60):
        counts = ask()
        if counts and counts == before:
            return counts
        before = counts
        time.sleep(pause_s)
    raise VirtualPiError(f"the gateway does not come to rest: {before}")


def books(outbox: Path, store: Path, tally: dict[str, int]) -> Books:
    """Read both sides' files; the gateway has to be stopped. `tally` is its count by then."""
    with contextlib.closing(sqlite3.connect(outbox)) as file:
        waiting = read_counts(file).pending
    return Books(Account.of(outbox, store, tally), waiting)
