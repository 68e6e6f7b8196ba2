"""Which readings are settled: the memory that makes at-least-once delivery exactly-once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto

from vointi_contract.ack import MAX_GAPS, Watermark

from ..store.model import Outcome, Receipt
from .seqset import SeqSet

#: Ranges kept for one (device, boot): beyond this a sender skips numbers on purpose.
MAX_RANGES = 100_000
#: Losses that one report may add: a 100 Hz stream of single-sample frames for a year.
MAX_LOSS = 4_000_000_000

StreamKey = tuple[str, str, int]


class Admission(Enum):
    """What a delivery of an identity means."""

    NEW = auto()
    DUPLICATE = auto()
    #: Reported lost before, and arrived after all.
    RECOVERED = auto()
    #: Too many gaps already.
    REFUSED = auto()


@dataclass(slots=True)
class _Seqs:
    done: SeqSet = field(default_factory=SeqSet)
    lost: SeqSet = field(default_factory=SeqSet)


class Ledger:
    """Settled sequence numbers per (edge, device, boot). Used by one thread."""

    def __init__(self) -> None:
        self._seqs: dict[StreamKey, _Seqs] = {}

    @classmethod
    def from_receipts(cls, receipts: Iterable[Receipt]) -> Ledger:
        """Rebuild what the store has; stored wins over lost."""
        ledger = cls()
        lost = []
        for receipt in receipts:
            if receipt.outcome is Outcome.LOST:
                lost.append(receipt)
            else:
                ledger._of(receipt).done.add(receipt.first, receipt.last)
        for receipt in lost:
            seqs = ledger._of(receipt)
            for first, last in seqs.done.missing(receipt.first, receipt.last):
                seqs.lost.add(first, last)
        return ledger

    def _of(self, receipt: Receipt) -> _Seqs:
        key = (receipt.edge, receipt.device, receipt.boot)
        return self._seqs.setdefault(key, _Seqs())

    def admit(self, key: StreamKey, seq: int) -> Admission:
        """Settle one reading, unless it is settled or must be refused."""
        seqs = self._seqs.get(key)
        if seqs is None:
            seqs = self._seqs[key] = _Seqs()
        if seq in seqs.done:
            return Admission.DUPLICATE
        if len(seqs.done) >= MAX_RANGES:
            return Admission.REFUSED
        seqs.done.add(seq, seq)
        if seq in seqs.lost:
            seqs.lost.discard(seq)
            return Admission.RECOVERED
        return Admission.NEW

    def run(self, key: StreamKey, first: int, last: int) -> Admission | None:
        """What settling first … last would mean for all of them; None when they differ.

        NEW means that `settle` may take them.
        """
        seqs = self._seqs.get(key)
        if seqs is None:
            seqs = self._seqs[key] = _Seqs()
        held = seqs.done.holds(first, last)
        if held:
            return Admission.DUPLICATE
        if (
            held is None
            or len(seqs.done) >= MAX_RANGES
            or seqs.lost.holds(first, last) is not False
        ):
            return None
        return Admission.NEW

    def runs(self, runs: Sequence[tuple[StreamKey, int, int]]) -> Admission | None:
        """The same for several runs, all of them alike and none twice."""
        upto = dict[StreamKey, int]()
        found: Admission | None = None
        for key, first, last in runs:
            admission = self.run(key, first, last)
            if admission is None or (found is not None and admission is not found):
                return None
            if admission is Admission.NEW and first <= upto.get(key, 0):
                return None
            upto[key], found = last, admission
        return found

    def settle(self, key: StreamKey, first: int, last: int) -> None:
        """Settle a run that is NEW."""
        self._seqs[key].done.add(first, last)

    def declare_lost(self, key: StreamKey, first: int, last: int) -> list[tuple[int, int]]:
        """Settle what of first … last is not settled; returns those ranges."""
        seqs = self._seqs.setdefault(key, _Seqs())
        new = [part for gap in seqs.done.missing(first, last) for part in seqs.lost.missing(*gap)]
        for part in new:
            seqs.lost.add(*part)
        return new

    def watermark(self, key: StreamKey) -> Watermark:
        """What the edge may delete: everything up to `upto` except the gaps."""
        seqs = self._seqs[key]
        upto = max(seqs.done.highest, seqs.lost.highest)
        gaps: list[tuple[int, int]] = []
        for hole in seqs.done.missing(1, upto):
            for gap in seqs.lost.missing(*hole):
                if len(gaps) == MAX_GAPS:
                    return Watermark(key[1], key[2], gap[0] - 1, tuple(gaps))
                gaps.append(gap)
        return Watermark(key[1], key[2], upto, tuple(gaps))

    def streams_of(self, edge: str) -> list[StreamKey]:
        """Every (edge, device, boot) known of an edge, the newest last."""
        return [key for key in self._seqs if key[0] == edge]
