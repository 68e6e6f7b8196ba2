"""Fifteen minutes of trouble in virtual time; `python -m benchmarks --only soak` runs longer."""

from __future__ import annotations

import asyncio
import logging

import pytest
from radio_soak import Report, soak
from virtual_time import run_virtual


@pytest.fixture(scope="module")
def report() -> Report:
    logging.getLogger("bumble").setLevel(logging.CRITICAL)
    return run_virtual(soak(900, seed=4, devices=2))


def test_every_stall_is_found_and_healed_by_itself(report: Report) -> None:
    assert report.troubles >= 6
    assert report.unhealed == []
    assert max(report.found_s, default=0) <= 90
    assert max(report.healed_s)[0] <= 120, max(report.healed_s)


def test_links_are_made_at_once(report: Report) -> None:
    assert report.connect_median_s <= 1
    assert report.within_two_tries >= 0.95


def test_every_reading_is_accounted_for(report: Report) -> None:
    assert report.given > 1000
    assert report.conserved


def test_virtual_time_waits_for_nothing() -> None:
    async def a_day() -> float:
        loop = asyncio.get_running_loop()
        began = loop.time()
        await asyncio.sleep(86_400)
        return loop.time() - began

    assert run_virtual(a_day()) == pytest.approx(86_400)
