"""Rules for every test: sockets are off unless it is marked, recordings are optional."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from xdist.scheduler import LoadScopeScheduling

ROOT = Path(__file__).resolve().parent.parent
NEEDS_SOCKETS = ("network", "browser")
# Whole chains and browsers: two of them at once would slow each other down.
ONE_AT_A_TIME = ("browser", "integration")

# How long an example takes to make or to run says how busy the machine is, and nothing of the code.
settings.register_profile("vointi", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("vointi")


class OneChainAtATime(LoadScopeScheduling):  # type: ignore[misc]
    """Keeps a file's tests on one worker, and all whole chains on the same one."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.split("::", 1)[0]
        return "chain" if file.split("/")[1] in ONE_AT_A_TIME else file


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> OneChainAtATime:
    """Share the tests out to the workers of `make test`."""
    return OneChainAtATime(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if not any(item.get_closest_marker(name) for name in NEEDS_SOCKETS):
            item.add_marker(pytest.mark.disable_socket)


def _recordings() -> Path | None:
    named = os.environ.get("VOINTI_RECORDINGS")
    for folder in [Path(named)] if named else [ROOT.parent / "shared" / "data"]:
        if (folder / "ecg").is_dir():
            return folder
    return None


@pytest.fixture(scope="session")
def recordings() -> Path:
    """The development recordings; the test is skipped where they are absent."""
    folder = _recordings()
    if folder is None:
        pytest.skip("no recordings: set VOINTI_RECORDINGS to a folder that has ecg/, ppg/, steps/")
    return folder


@pytest.fixture(scope="session")
def root() -> Path:
    """The clone."""
    return ROOT


@pytest.fixture(scope="module")
def module_tmp() -> Iterator[Path]:
    """A short-named directory for a module's servers (socket paths are limited to 107 bytes)."""
    with tempfile.TemporaryDirectory(prefix="vointi-") as folder:
        yield Path(folder)
