"""A break and its end, on real BlueZ."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from bluez_books import balanced

pytestmark = [pytest.mark.bluez, pytest.mark.timeout(900)]
#: Five seconds without a sign, a scan that begins anew, and a link.
BACK_S = 20.0


def test_who_comes_back_from_a_break_is_linked_soon(play: Callable[..., dict[str, Any]]) -> None:
    found = play("paused")
    assert found["healed_s"] == [pytest.approx(BACK_S / 2, abs=BACK_S / 2)] * 2
    balanced(found)
