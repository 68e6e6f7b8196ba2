"""The short way through ingest: deliveries in which everything is as it should be.

What the compiled reader declines, what is partly new, and what is not agreed to as a whole takes
the long way (stage.py), which gives the same result and says what is wrong.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from vointi_contract.codec import decompress
from vointi_contract.errors import PayloadError
from vointi_contract.metrics import METRICS, Kind
from vointi_contract.topics import Address

from ..pilots.gate import Verdict
from ..store.block import Agreed, Owner, Part, ReadingBlock
from .consent import ConsentGate, names
from .ledger import Admission, Ledger
from .validate import AHEAD_US, EARLIEST_US, LONGEST_US

try:
    import vointi_codec
except ImportError:  # compiled only where there is a compiler or a wheel
    vointi_codec = None  # type: ignore[assignment]

#: What one delivery amounts to: (boot, first, last) of each run.
Runs = list[tuple[int, int, int]]


@dataclass(frozen=True, slots=True)
class Sender:
    """Who may send on a topic: an address whose edge belongs to its pilot, and its number here."""

    address: Address
    number: int
    device: bytes
    name: str


@dataclass(slots=True)
class _Standing:
    """What a layout's frames may be kept for, while the gate and the times stay the same."""

    gate: ConsentGate
    from_us: int
    to_us: int
    agreed: Agreed

    def holds(self, gate: ConsentGate, t_us: int) -> bool:
        """Whether it was looked up in this gate and covers the time."""
        return self.gate is gate and self.from_us <= t_us < self.to_us


@dataclass(slots=True)
class PlainGroup:
    """What is collected while one group is staged."""

    owners: list[Owner] = field(default_factory=list)
    parts: list[Part] = field(default_factory=list)
    standings: dict[int, _Standing] = field(default_factory=dict)


class PlainReader:
    """Takes deliveries into columns. Used by one thread.

    Args:
        ledger: what is settled; advanced by what is taken.

    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._columns = vointi_codec.FrameColumns(*_limits()) if vointi_codec else None
        self._group = PlainGroup()

    def begin(self, now_us: int) -> None:
        """Start a group at `now_us` (UTC µs); what an earlier one left is dropped."""
        self._group = PlainGroup()
        if self._columns is not None:
            self._columns.take()
            self._columns.limits(EARLIEST_US, now_us + AHEAD_US, LONGEST_US)

    def sender(self, address: Address) -> Sender:
        """A sender of this group."""
        owner = Owner(address.pilot, address.edge, address.device or "")
        self._group.owners.append(owner)
        number = len(self._group.owners) - 1
        return Sender(address, number, owner.name.encode(), owner.device)

    def take(
        self, payload: bytes, sender: Sender, gate: ConsentGate, received_us: int
    ) -> tuple[Admission, int, Runs] | None:
        """Take a whole delivery: new or duplicate, how many frames, their runs. None: it may not.

        Of duplicates nothing is kept.
        """
        columns = self._columns
        if columns is None:
            return None
        try:
            message = decompress(payload)
        except PayloadError:
            return None
        first = len(columns)
        took = columns.add(message, sender.number, sender.device, received_us)
        if took is None:
            return None
        count, runs, layouts, first_us, last_us = took
        edge, device = sender.address.edge, sender.address.device or ""
        keys = [((edge, device, boot), low, high) for boot, low, high in runs]
        admission = self._ledger.runs(keys)
        if admission is Admission.NEW:
            agreed = self._agreed(layouts, sender, gate, (first_us, last_us, received_us))
            if agreed is not None:
                for key, low, high in keys:
                    self._ledger.settle(key, low, high)
                self._group.parts.append(Part(first, received_us, agreed))
                return admission, count, runs
            admission = None
        columns.undo()
        return None if admission is None else (admission, count, runs)

    def block(self) -> ReadingBlock | None:
        """Everything that the group took, or None."""
        if self._columns is None or not self._group.parts:
            return None
        return ReadingBlock(self._columns.take(), self._group.owners, self._group.parts)

    def _agreed(
        self, layouts: list[int], sender: Sender, gate: ConsentGate, times_us: tuple[int, int, int]
    ) -> tuple[Agreed, ...] | None:
        """Under what the layouts' frames are kept; None unless one answer holds for all of each."""
        first_us, last_us, now_us = times_us
        found = []
        for layout in layouts:
            known = self._group.standings.get(layout)
            if known is None or not known.holds(gate, first_us):
                known = self._look_up(layout, sender, gate, first_us, now_us)
                if known is None:
                    return None
                self._group.standings[layout] = known
            if last_us >= known.to_us:
                return None
            found.append(known.agreed)
        return tuple(found)

    def _look_up(
        self, layout: int, sender: Sender, gate: ConsentGate, t_us: int, now_us: int
    ) -> _Standing | None:
        assert self._columns is not None  # noqa: S101 - it gave the layout
        _, _, codes = self._columns.layout(layout)
        metrics = names(codes)
        pilot = sender.address.pilot
        from_us, to_us, verdict = gate.standing(
            pilot, sender.name, metrics, t_us=t_us, now_us=now_us
        )
        if not _whole(verdict, metrics):
            return None
        return _Standing(gate, from_us, to_us, Agreed(layout, verdict.person, verdict.purposes))


def _whole(verdict: Verdict, metrics: frozenset[str]) -> bool:
    return verdict.refusal is None and metrics <= verdict.metrics


def _limits() -> tuple[list[float], list[float], list[int]]:
    """By wire code: the least and largest value, and 1 for waveforms; NaN where there is none."""
    size = max(metric.code for metric in METRICS) + 1
    low, high, wave = [np.nan] * size, [np.nan] * size, [0] * size
    for metric in METRICS:
        low[metric.code], high[metric.code] = metric.low, metric.high
        wave[metric.code] = int(metric.kind is Kind.WAVEFORM)
    return low, high, wave
