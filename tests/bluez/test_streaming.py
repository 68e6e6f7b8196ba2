"""The unmodified edge on real BlueZ: what the simulated strap says arrives, once, in order."""

from __future__ import annotations

import pytest
from bluez_books import balanced
from uml import Machine

pytestmark = [pytest.mark.bluez, pytest.mark.timeout(600)]


def test_heart_rate_and_raw_ecg_arrive_and_are_accounted_for(machine: Machine) -> None:
    found = machine.play("streams", seconds=60)
    balanced(found)
    assert found["counts"]["strap-1/hr"] >= 60
    # 130 Hz: what a minute of heart rates takes, less the moments of linking
    assert found["samples"]["strap-1/ecg"] >= 55 * 130
    assert found["longest_s"]["strap-1/ecg"] < 3
