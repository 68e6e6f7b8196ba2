"""Waveforms wait a moment for company; nothing else waits, and numbers stay in order."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from vointi_edge.outbox.store import Row
from vointi_edge.uplink.live import HOLD_S, LiveLane


def row(number: int, class_: str, device: str = "strap-1", size: int = 100) -> Row:
    return Row(number, device, 5, number, bytes(size), class_)


def numbers(messages: list[list[Row]]) -> list[list[int]]:
    return [[one.seq for one in message] for message in messages]


def test_a_waveform_waits_and_a_scalar_takes_it_along() -> None:
    lane = LiveLane()
    assert lane.offer([row(1, "waveform"), row(2, "waveform")], 0.0) == []
    assert lane.next_s() == HOLD_S
    assert numbers(lane.offer([row(3, "scalar"), row(4, "waveform")], 0.1)) == [[1, 2, 3]]
    assert lane.next_s() == 0.1 + HOLD_S


def test_devices_do_not_wait_for_each_other() -> None:
    lane = LiveLane()
    lane.offer([row(1, "waveform")], 0.0)
    assert numbers(lane.offer([row(7, "event", "box-1")], 0.1)) == [[7]]
    assert lane.next_s() == HOLD_S


def test_nothing_waits_longer_than_it_may() -> None:
    lane = LiveLane(0.3)
    lane.offer([row(1, "waveform")], 0.0)
    lane.offer([row(2, "waveform")], 0.25)
    assert lane.due(0.29) == []
    assert numbers(lane.due(0.3)) == [[1, 2]]
    assert lane.next_s() is None


def test_a_flood_goes_before_its_time() -> None:
    lane = LiveLane()
    flood = [row(n, "waveform", size=1000) for n in range(1, 21)]
    assert numbers(lane.offer(flood, 0.0)) == [list(range(1, 10)), list(range(10, 19))]


def test_without_a_hold_every_reading_goes_at_once() -> None:
    lane = LiveLane(0.0)
    assert numbers(lane.offer([row(1, "waveform")], 5.0)) == [[1]]


def test_what_waits_can_be_forgotten() -> None:
    lane = LiveLane()
    lane.offer([row(1, "waveform")], 0.0)
    lane.forget()
    assert lane.due(9.0) == []
    assert numbers(lane.offer([row(2, "scalar")], 9.0)) == [[2]]


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["waveform", "scalar", "summary", "event", ""]),
            st.sampled_from(["strap-1", "strap-2"]),
            st.floats(0, 0.4),
        )
    )
)
def test_every_reading_goes_once_and_in_the_order_of_its_device(
    said: list[tuple[str, str, float]],
) -> None:
    lane, now_s, sent = LiveLane(), 0.0, []
    for number, (class_, device, later_s) in enumerate(said, start=1):
        now_s += later_s
        sent += lane.offer([row(number, class_, device)], now_s)
    sent += lane.due(now_s + HOLD_S)
    for device in ("strap-1", "strap-2"):
        gone = [one.seq for message in sent for one in message if one.device == device]
        assert gone == [n for n, (_, own, _) in enumerate(said, start=1) if own == device]
    assert all(len({one.device for one in message}) == 1 for message in sent)
