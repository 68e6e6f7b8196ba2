"""What a running edge does for itself: its clock's jumps, its vital signs, a disk that fails."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from edge_agent import Box, until
from edge_chain import Gateway, broker, free_port, mosquitto
from edge_parts import SetClock
from vointi_edge import steward
from vointi_edge.clockfloor import ClockFloor
from vointi_edge.outbox.database import connect_readonly
from vointi_edge.outbox.records import JournalEntry, read_journal
from vointi_edge.outbox.store import OutboxStore

pytestmark = [
    pytest.mark.network,
    pytest.mark.skipif(mosquitto() is None, reason="no mosquitto: apt-get install mosquitto"),
]
HOUR_US = 3_600_000_000


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steward, "LOOK_S", 0.05)
    monkeypatch.setattr(steward, "VITALS_S", 0.1)
    monkeypatch.setattr(steward, "MARK_S", 0.1)


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Gateway]:
    port = free_port()
    process = broker(tmp_path, port)
    gateway = Gateway(port)
    yield gateway
    gateway.close()
    process.kill()


def journal(box: Box) -> list[JournalEntry]:
    database = connect_readonly(box.folder / "data" / "outbox.db")
    try:
        return read_journal(database)
    finally:
        database.close()


async def test_a_jump_of_the_clock_is_an_event_and_an_anchor(
    tmp_path: Path, gateway: Gateway
) -> None:
    offset_us = time.time_ns() // 1000
    box = Box(tmp_path, gateway.port, clock=SetClock(wall_offset_us=offset_us))
    async with box.run() as agent:
        await until(lambda: gateway.anchors)
        agent.reading(box.heart_rate())
        box.clock.wall_offset_us = offset_us - HOUR_US
        await until(lambda: any(anchor.jump_us for anchor in list(gateway.anchors)))
        agent.reading(box.heart_rate())
        await until(lambda: gateway.count("hr") == 2)
    assert [anchor.jump_us for anchor in gateway.anchors if anchor.jump_us] == [-HOUR_US]
    kinds = [(entry.kind, entry.detail) for entry in journal(box)]
    assert kinds == [("clock set", ""), ("clock jump", "-3600.000 s")]
    first, second = (frame for _, frame, _ in gateway.arrivals)
    assert second.mono_us - first.mono_us == 1_000_000
    assert second.seq == first.seq + 1
    floor_us = ClockFloor(tmp_path / "data" / "clock.floor", released_us=0).read()
    assert floor_us == gateway.anchors[0].wall_us, "a jump back does not lower it"


async def test_vital_signs_and_the_mark_lie_where_others_find_them(
    tmp_path: Path, gateway: Gateway
) -> None:
    box = Box(tmp_path, gateway.port)
    async with box.run() as agent:
        agent.reading(box.heart_rate())
        await until((tmp_path / "run" / "vitals.json").exists)
        await until(lambda: json.loads((tmp_path / "run" / "vitals.json").read_text())["connected"])
        await until(lambda: agent._portrait.counts.committed)
    vitals = json.loads((tmp_path / "run" / "vitals.json").read_text())
    assert vitals["devices"][0]["device"] == "strap-1"
    assert "vointi_edge_connected 1\n" in (tmp_path / "run" / "metrics.prom").read_text()
    mark = json.loads((tmp_path / "data" / "outbox.db.mark").read_text())
    assert [name for name, _, _ in mark["sequences"]] == ["strap-1"]


async def test_a_disk_that_takes_no_notes_does_not_end_the_edge(
    tmp_path: Path, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise sqlite3.OperationalError("attempt to write a readonly database")

    for name in ("note", "save_anchor", "save_mark", "anchors"):
        monkeypatch.setattr(OutboxStore, name, refuse)
    box = Box(tmp_path, gateway.port)
    async with box.run() as agent:
        await until((tmp_path / "run" / "vitals.json").exists)
        agent.reading(box.heart_rate())
        await until(lambda: gateway.count("hr"))
        assert not box.ended()
