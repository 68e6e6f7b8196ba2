"""Hours of trouble on real BlueZ; VOINTI_SOAK_HOURS=24 makes a day of the same.

Troubles come every one to five minutes, each waited for to heal.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest
from bluez_books import balanced

HOURS = float(os.environ.get("VOINTI_SOAK_HOURS", "0.25"))
# An hour takes two minutes of a quiet core; the limit is for one that is ten times slower.
LIMIT_S = 600 + HOURS * 1200
pytestmark = [pytest.mark.bluez, pytest.mark.timeout(LIMIT_S + 60)]


def test_a_home_in_trouble_heals_by_itself(play: Callable[..., dict[str, Any]]) -> None:
    found = play("soak", LIMIT_S, hours=HOURS, seed=4)
    assert found["troubles"] >= 8 * HOURS
    assert found["unhealed"] == []
    assert found["found_s"] <= 90, found["found"][:3]
    assert found["healed_s"][0] <= 120, found["healed"][:3]
    balanced(found)
