"""When readings are offered again: at a session's begin, and when confirmation fails to come."""

from __future__ import annotations

from dataclasses import replace

import pytest
from edge_parts import payload
from vointi_contract.codec import decode, encode
from vointi_contract.frame import Batch
from vointi_edge.backoff import Backoff
from vointi_edge.outbox.store import Row
from vointi_edge.uplink.bundle import BUNDLE_BYTES, bundles
from vointi_edge.uplink.plan import GAP_QUIET_S, GRACE_S, STALE_CAP_S, STALE_S, BacklogPlan


def begun(newest: int = 100) -> BacklogPlan:
    plan = BacklogPlan(0.0)
    plan.begin(newest, 1.0)
    return plan


def test_the_first_pass_waits_for_grace_or_the_first_confirmation() -> None:
    plan = BacklogPlan(10.0)
    assert not plan.first_due(10.0 + GRACE_S / 2)
    assert plan.first_due(10.0 + GRACE_S)
    plan.confirmed(10.1)
    assert plan.first_due(10.1)
    plan.begin(5, 10.2)
    plan.confirmed(10.3)
    assert not plan.first_due(10.4)


def test_the_first_pass_leaves_out_what_was_offered_live_in_this_session() -> None:
    plan = BacklogPlan(0.0)
    plan.offered_live(91, 0.2)
    plan.offered_live(92, 0.3)
    plan.begin(100, 0.5)
    assert plan.running is not None
    assert (plan.running.cursor, plan.running.horizon) == (0, 90)
    assert begun(0).running is None


def test_only_what_was_offered_long_ago_is_suspect() -> None:
    plan = begun()
    assert plan.suspect_upto(100.0) == 0  # a pass is running
    plan.running = None
    assert plan.suspect_upto(1.0 + STALE_S / 2) == 0
    plan.offered_live(101, 4.0)
    plan.offered_live(102, 8.0)
    assert plan.suspect_upto(1.0 + STALE_S) == 100
    assert plan.suspect_upto(4.6 + STALE_S) == 101
    assert plan.suspect_upto(9.0 + STALE_S) == 102
    assert plan.suspect_upto(60.0) == 102


def test_a_gap_is_offered_again_at_once_but_not_what_is_still_on_its_way() -> None:
    plan = BacklogPlan(0.0)
    plan.found_gap(1, 3, 0.1)
    assert plan.running is None  # the first pass is still to come and takes them along
    plan.begin(0, 0.5)
    plan.found_gap(2, 3, 1.2)
    assert plan.running is not None
    assert (plan.running.cursor, plan.running.horizon) == (1, 3)
    plan.passed(1.3)
    plan.found_gap(2, 3, 1.2 + GAP_QUIET_S)
    assert plan.running is None
    plan.found_gap(2, 3, 1.4 + GAP_QUIET_S)
    assert plan.running is not None


def test_the_end_of_a_long_pass_is_not_sent_twice() -> None:
    plan = begun()
    plan.offered_live(101, 2.0)
    plan.passed(150.0)
    assert plan.suspect_upto(150.0) == 0
    assert plan.suspect_upto(149.9 + STALE_S) == 0
    assert plan.suspect_upto(150.0 + STALE_S) == 101


def test_a_busy_lane_does_not_keep_its_past_young() -> None:
    plan = begun()
    plan.running = None
    for step in range(400):  # twenty readings a second
        plan.offered_live(101 + step, 1.0 + step / 20)
    assert plan.suspect_upto(21.0) == pytest.approx(101 + (20 - STALE_S) * 20, abs=12)


def test_passes_come_more_slowly_while_the_same_reading_stays_unconfirmed() -> None:
    plan = begun()
    now, waits = 1.0, []
    for _ in range(8):
        plan.running = None
        began = now
        while not (upto := plan.suspect_upto(now)):
            now += 0.5
        waits.append(now - began)
        plan.found_unconfirmed(7, upto, now)
        assert plan.running is not None
        assert plan.running.cursor == 6
    assert waits == sorted(waits)
    assert waits[-1] == pytest.approx(STALE_CAP_S, abs=1)
    plan.running = None
    plan.found_unconfirmed(55, 100, now)
    plan.running = None
    assert plan.suspect_upto(now + STALE_S) == 100


def test_bundles_hold_every_frame_once_in_order_and_stay_small() -> None:
    rows = [
        Row(number, device, 5, number, payload(device, 5, number, values=60))
        for number in range(1, 200)
        for device in ("strap-1", "oxi-1")
    ]
    messages = [(b.device, b.payload(2)) for b in bundles(rows)]
    seen: dict[str, list[int]] = {}
    for device, message in messages:
        frames = decode(message, device).frames
        assert {frame.device for frame in frames} == {device}
        seen.setdefault(device, []).extend(frame.seq for frame in frames)
        assert len(message) <= BUNDLE_BYTES
    assert seen == {device: list(range(1, 200)) for device in ("strap-1", "oxi-1")}
    assert len(messages) < len(rows) / 10


def test_for_an_older_gateway_a_bundle_goes_stream_by_stream_and_each_in_its_order() -> None:
    frames = [decode(payload("strap-1", 5, number)).frames[0] for number in range(1, 7)]
    rows = [
        Row(f.seq, f.device, 5, f.seq, encode(Batch((replace(f, stream="ab"[f.seq % 2]),))))
        for f in frames
    ]
    (bundle,) = bundles(rows)
    said = [(frame.stream, frame.seq) for frame in decode(bundle.payload(1)).frames]
    assert said == [("a", 2), ("a", 4), ("a", 6), ("b", 1), ("b", 3), ("b", 5)]


def test_a_single_frame_is_sent_as_it_was_kept() -> None:
    row = Row(1, "strap-1", 5, 1, payload("strap-1", 5, 1))
    (bundle,) = bundles([row])
    assert bundle.payload(2) == row.payload
    assert bundle.kept == len(row.payload)


def test_back_off_doubles_is_capped_random_and_starts_over() -> None:
    asked: list[tuple[float, float]] = []

    def upper(low: float, high: float) -> float:
        asked.append((low, high))
        return high

    backoff = Backoff(0.2, 1.0, 8.0, quick=2, uniform=upper)
    assert [backoff.next_s() for _ in range(5)] == [1.0, 1.0, 2.0, 4.0, 8.0]
    backoff.reset()
    assert backoff.next_s() == 1.0
    assert {low for low, _ in asked} == {0.2}
    real = Backoff(0.2, 1.0, 8.0)
    assert len({real.next_s() for _ in range(5)}) == 5
