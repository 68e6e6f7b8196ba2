"""Where the time of one group goes: each stage of ingest alone, the quickest of several runs."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from vointi_codec import whole_blocks
from vointi_contract.codec import FORMAT_PACKED, decode, inflate
from vointi_gateway.ingest.ledger import Ledger
from vointi_gateway.ingest.plain import PlainReader
from vointi_gateway.ingest.stage import Delivery, Stager
from vointi_gateway.interpreter import settle
from vointi_gateway.store.embedded import EmbeddedStore
from vointi_gateway.store.embedded.anchors import AnchorTable
from vointi_gateway.store.embedded.rows import RowBuilder
from vointi_gateway.store.model import Commit

from benchmarks.ingest_rig import NOW_US, agreed
from benchmarks.strap_payloads import PILOT, Sent, Strap

REPEATS = 8


@dataclass(frozen=True, slots=True)
class Stages:
    """CPU seconds of one group by stage, and of the pure reader for comparison."""

    unpack_s: float
    read_s: float
    decide_s: float
    columns_s: float
    transaction_s: float
    pure_s: float

    @property
    def total_s(self) -> float:
        return self.unpack_s + self.read_s + self.decide_s + self.columns_s + self.transaction_s


def measure(folder: Path, homes: Sequence[Strap], sent: Sequence[Sent]) -> Stages:
    """The stages of one group of these messages."""
    arrived = [
        Delivery(message.topic, message.payload, i, 1, 1, False, NOW_US)
        for i, message in enumerate(sent)
    ]
    unpack_s = _best(lambda: _unpack(sent))
    read_s = _best(lambda: _read(sent)) - unpack_s
    stage_s = _best(lambda: _stage(homes, arrived))
    commit = _stage(homes, arrived)
    columns_s = _best(lambda: _columns(commit))
    commit_s = min(_commit_s(folder / f"{n}.duckdb", homes, arrived) for n in range(3))
    return Stages(
        unpack_s,
        read_s,
        stage_s - unpack_s - read_s,
        columns_s,
        commit_s - columns_s,
        _best(lambda: [decode(m.payload, _device(m).decode()) for m in sent], 1),
    )


def commit_times(
    path: Path, homes: Sequence[Strap], groups: Sequence[Sequence[Sent]]
) -> list[float]:
    """Milliseconds by the clock of committing each group, the first few left out."""
    store = EmbeddedStore(path)
    store.open()
    settle()
    stager, times = _stager(homes), []
    for group in groups:
        arrived = [Delivery(m.topic, m.payload, 1, 1, 1, False, NOW_US) for m in group]
        commit = stager.stage(arrived, {}).commit
        began = time.perf_counter()
        store.commit(commit)
        times.append((time.perf_counter() - began) * 1000)
    store.close()
    return times[3:]


def _best(call: Callable[[], object], repeats: int = REPEATS) -> float:
    found = []
    for _ in range(repeats):
        began = time.thread_time()
        call()
        found.append(time.thread_time() - began)
    return min(found)


def _packed(message: Sent) -> bool:
    return message.payload[0] == FORMAT_PACKED


def _device(message: Sent) -> bytes:
    return message.topic.rpartition("/")[2].encode()


def _unpack(sent: Sequence[Sent]) -> list[bytes]:
    """What the compiled reader is given: packed payloads are not compressed."""
    return [
        m.payload if _packed(m) else inflate(m.payload[1:])
        for m in sent
        if _packed(m) or whole_blocks(m.payload, 1)
    ]


def _read(sent: Sequence[Sent]) -> None:
    reader = PlainReader(Ledger())
    reader.begin(NOW_US)
    columns = reader._columns
    if columns is None:
        raise RuntimeError("the compiled reader is not installed; run `make ext`")
    for message, raw in zip(sent, _unpack(sent), strict=True):
        if columns.add(raw, 0, _device(message), NOW_US, _packed(message)) is None:
            raise RuntimeError(f"declined: a message on {message.topic}")
    columns.take()


def _stager(homes: Sequence[Strap]) -> Stager:
    gate = agreed(homes)
    return Stager(Ledger(), set(), lambda _edge: PILOT, lambda: NOW_US, lambda: gate)


def _stage(homes: Sequence[Strap], arrived: Sequence[Delivery]) -> Commit:
    return _stager(homes).stage(arrived, {}).commit


def _columns(commit: Commit) -> None:
    ids: dict[tuple[str, str, str], int] = {}
    rows = RowBuilder(
        lambda owner, stream, metric: ids.setdefault((owner.device, stream, metric), len(ids)),
        AnchorTable().with_new(()),
    )
    rows.extend(commit.readings)
    rows.segments()
    rows.scalars()


def _commit_s(path: Path, homes: Sequence[Strap], arrived: Sequence[Delivery]) -> float:
    """CPU seconds of the second commit of a store: the first one makes series."""
    store = EmbeddedStore(path)
    store.open()
    commit = _stage(homes, arrived)
    store.commit(commit)
    began = time.process_time()
    store.commit(commit)
    took = time.process_time() - began
    store.close()
    return took
