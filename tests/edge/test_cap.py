"""The backlog's rate cap: what was sent decides when more may be."""

from __future__ import annotations

import pytest
from vointi_edge.uplink.cap import RateCap


def sent_in(cap: RateCap, seconds: float, size: int) -> int:
    """Bytes that a sender who is always ready gets through."""
    now_s, sent = 1000.0, 0
    while now_s < 1000.0 + seconds:
        wait_s = cap.wait_s(now_s)
        if wait_s == 0:
            cap.spend(size, now_s)
            sent += size
        now_s += max(wait_s, 0.001)
    return sent


@pytest.mark.parametrize("size", [100, 4_000, 16_000])
def test_the_average_is_kept_whatever_the_pieces(size: int) -> None:
    assert sent_in(RateCap(4_000), 60, size) == pytest.approx(240_000, abs=4_000 + size)


def test_without_a_cap_nothing_waits() -> None:
    cap = RateCap()
    cap.spend(10**9, 5.0)
    assert cap.wait_s(5.0) == 0


def test_a_change_counts_at_once() -> None:
    cap = RateCap(10)
    cap.spend(10_000, 5.0)
    assert cap.wait_s(5.0) > 900
    cap.change(1_000_000)
    assert cap.wait_s(5.0) == 0
