"""The machine's power goes while the outbox is written to its disk."""

from __future__ import annotations

from pathlib import Path

import pytest
from power_proof import cuts, possible

pytestmark = [
    pytest.mark.bluez,
    pytest.mark.timeout(600),
    pytest.mark.skipif(bool(possible()), reason=possible() or "possible"),
]


def test_nothing_that_was_told_as_durable_is_gone(tmp_path: Path) -> None:
    """Two cuts; `python -m benchmarks --only power_cut` makes twenty, and a control that loses."""
    made = cuts(tmp_path, 2)
    assert [cut.gone for cut in made] == [0, 0]
    assert all(cut.clean for cut in made)
    assert all(cut.acked > 0 for cut in made)
