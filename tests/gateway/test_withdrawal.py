"""From a withdrawal over HTTP to the radio: the short version of the benchmark `withdrawal`."""

from __future__ import annotations

from pathlib import Path

import pytest
from gateway_kit import needs
from withdrawal_proof import tell

pytestmark = pytest.mark.network


def test_a_withdrawal_and_a_pause_reach_the_radio_and_nothing_late_is_kept(tmp_path: Path) -> None:
    needs("mosquitto")
    found = tell(tmp_path, 1)
    assert [told.kind for told in found] == ["withdrawn", "paused"]
    assert [told.stored_after for told in found] == [0, 0]
