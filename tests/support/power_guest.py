"""Runs in the machine: says what the outbox on /disk holds, then writes until the power goes.

    python3 -m power_guest [--unsafe]

Everything told to /share is flushed through, so that it outlives the cut. `--unsafe` takes
SQLite's fsync away: with it the proof must fail.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections import deque
from pathlib import Path
from typing import Any

import numpy as np
from vointi_contract.ack import Watermark
from vointi_contract.codec import encode
from vointi_contract.frame import Batch, Channel, ClockState, Frame, Quality
from vointi_edge.agent import kernel_boot_id
from vointi_edge.outbox.store import Entry, OutboxStore, Row, read_counts
from vointi_edge.outbox.writer import OutboxWriter

DISK, SHARE = Path("/disk/outbox.db"), Path("/share")
# Each tells readings of one class.
DEVICES = {
    "strap-1": "waveform",
    "oximeter-1": "scalar",
    "strap-2": "waveform",
    "panel-1": "event",
}
STRAPS = tuple(device for device, class_ in DEVICES.items() if class_ == "waveform")
# As an edge has it without a word in its configuration: outbox.commit_ms, half of mqtt.hold_ms.
COMMIT_S, PATIENCE_S = 0.020, 0.250
# A home of six devices says ten readings a second; five times as many hurt no less.
PERIOD_S = 0.02
# So many readings of straps alone, which wait for their commit; then as many of all.
PHASE = 60
# The gateway confirms what is 200 readings old: rows are deleted as well as written.
KEEP = 200


def _tell(name: str, line: str) -> None:
    with (SHARE / name).open("a") as file:
        file.write(line + "\n")
        file.flush()
        os.fsync(file.fileno())


def found(store: OutboxStore) -> dict[str, Any]:
    """What is in the file; `holes` are numbers between first and last that are nowhere."""
    database = store._database
    held: dict[str, Any] = {}
    for device, boot, first, last, count in database.execute(
        "SELECT s.device, s.boot, MIN(f.seq), s.last, COUNT(f.seq) FROM sequence s"
        " LEFT JOIN frame f ON f.device = s.device AND f.boot = s.boot GROUP BY 1, 2"
    ):
        held[f"{device}/{boot}"] = {"first": first, "last": last, "rows": count}
    (integrity,) = database.execute("PRAGMA integrity_check").fetchone()
    counts = read_counts(database)
    return {
        "held": held,
        "integrity": integrity,
        "balanced": counts.accepted == counts.pending + counts.committed + counts.lost
        and counts.accepted == sum(each["last"] for each in held.values()),
        "lost": counts.lost,
        "damaged": DISK.with_name(DISK.name + ".damaged").exists(),
    }


class Home:
    """Offers readings, and tells which were committed and how long the oldest waited for it."""

    def __init__(self, unsafe: bool) -> None:
        self._unsafe = unsafe
        self._offered: dict[str, deque[float]] = {class_: deque() for class_ in DEVICES.values()}
        self._last: dict[tuple[str, int], int] = {}
        self._writer = OutboxWriter(self._open, COMMIT_S, self._committed, patience_s=PATIENCE_S)

    def _open(self) -> OutboxStore:
        store = OutboxStore(DISK, kernel_boot_id(), 1 << 26)
        _tell("found", json.dumps(found(store)))
        if self._unsafe:
            store._database.execute("PRAGMA synchronous = OFF")
        return store

    def _committed(self, rows: list[Row]) -> None:
        now_s, waited_s = time.monotonic(), dict.fromkeys(self._offered, 0.0)
        for row in rows:
            offered_s = self._offered[row.class_].popleft()
            waited_s[row.class_] = max(waited_s[row.class_], now_s - offered_s)
            self._last[row.device, row.boot] = row.seq
        last = {f"{device}/{boot}": seq for (device, boot), seq in self._last.items()}
        _tell("acked", json.dumps({"last": last, "waited_s": waited_s}))

    def run(self) -> None:
        self._writer.start()
        number = 0
        while True:
            number += 1
            among = tuple(DEVICES) if number // PHASE % 2 else STRAPS
            device = among[number % len(among)]
            class_ = DEVICES[device]
            encode_it = _encoder(device, number)
            self._offered[class_].append(time.monotonic())
            self._writer.offer(Entry(device, class_, encode_it, "ecg"))
            if number % KEEP == 0:
                self._confirm()
            time.sleep(PERIOD_S)

    def _confirm(self) -> None:
        marks = [
            Watermark(device, boot, seq - KEEP // len(DEVICES), ())
            for (device, boot), seq in self._last.items()
            if seq > KEEP
        ]
        with self._writer._wake:
            self._writer._jobs.append(lambda store: _commit(store, marks))
            self._writer._wake.notify()


def _commit(store: OutboxStore, marks: list[Watermark]) -> None:
    store.commit(marks)


def _encoder(device: str, number: int) -> Any:
    values = np.cumsum(np.random.default_rng(number).normal(0, 20, 73)).astype(np.int32)

    def payload(boot: int, seq: int) -> bytes:
        frame = Frame(
            device, "ecg", boot, seq, number * 20_000, None, ClockState.UNSYNCED, 0, 130.0, None,
            (Channel(1, values),), None, Quality.OK,
        )  # fmt: skip
        return encode(Batch((frame,)))

    return payload


def main() -> None:
    if "--look" in sys.argv:
        store = OutboxStore(DISK, "nobody", 1 << 26)
        _tell("found", json.dumps(found(store)))
        store.close()
    else:
        Home("--unsafe" in sys.argv).run()


if __name__ == "__main__":
    main()
