"""`vointi-edge run` as a process: how it ends."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.network
CONFIG = """\
edge = "home-1"
pilot = "demo-home"
site = "home-1"
role = "home"
data_dir = "data"
[mqtt]
host = "127.0.0.1"
port = 1
"""
BROKEN_WRITER = """
import sys
import vointi_edge.outbox.writer as writer
from vointi_edge.cli import main
writer.OutboxWriter._run = lambda self: None
raise SystemExit(main(["run", "--config", sys.argv[1]]))
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "edge.toml"
    path.write_text(CONFIG)
    return path


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_it_cleanly(config: Path, number: int) -> None:
    command = [sys.executable, "-m", "vointi_edge", "run", "--config", str(config)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as child:
        assert child.stderr is not None
        assert "no broker at 127.0.0.1:1" in child.stderr.readline()
        child.send_signal(number)
        assert child.wait(10) == 0
        assert "stopped; 0 readings wait in the outbox" in child.stderr.read()
    assert (config.parent / "data" / "pipelines.sealed").is_file()


def test_one_that_the_service_manager_ends_says_where_it_hung(config: Path) -> None:
    command = [sys.executable, "-m", "vointi_edge", "run", "--config", str(config)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as child:
        assert child.stderr is not None
        child.stderr.readline()
        child.send_signal(signal.SIGABRT)
        said = child.stderr.read()
    assert child.returncode == -signal.SIGABRT
    assert "base_events.py" in said  # its event loop
    assert "writer.py" in said  # the outbox's thread


def test_an_outbox_that_keeps_nothing_any_more_ends_the_process(config: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", BROKEN_WRITER, str(config)],
        capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].endswith("outbox.db: its thread ended; see the log")


def test_a_data_folder_that_is_none_is_one_line(config: Path) -> None:
    (config.parent / "data").write_text("a file")
    done = subprocess.run(
        [sys.executable, "-m", "vointi_edge", "run", "--config", str(config)],
        capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert "data/lock: cannot be written" in line
