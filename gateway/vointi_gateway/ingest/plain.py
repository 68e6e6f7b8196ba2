"""The short way through ingest: deliveries in which everything is as it should be.

What the compiled reader declines, what is partly new, and what is not agreed to as a whole takes
the long way (stage.py), which gives the same result and says what is wrong.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import zstandard
from vointi_contract.codec import FORMAT_PACKED, FORMAT_ZSTD_V1, MAX_PAYLOAD, inflate
from vointi_contract.metrics import METRICS, Kind
from vointi_contract.topics import Address

from ..pilots.gate import Verdict
from ..store.block import Agreed, Owner, Part, ReadingBlock
from .consent import ConsentGate, names
from .ledger import Admission, Ledger, StreamKey
from .validate import AHEAD_US, EARLIEST_US, LONGEST_US

try:
    import vointi_codec
except ImportError:  # compiled only where there is a compiler or a wheel
    vointi_codec = None  # type: ignore[assignment]

_PACKED = bytes((FORMAT_PACKED,))

#: One run of sequence numbers, both ends included.
Keyed = tuple[StreamKey, int, int]


@dataclass(frozen=True, slots=True)
class Sender:
    """Who may send on a topic: an address whose edge belongs to its pilot, and its number here."""

    address: Address
    edge: str
    number: int
    device: bytes
    device_id: str
    name: str


@dataclass(slots=True)
class _Standing:
    """What a layout's frames may be kept for, while the gate and the times stay the same."""

    gate: ConsentGate
    from_us: int
    to_us: int
    agreed: Agreed
    alone: tuple[Agreed]


@dataclass(slots=True)
class PlainGroup:
    """What the short way collected of one group: counts by edge, and settled runs."""

    owners: list[Owner] = field(default_factory=list)
    parts: list[Part] = field(default_factory=list)
    standings: dict[int, _Standing] = field(default_factory=dict)
    stored: dict[str, int] = field(default_factory=dict)
    duplicates: dict[str, int] = field(default_factory=dict)
    settled: dict[StreamKey, list[tuple[int, int]]] = field(default_factory=dict)
    touched: set[StreamKey] = field(default_factory=set)


class PlainReader:
    """Takes deliveries into columns. Used by one thread.

    Args:
        ledger: what is settled; advanced by what is taken.

    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._columns = vointi_codec.FrameColumns(*_limits()) if vointi_codec else None
        self.group = PlainGroup()

    @property
    def samples(self) -> int:
        """How many samples the group holds."""
        return 0 if self._columns is None else self._columns.samples

    def begin(self, now_us: int) -> None:
        """Start a group at `now_us` (UTC µs); what an earlier one left is dropped."""
        self.group = PlainGroup()
        if self._columns is not None:
            self._columns.take()
            self._columns.limits(EARLIEST_US, now_us + AHEAD_US, LONGEST_US)

    def sender(self, address: Address) -> Sender:
        """A sender of this group."""
        owner = Owner(address.pilot, address.edge, address.device or "")
        self.group.owners.append(owner)
        number = len(self.group.owners) - 1
        return Sender(address, owner.edge, number, owner.name.encode(), owner.name, owner.device)

    def take(self, payload: bytes, sender: Sender, gate: ConsentGate, received_us: int) -> bool:
        """Take a whole delivery, new or duplicate; False: it goes the long way.

        Of duplicates nothing is kept.
        """
        packed = payload[:1] == _PACKED
        columns, message = self._columns, payload if packed else _message(payload)
        if columns is None or message is None or len(payload) > MAX_PAYLOAD:
            return False
        first = len(columns)
        took = columns.add(message, sender.number, sender.device, received_us, packed)
        if took is None:
            return False
        count, runs, layouts, first_us, last_us = took
        edge, device, ledger = sender.edge, sender.device_id, self._ledger
        if len(runs) == 1:
            ((boot, low, high),) = runs
            keyed = [((edge, device, boot), low, high)]
            admission = ledger.run(keyed[0][0], low, high)
        else:
            keyed = [((edge, device, boot), low, high) for boot, low, high in runs]
            admission = ledger.runs(keyed)
        if admission is Admission.NEW:
            agreed = self._agreed(layouts, sender, gate, (first_us, last_us, received_us))
            if agreed is not None:
                self.group.parts.append(Part(first, received_us, agreed))
                self._settle(keyed, edge, count)
                return True
            admission = None
        columns.undo()
        if admission is None:
            return False
        self.group.touched.update(key for key, _, _ in keyed)
        self.group.duplicates[edge] = self.group.duplicates.get(edge, 0) + count
        return True

    def _settle(self, keyed: list[Keyed], edge: str, count: int) -> None:
        group = self.group
        for key, low, high in keyed:
            self._ledger.settle(key, low, high)
            ranges = group.settled.get(key)
            if ranges is None:
                group.settled[key] = [(low, high)]
            elif ranges[-1][1] + 1 == low:
                ranges[-1] = (ranges[-1][0], high)
            else:
                ranges.append((low, high))
        group.stored[edge] = group.stored.get(edge, 0) + count

    def block(self) -> ReadingBlock | None:
        """Everything that the group took, or None."""
        if self._columns is None or not self.group.parts:
            return None
        return ReadingBlock(self._columns.take(), self.group.owners, self.group.parts)

    def _agreed(
        self, layouts: list[int], sender: Sender, gate: ConsentGate, times_us: tuple[int, int, int]
    ) -> tuple[Agreed, ...] | None:
        """Under what the layouts' frames are kept; None unless one answer holds for all of each."""
        first_us, last_us, now_us = times_us
        found: tuple[Agreed, ...] = ()
        for layout in layouts:
            known = self.group.standings.get(layout)
            if (
                known is None
                or known.gate is not gate
                or not known.from_us <= first_us < known.to_us
            ):
                known = self._look_up(layout, sender, gate, first_us, now_us)
                if known is None:
                    return None
                self.group.standings[layout] = known
            if last_us >= known.to_us:
                return None
            found = (*found, known.agreed) if found else known.alone
        return found

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
        agreed = Agreed(layout, verdict.person, verdict.purposes)
        return _Standing(gate, from_us, to_us, agreed, (agreed,))


def _message(payload: bytes) -> bytes | None:
    """The batch in a payload as codec.decompress gives it; None where that raises."""
    if not payload or payload[0] != FORMAT_ZSTD_V1:
        return None
    if vointi_codec is None or not vointi_codec.whole_blocks(payload, 1):
        return None
    try:
        return inflate(payload[1:])
    except zstandard.ZstdError:
        return None


def _whole(verdict: Verdict, metrics: frozenset[str]) -> bool:
    return verdict.refusal is None and verdict.holder is None and metrics <= verdict.metrics


def _limits() -> tuple[list[float], list[float], list[int]]:
    """By wire code: the least and largest value, and 1 for waveforms; NaN where there is none."""
    size = max(metric.code for metric in METRICS) + 1
    low, high, wave = [np.nan] * size, [np.nan] * size, [0] * size
    for metric in METRICS:
        low[metric.code], high[metric.code] = metric.low, metric.high
        wave[metric.code] = int(metric.kind is Kind.WAVEFORM)
    return low, high, wave
