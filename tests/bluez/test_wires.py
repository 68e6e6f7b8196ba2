"""Wired sensors through the kernel's own interfaces: its driver of the chip, its GPIO lines."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from bluez_books import balanced

pytestmark = [pytest.mark.bluez, pytest.mark.timeout(900)]


@pytest.mark.short
def test_chips_and_a_panel_are_read_through_the_kernel(play: Callable[..., Any]) -> None:
    found = play("wires")
    values = found["values"]
    # what Bosch's data sheet works out for these registers
    assert values["air-1/room_temperature"][-1] == pytest.approx(25.08, abs=0.01)
    assert values["air-1/air_pressure"][-1] == pytest.approx(1006.53, abs=0.05)
    assert 30 < values["air-1/room_humidity"][-1] < 80
    # what TI's data sheet works out for this register, and parts per billion as they are
    assert values["light-1/illuminance"][-1] == pytest.approx(88.8)
    assert values["gas-1/voc"][-1] == pytest.approx(271)
    assert values["panel-1/feedback"] == [1, 3, 4, 1]
    balanced(found)
