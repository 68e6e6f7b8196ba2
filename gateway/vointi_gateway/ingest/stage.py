"""Deliveries → one commit: decode, check, make once. Pure but for the ledger that it advances."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from vointi_contract.codec import decode, encode
from vointi_contract.errors import ContractError
from vointi_contract.frame import Batch, Frame, Loss
from vointi_contract.topics import Address, parse

from ..pilots.gate import ANY_METRIC, Verdict
from ..store.block import ReadingBlock, Readings
from ..store.model import (
    Anchor,
    Commit,
    Counts,
    Outcome,
    Quarantined,
    Receipt,
    Refused,
    StoredReading,
)
from .consent import GateNow, strip, verdict
from .ledger import Admission, Ledger, StreamKey
from .plain import PlainGroup, PlainReader, Sender
from .validate import Fault, check_frame, check_loss, check_sender, not_on_lease

_STORED = Counts(accepted=1, stored=1)
_RECOVERED = Counts(accepted=-1, lost=-1)
_DUPLICATE = Counts(accepted=1, duplicates=1)
_QUARANTINED = Counts(accepted=1, quarantined=1)


#: Samples in one transaction: a small message may hold a quarter of a million of them.
MAX_SAMPLES = 8_000_000


@dataclass(frozen=True, slots=True)
class Delivery:
    """One MQTT message as it arrived; `epoch` numbers the connection it arrived on."""

    topic: str
    payload: bytes
    mid: int
    qos: int
    epoch: int
    retain: bool
    received_us: int


@dataclass(slots=True)
class Staged:
    """What the first `deliveries` of a group amount to, before it is durable."""

    commit: Commit
    deliveries: int
    touched: set[StreamKey] = field(default_factory=set)
    faults: list[tuple[str, Fault]] = field(default_factory=list)


class Stager:
    """Turns groups of deliveries into commits.

    Args:
        ledger: what is settled; advanced by every group, so a group that could not be committed
            needs a rebuilt ledger before it is staged again.
        digests: what quarantine holds already.
        pilot_of: the pilot of an edge, or None.
        now_us: UTC now, µs.
        gate: what is lent and agreed now.

    """

    def __init__(
        self,
        ledger: Ledger,
        digests: set[bytes],
        pilot_of: Callable[[str], str | None],
        now_us: Callable[[], int],
        gate: GateNow,
    ) -> None:
        self.ledger = ledger
        self._digests = digests
        self._pilot_of = pilot_of
        self._now_us = now_us
        self._gate = gate
        self._plain = PlainReader(ledger)

    def stage(
        self,
        deliveries: Sequence[Delivery],
        births: Mapping[str, str],
        anchors: Sequence[Anchor] = (),
    ) -> Staged:
        """One commit for these data deliveries, newly read birth documents and clock anchors.

        It ends early where it would hold too many samples.
        """
        group = _Group()
        self._plain.begin(self._now_us())
        count = 0
        for delivery in deliveries:
            self._delivery(delivery, group)
            count += 1
            if group.samples + self._plain.samples >= MAX_SAMPLES:
                break
        group.adopt(self._plain.group)
        commit = Commit(
            group.all_readings(self._plain.block()),
            tuple(group.quarantined),
            tuple(group.receipts()),
            group.counts(),
            births,
            tuple(anchors),
            group.refusals(),
        )
        return Staged(commit, count, group.touched, group.faults)

    def refuse(self, delivery: Delivery, fault: Fault) -> Staged:
        """One commit that quarantines a delivery whole, whatever it holds."""
        group = _Group()
        parts = delivery.topic.split("/")
        self._poison(delivery, parts[4] if len(parts) > 4 else "", fault, group)
        commit = Commit((), tuple(group.quarantined), (), group.counts())
        return Staged(commit, 1, set(), group.faults)

    def _delivery(self, delivery: Delivery, group: _Group) -> None:
        sender = group.senders.get(delivery.topic) or self._sender(delivery, group)
        if sender is None:
            return
        if self._plain.take(delivery.payload, sender, self._gate(), delivery.received_us):
            return
        address = sender.address
        try:
            batch = decode(delivery.payload, address.device or "")
        except ContractError as exc:
            self._poison(delivery, address.edge, Fault(exc.field, exc.fix), group)
            return
        for frame in batch.frames:
            self._frame(frame, address, delivery, group)
        for loss in batch.losses:
            self._loss(loss, address, delivery, group)

    def _sender(self, delivery: Delivery, group: _Group) -> Sender | None:
        """Who sent a delivery; None when it may not be sent on this topic, and is poison."""
        try:
            address = _parse(delivery.topic)
        except ContractError as exc:
            self._poison(delivery, "", Fault(exc.field, exc.fix), group)
            return None
        fault = check_sender(address, self._pilot_of(address.edge))
        if fault is not None:
            self._poison(delivery, address.edge, fault, group)
            return None
        sender = group.senders[delivery.topic] = self._plain.sender(address)
        return sender

    def _poison(self, delivery: Delivery, edge: str, fault: Fault, group: _Group) -> None:
        """A delivery without a usable identity: known by its digest alone."""
        digest = _digest(delivery.topic, delivery.payload)
        if digest in self._digests:
            group.count(edge, _DUPLICATE)
            return
        self._digests.add(digest)
        group.quarantine(delivery, edge, delivery.payload, digest, fault)

    def _frame(self, frame: Frame, address: Address, delivery: Delivery, group: _Group) -> None:
        if frame.device != address.device:
            fault = check_frame(frame, address, delivery.received_us)
            self._refuse(Batch((frame,)), address, delivery, fault, group)
            return
        key = (address.edge, frame.device, frame.boot)
        admission = self.ledger.admit(key, frame.seq)
        group.touched.add(key)
        if admission is Admission.DUPLICATE:
            group.count(address.edge, _DUPLICATE)
        elif admission is Admission.REFUSED:
            fault = Fault("seq", "too many numbers are missing; send them gap-free")
            self._refuse(Batch((frame,)), address, delivery, fault, group)
        else:
            self._admitted(frame, address, delivery, group, admission is Admission.RECOVERED)

    def _admitted(
        self, frame: Frame, address: Address, delivery: Delivery, group: _Group, recovered: bool
    ) -> None:
        key = (address.edge, frame.device, frame.boot)
        if recovered:
            group.count(address.edge, _RECOVERED)
        fault = check_frame(frame, address, self._now_us())
        agreed = self._agreed(frame, address, delivery, fault)
        if agreed.refusal is not None:
            group.settle(key, frame.seq, Outcome.QUARANTINED)
            group.refuse(address.edge, f"{address.edge}.{frame.device}", agreed.refusal)
            return
        if fault is None and agreed.holder is not None:
            fault = not_on_lease(frame, agreed.holder)
        if fault is None:
            kept, at_us = strip(frame, agreed.metrics), delivery.received_us
            who, purposes = agreed.person, agreed.purposes
            reading = StoredReading(address.pilot, address.edge, kept, at_us, who, purposes)
            group.store(key, reading)
            return
        payload = encode(Batch((frame,)))
        group.settle(key, frame.seq, Outcome.QUARANTINED)
        group.quarantine(delivery, address.edge, payload, _digest(delivery.topic, payload), fault)

    def _agreed(
        self, frame: Frame, address: Address, delivery: Delivery, fault: Fault | None
    ) -> Verdict:
        """What may be kept of the frame; of one with a fault only the device is believed."""
        gate, at_us = self._gate(), delivery.received_us
        device = f"{address.edge}.{frame.device}"
        if fault is None:
            return verdict(gate, address.pilot, device, frame, at_us)
        return gate.decide(address.pilot, device, ANY_METRIC, t_us=at_us, now_us=at_us)

    def _refuse(
        self, batch: Batch, address: Address, delivery: Delivery, fault: Fault | None, group: _Group
    ) -> None:
        """Quarantine what is well formed but has no identity here."""
        assert fault is not None  # noqa: S101 - the callers found one
        payload = encode(batch)
        digest = _digest(delivery.topic, payload)
        if digest in self._digests:
            group.count(address.edge, _DUPLICATE)
            return
        self._digests.add(digest)
        group.quarantine(delivery, address.edge, payload, digest, fault)

    def _loss(self, loss: Loss, address: Address, delivery: Delivery, group: _Group) -> None:
        fault = check_loss(loss, address)
        if fault is not None:
            self._refuse(Batch((), (loss,)), address, delivery, fault, group)
            return
        key = (address.edge, loss.device, loss.boot)
        group.touched.add(key)
        for first, last in self.ledger.declare_lost(key, loss.first_seq, loss.last_seq):
            n = last - first + 1
            group.count(address.edge, Counts(accepted=n, lost=n))
            group.lost.append(Receipt(*key, first, last, Outcome.LOST))


class _Group:
    """What is collected while one group is staged."""

    def __init__(self) -> None:
        self.readings: list[StoredReading] = []
        self.quarantined: list[Quarantined] = []
        self.lost: list[Receipt] = []
        self.tally: dict[str, Counts] = {}
        self.touched: set[StreamKey] = set()
        self.faults: list[tuple[str, Fault]] = []
        self.samples = 0
        self.senders: dict[str, Sender] = {}
        self._refused: dict[tuple[str, str, str], int] = {}
        self._settled: dict[tuple[StreamKey, Outcome], list[tuple[int, int]]] = {}

    def count(self, edge: str, counts: Counts) -> None:
        self.tally[edge] = self.tally.get(edge, Counts()) + counts

    def counts(self) -> dict[str, Counts]:
        """What is counted of every edge, where it is anything."""
        return {edge: counts for edge, counts in self.tally.items() if counts != Counts()}

    def adopt(self, plain: PlainGroup) -> None:
        """Take over what went the short way."""
        for key, ranges in plain.settled.items():
            self._settled.setdefault((key, Outcome.STORED), []).extend(ranges)
        for edge, n in plain.stored.items():
            self.count(edge, Counts(accepted=n, stored=n))
        for edge, n in plain.duplicates.items():
            self.count(edge, Counts(accepted=n, duplicates=n))
        self.touched |= plain.settled.keys() | plain.touched

    def all_readings(self, block: ReadingBlock | None) -> Sequence[StoredReading]:
        """The readings, those of the block too."""
        return tuple(self.readings) if block is None else Readings(self.readings, block)

    def settle(self, key: StreamKey, seq: int, outcome: Outcome) -> None:
        self._settled.setdefault((key, outcome), []).append((seq, seq))

    def store(self, key: StreamKey, reading: StoredReading) -> None:
        self.readings.append(reading)
        self.samples += sum(len(channel.values) for channel in reading.frame.channels)
        self.settle(key, reading.frame.seq, Outcome.STORED)
        self.count(reading.edge, _STORED)

    def quarantine(
        self, delivery: Delivery, edge: str, payload: bytes, digest: bytes, fault: Fault
    ) -> None:
        self.quarantined.append(
            Quarantined(
                edge, delivery.topic, payload, fault.field, fault.fix, digest, delivery.received_us
            )
        )
        self.faults.append((edge, fault))
        self.count(edge, _QUARANTINED)

    def refuse(self, edge: str, device: str, reason: str) -> None:
        """Count a reading of which nothing may be kept, not even in quarantine."""
        key = (edge, device, reason)
        self._refused[key] = self._refused.get(key, 0) + 1
        self.count(edge, _QUARANTINED)

    def refusals(self) -> tuple[Refused, ...]:
        return tuple(Refused(*key, n) for key, n in self._refused.items())

    def receipts(self) -> list[Receipt]:
        """The settled numbers as ranges."""
        found = list(self.lost)
        for (key, outcome), ranges in self._settled.items():
            ranges.sort()
            first, last = ranges[0]
            for begin, end in ranges[1:]:
                if begin != last + 1:
                    found.append(Receipt(*key, first, last, outcome))
                    first = begin
                last = end
            found.append(Receipt(*key, first, last, outcome))
        return found


#: Topics repeat: an edge has a handful.
_parse = lru_cache(4096)(parse)


def _digest(topic: str, payload: bytes) -> bytes:
    return hashlib.blake2b(topic.encode() + b"\0" + payload, digest_size=16).digest()
