"""The unmodified edge on real BlueZ: what the simulated strap says arrives, once, in order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from bluez_books import balanced

Play = Callable[..., dict[str, Any]]
pytestmark = [pytest.mark.bluez, pytest.mark.timeout(600)]


@pytest.mark.short
def test_heart_rate_and_raw_ecg_arrive_and_are_accounted_for(play: Play) -> None:
    found = play("streams", seconds=60)
    balanced(found)
    assert found["counts"]["strap-1/hr"] >= 60
    # 130 Hz: what a minute of heart rates takes, less the moments of linking
    assert found["samples"]["strap-1/ecg"] >= 55 * 130
    assert found["longest_s"]["strap-1/ecg"] < 3
