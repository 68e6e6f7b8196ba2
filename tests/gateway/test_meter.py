"""How late readings are: the recent ones as percentiles, all of them in steps."""

from __future__ import annotations

from itertools import accumulate

from vointi_gateway.ingest.meter import BOUNDS_MS, KEPT, LIVE_MS, LatencyMeter


def test_each_latency_is_in_the_step_that_ends_with_it_or_above_it() -> None:
    meter = LatencyMeter()
    for value_ms in (0.0, 5.0, 5.1, 50.0, 50.1, LIVE_MS):
        meter.add(value_ms)
    found = meter.histogram()
    upto = dict(zip(BOUNDS_MS, accumulate(found.steps), strict=True))
    assert (upto[5.0], upto[10.0], upto[20.0], upto[50.0], upto[100.0]) == (2, 3, 3, 4, 5)
    assert upto[LIVE_MS] == sum(found.steps) == 6
    assert found.sum_ms == 110.2 + LIVE_MS


def test_what_another_clock_or_a_backlog_says_is_nowhere() -> None:
    meter = LatencyMeter()
    meter.extend([-0.1, LIVE_MS + 0.1])
    assert meter.percentiles() == (None, None)
    assert sum(meter.histogram().steps) == 0


def test_the_histogram_keeps_what_the_percentiles_forget() -> None:
    meter = LatencyMeter()
    meter.extend([500.0] * 100)
    meter.extend([1.0] * KEPT)
    assert meter.percentiles() == (1.0, 1.0)
    assert meter.histogram().steps[BOUNDS_MS.index(500.0)] == 100
