"""What waits for the writer: lanes, turns, shares; a flood harms its own edge alone."""

from __future__ import annotations

import queue
import threading
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st
from vointi_gateway.ingest.inbox import BACKLOG_EVERY, COMPANY, COMPANY_S, Inbox, Lane
from vointi_gateway.ingest.stage import Delivery


@dataclass
class Clock:
    s: float = 0.0

    def now(self) -> float:
        return self.s


def _delivery(edge: str, n: int, lane: str = "d") -> Delivery:
    return Delivery(f"vointi/1/p/7/{edge}/{lane}/strap", b"x", n, 1, 1, False, 0)


def _inbox(size: int = 100_000, rate_hz: float = 1e9, burst: int = 100_000) -> Inbox:
    return Inbox(size, rate_hz, burst, Clock().now)


def _edges(inbox: Inbox) -> list[str]:
    found = []
    while True:
        try:
            found.append(inbox.get().topic.split("/")[4])
        except queue.Empty:
            return found


def test_five_thousand_of_one_edge_are_one_turn_of_anothers_wait() -> None:
    inbox = _inbox()
    for n in range(5000):
        inbox.put(_delivery("flood", n), "live", 0)
    inbox.put(_delivery("home", 1), "live", 0)
    assert _edges(inbox)[:2] == ["flood", "home"]


def test_over_its_share_an_edge_is_held_back_and_counted_and_another_is_not() -> None:
    clock = Clock()
    inbox = Inbox(1000, 10.0, 20, clock.now)
    taken = [inbox.put(_delivery("flood", n), "live", 0) for n in range(50)]
    assert taken == [True] * 20 + [False] * 30
    assert inbox.put(_delivery("home", 1), "live", 0)
    assert inbox.held_back == {"flood": 30}
    clock.s += 0.5
    taken = [inbox.put(_delivery("flood", n), "backlog", 0) for n in range(10)]
    assert taken == [True] * 5 + [False] * 5
    clock.s += 1000
    assert sum(inbox.put(_delivery("flood", n), "live", 0) for n in range(50)) == 20


def test_a_flood_does_not_wait_for_room_in_the_sessions_thread() -> None:
    inbox = Inbox(5, 1.0, 5, Clock().now)
    for n in range(5):
        assert inbox.put(_delivery("flood", n), "live", 0)
    assert not inbox.put(_delivery("flood", 6), "live", 60)
    with pytest.raises(queue.Full):
        inbox.put(_delivery("home", 1), "live", 0)
    inbox.get()
    # The room that was waited for in vain has cost nothing of the share.
    assert [inbox.put(_delivery("home", n), "live", 0) for n in range(1)] == [True]
    assert inbox.held_back == {"flood": 1}


def test_live_goes_first_and_the_backlog_is_never_starved() -> None:
    inbox = _inbox()
    for n in range(40):
        inbox.put(_delivery("old", n, "b"), "backlog", 0)
        inbox.put(_delivery("new", n), "live", 0)
    order = _edges(inbox)
    assert order[: BACKLOG_EVERY - 1] == ["new"] * (BACKLOG_EVERY - 1)
    assert order[:40].count("old") == 40 // BACKLOG_EVERY
    assert sorted(order) == ["new"] * 40 + ["old"] * 40


@pytest.mark.parametrize(
    ("live", "backlog", "size", "enough"),
    [
        (0, 0, 100, False),
        (0, COMPANY - 1, 100, False),
        (0, COMPANY, 100, True),
        (0, 3, 3, True),
        (1, 0, 100, True),
        (1, 1, 100, True),
    ],
)
def test_a_little_backlog_waits_for_company_and_nothing_live_does(
    live: int, backlog: int, size: int, enough: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    inbox, asked = Inbox(size, 1e9, 1000, Clock().now), []
    for n in range(backlog):
        inbox.put(_delivery("old", n, "b"), "backlog", 0)
    for n in range(live):
        inbox.put(_delivery("new", n), "live", 0)
    wait = lambda holds, timeout: asked.append((bool(holds()), timeout))  # noqa: E731
    monkeypatch.setattr(inbox._filled, "wait_for", wait)
    assert len(inbox.take(100, 10**6, 60.0)) == live + backlog
    assert asked == [(live + backlog > 0, 60.0), (enough, COMPANY_S)]


def test_a_full_backlog_leaves_the_live_lane_open() -> None:
    inbox = Inbox(3, 1e9, 1000, Clock().now)
    for n in range(3):
        inbox.put(_delivery("old", n, "b"), "backlog", 0)
    with pytest.raises(queue.Full):
        inbox.put(_delivery("old", 4, "b"), "backlog", 0)
    assert inbox.put(_delivery("new", 1), "live", 0)


def test_who_waits_is_woken() -> None:
    inbox = Inbox(1, 1e9, 1000)
    got: list[int] = []
    thread = threading.Thread(target=lambda: got.extend(inbox.get(60).mid for _ in range(2)))
    thread.start()
    for n in (1, 2):
        assert inbox.put(_delivery("home", n), "live", 60)
    thread.join(60)
    assert got == [1, 2]
    with pytest.raises(queue.Empty):
        inbox.get(0.001)


_PUTS = st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["live", "backlog"])))


@given(_PUTS)
def test_everything_comes_out_once_and_each_edges_lane_in_order(
    puts: list[tuple[str, Lane]],
) -> None:
    inbox = _inbox()
    for n, (edge, lane) in enumerate(puts):
        inbox.put(_delivery(edge, n, lane[0]), lane, 0)
    out = [inbox.get() for _ in puts]
    assert sorted(d.mid for d in out) == list(range(len(puts)))
    for edge in "abc":
        for lane in "lb":
            mine = [d.mid for d in out if d.topic.split("/")[4:6] == [edge, lane]]
            assert mine == sorted(mine)


def test_a_group_is_taken_in_the_same_order_and_bounded() -> None:
    inbox, other = _inbox(), _inbox()
    for n in range(40):
        for box in (inbox, other):
            box.put(_delivery("old", n, "b"), "backlog", 0)
            box.put(_delivery("new", n), "live", 0)
    order = [(d.topic, d.mid) for d in (other.get() for _ in range(80))]
    found = inbox.take(3, 10**6)
    found += inbox.take(1000, 10 * len(found[0].payload))
    assert len(found) == 3 + 10
    found += inbox.take(1000, 10**9)
    assert [(d.topic, d.mid) for d in found] == order
    assert inbox.take(5, 5) == []
