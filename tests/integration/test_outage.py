"""Without a broker for a while in compressed time: everything comes, and nothing comes twice."""

from __future__ import annotations

from pathlib import Path

import pytest
from outage_proof import outage

pytestmark = [pytest.mark.network, pytest.mark.slow, pytest.mark.timeout(280)]


def test_what_was_measured_in_an_outage_is_stored_once(module_tmp: Path) -> None:
    """Three minutes, by device and sequence range; `--only outage` does it with thirteen hours."""
    found = outage(module_tmp, hours=0.05, slow=False)
    assert found.backlog > 400  # of some 520; the last ones are not committed yet
    assert {name.split("/")[0] for name in found.account.ranges} == {
        "strap-1", "oximeter-1", "bedroom-air",
    }  # fmt: skip
    assert found.account.lost == 0
    assert found.account.twice == 0
    assert found.account.missing == {}
    assert found.account.conserved
