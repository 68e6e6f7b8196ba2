"""Promises of structure: what is imported when."""

from __future__ import annotations

import subprocess
import sys

import pytest


def imported_by(code: str) -> set[str]:
    program = f"import sys\n{code}\nprint(*sorted(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    return set(done.stdout.split())


def test_a_pi_with_bluez_needs_no_bumble() -> None:
    modules = imported_by(
        "from vointi_edge.agent import Agent\n"
        "from vointi_edge.config import BleConfig\n"
        "from vointi_edge.sources.ble.backend import make_ports\n"
        "make_ports(BleConfig('bluez'))"
    )
    assert "vointi_edge.sources.ble.radio" in modules
    assert not {name for name in modules if name.split(".")[0] in ("bumble", "scipy", "vointi_sim")}


@pytest.mark.parametrize("command", ["check", "status"])
def test_the_small_commands_load_neither_radio_nor_network(command: str) -> None:
    modules = imported_by(
        f"from vointi_edge.cli import main\nimport contextlib, io\n"
        f"with contextlib.suppress(SystemExit), contextlib.redirect_stderr(io.StringIO()):\n"
        f"    main(['{command}'])"
    )
    assert not {name for name in modules if name.split(".")[0] in ("bumble", "bleak", "paho")}
