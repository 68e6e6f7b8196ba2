"""A cuff that tells nothing before it is paired, on real BlueZ."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from bluez_books import balanced

Play = Callable[..., dict[str, Any]]
pytestmark = [pytest.mark.bluez, pytest.mark.timeout(900)]
HEALED_S = 120.0


def test_a_bond_is_made_kept_and_made_again_where_it_was_lost(play: Play) -> None:
    found = play("bonds")
    assert found["key"]
    assert found["kept"] == found["key"]
    assert found["healed_s"] == [pytest.approx(HEALED_S / 2, abs=HEALED_S / 2)] * 6
    told = " ".join(note for *_, note in found["notes"])
    assert "it does not know this box any more" in told
    assert "it tells nothing before it is paired, and declines" in told
    balanced(found)


def test_a_bond_outlives_the_machine_s_restart(play: Play) -> None:
    first, second = play("rebooted"), play("rebooted", again=1)
    assert first["key"] == second["key"] == second["before"]
    for found in (first, second):
        assert found["healed_s"][0] <= HEALED_S
        balanced(found)
