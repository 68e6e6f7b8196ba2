"""Each test boots a machine of its own, in a folder of its own."""

from __future__ import annotations

from pathlib import Path

import pytest
from uml import Machine, built


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """They have a target of their own, `make test-bluez`: elsewhere they are left out."""
    asked = "bluez" in str(config.getoption("markexpr"))
    ours = [item for item in items if item.get_closest_marker("bluez")]
    if not asked:
        config.hook.pytest_deselected(items=ours)
        items[:] = [item for item in items if item not in ours]
    elif not built():
        for item in ours:
            item.add_marker(pytest.mark.skip(reason="no User-Mode Linux here: make test-bluez"))


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """Real BlueZ in virtual time."""
    return Machine(tmp_path / "share")
