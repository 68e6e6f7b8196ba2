"""The backlog's window on simulated lines: full, but with little waiting in front of live data."""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from vointi_edge.uplink.cap import RateCap
from vointi_edge.uplink.flight import CAP, FLOOR, Flight
from vointi_edge.uplink.lane import BacklogLane
from vointi_edge.uplink.plan import Pass

MBIT = 125_000.0


@dataclass
class Line:
    """A queue in front of a rate, and a way there and back; time jumps from PUBACK to PUBACK."""

    rate: float = MBIT
    way_s: float = 0.080
    noise_s: float = 0.0
    clumps: bool = False  # what is late holds up what comes after it, as on one connection
    now_s: float = 1000.0
    carried: int = 0
    waited_s: list[float] = field(default_factory=list)
    _free_s: float = 0.0
    _last_s: float = 0.0
    _coming: list[tuple[float, int]] = field(default_factory=list)
    _chance: random.Random = field(default_factory=lambda: random.Random(1))

    def put(self, mid: int, size: int) -> None:
        self.waited_s.append(max(0.0, self._free_s - self.now_s))
        self._free_s = max(self._free_s, self.now_s) + size / self.rate
        late_s = self._chance.expovariate(1 / self.noise_s) if self.noise_s else 0.0
        back_s = self._free_s + self.way_s + late_s
        self._last_s = max(back_s, self._last_s if self.clumps else 0.0)
        heapq.heappush(self._coming, (self._last_s, mid))
        self.carried += size

    def passes(self, seconds: float) -> bool:
        """Let time pass, unless an acknowledgement comes before that."""
        if not seconds or (self._coming and self._coming[0][0] < self.now_s + seconds):
            return False
        self.now_s += seconds
        return True

    def next_ack(self) -> int:
        self.now_s, mid = heapq.heappop(self._coming)
        return mid


def drain(flight: Flight, line: Line, seconds: float, size: int = 1_300) -> float:
    """Send as much as the window lets through; return the share of the line that was used."""
    begun_s, carried = line.now_s, line.carried
    mid = carried
    while line.now_s < begun_s + seconds:
        while flight.room() and not flight.pause_s(line.now_s):
            mid += 1
            flight.sent(mid, size, line.now_s)
            line.put(mid, size)
        if flight.room() and line.passes(flight.pause_s(line.now_s)):
            continue
        flight.acked(line.next_ack(), line.now_s)
    return (line.carried - carried) / (line.now_s - begun_s) / line.rate


@pytest.mark.parametrize("noise_s", [0.0, 0.030])
def test_the_line_is_full_and_a_live_frame_hardly_waits(noise_s: float) -> None:
    line, flight = Line(noise_s=noise_s), Flight()
    assert drain(flight, line, 60) >= 0.90
    waits = sorted(line.waited_s[100:])
    assert waits[int(len(waits) * 0.99)] <= 0.045


def test_acknowledgements_that_come_in_a_clump_make_no_queue() -> None:
    line, flight = Line(noise_s=0.015, clumps=True), Flight()
    assert drain(flight, line, 120) >= 0.85
    waits = sorted(line.waited_s)
    assert waits[int(len(waits) * 0.99)] <= 0.045
    assert waits[-1] <= 0.070


@pytest.mark.parametrize(("rate", "way_s"), [(MBIT / 8, 0.3), (MBIT, 0.02), (8 * MBIT, 0.05)])
def test_other_lines_are_learnt(rate: float, way_s: float) -> None:
    line, flight = Line(rate=rate, way_s=way_s), Flight()
    drain(flight, line, 30)
    assert drain(flight, line, 30) >= 0.85


def test_a_longer_way_is_no_queue_for_ever() -> None:
    line, flight = Line(way_s=0.040), Flight()
    drain(flight, line, 30)
    line.way_s = 0.200
    drain(flight, line, 120)
    assert drain(flight, line, 60) >= 0.85


def test_the_window_has_bounds() -> None:
    line, flight = Line(rate=1e9, way_s=0.5), Flight()
    drain(flight, line, 120)
    assert flight.window == CAP
    line.rate, line.way_s, line._free_s = 8_000.0, 0.01, line.now_s
    drain(flight, line, 600)
    assert flight.window == FLOOR


def test_small_messages_teach_nothing() -> None:
    flight = Flight()
    before = flight.window
    for mid in range(100):
        flight.sent(mid, 80, 1.0)
        flight.acked(mid, 9.0)
    assert flight.window == before
    assert flight.room()


def test_an_unknown_acknowledgement_is_let_pass() -> None:
    flight = Flight()
    flight.acked(5, 1.0)
    assert flight.messages == 0
    assert flight.oldest_s == float("inf")


# ---- the lane


@dataclass(frozen=True)
class Kept:
    id: int
    device: str
    payload: bytes


class Rows:
    """An outbox of rows that cannot be joined with others: one a device."""

    def __init__(self, payload: Callable[[int], bytes], count: int) -> None:
        self.rows = [Kept(n, f"dev-{n}", payload(n)) for n in range(1, count + 1)]

    async def read(self, after: int, upto: int, max_bytes: int) -> list[Kept]:
        return [row for row in self.rows if after < row.id <= upto][:30]


async def test_a_part_of_the_sessions_window_is_left_to_live_messages() -> None:
    sent: list[str] = []

    def publish(device: str, _payload: bytes) -> int:
        sent.append(device)
        return len(sent)

    lane, running = BacklogLane(publish, 20), Pass(0, 100)
    store = Rows(lambda n: bytes(10), 100)
    assert await lane.load(running, store)  # type: ignore[arg-type]
    for _ in range(14):
        lane.send_one(RateCap(), 1.0, 2)
    assert len(sent) == 12
    assert not lane.room()
    lane.flight.acked(1, 1.1)
    lane.send_one(RateCap(), 1.1, 2)
    assert sent == [f"dev-{n}" for n in range(1, 14)]


async def test_every_row_goes_once_and_the_end_is_noticed() -> None:
    sent: list[str] = []

    def publish(device: str, _payload: bytes) -> int:
        sent.append(device)
        return len(sent)

    lane, running = BacklogLane(publish, 20), Pass(0, 75)
    store = Rows(lambda n: bytes(10), 100)
    while await lane.load(running, store):  # type: ignore[arg-type]
        lane.send_one(RateCap(), 1.0, 2)
        for mid in range(len(sent) + 1):
            lane.flight.acked(mid, 1.0)
    assert sent == [f"dev-{n}" for n in range(1, 76)]


async def test_what_was_read_and_not_sent_can_be_forgotten() -> None:
    lane, running = BacklogLane(lambda device, payload: 1, 1), Pass(0, 100)
    store = Rows(lambda n: bytes(10), 100)
    await lane.load(running, store)  # type: ignore[arg-type]
    lane.forget()
    again = Pass(0, 0)
    assert not await lane.load(again, store)  # type: ignore[arg-type]
