"""Each test boots a machine of its own, in a folder of its own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from uml import Machine, built

TOLD = ("virtual_s", "first_s", "found_s", "all_s", "healed_s", "troubles", "accepted")


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


@pytest.fixture
def play(machine: Machine, record_property: Callable[[str, object], None]) -> Callable[..., Any]:
    """Play a scene; the seconds that it measured are listed after the tests."""

    def played(scene: str, limit_s: float = 900.0, **given: float) -> dict[str, Any]:
        found = machine.play(scene, limit_s, **given)
        record_property(scene, {key: found[key] for key in TOLD if key in found})
        return found

    return played


def pytest_terminal_summary(terminalreporter: Any) -> None:
    lines = [
        f"{scene:24}" + "  ".join(f"{key} {_short(value)}" for key, value in told.items())
        for report in terminalreporter.stats.get("passed", ())
        for scene, told in report.user_properties
    ]
    if lines:
        terminalreporter.section("measured, in virtual seconds")
        terminalreporter.write_line("\n".join(lines))


def _short(value: object) -> str:
    if isinstance(value, list):
        return "/".join(map(_short, value))
    return f"{value:.1f}" if isinstance(value, float) else str(value)
