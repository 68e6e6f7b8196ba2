"""The command as it is used: a process that says when it is ready and leaves nothing behind."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import wfdb
from sim_central import remote
from vointi_sim import __version__
from vointi_sim.places import POINT_BTHOME, POINT_RUUVITAG, STRAP
from vointi_sim.wearables import polar

pytestmark = pytest.mark.network
COMMAND = [sys.executable, "-m", "vointi_sim"]
CAPTURED: dict[str, Any] = {"capture_output": True, "text": True, "timeout": 60}


@contextmanager
def running(*options: str) -> Iterator[tuple[subprocess.Popen[str], dict[str, Any]]]:
    process = subprocess.Popen(
        [*COMMAND, *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, process.communicate()[1]
        yield process, json.loads(line)
    finally:
        process.kill()
        process.communicate()


def host_and_port(address: str) -> tuple[str, int]:
    host, port = address.removeprefix("tcp-client:").split(":")
    return host, int(port)


def one_line(*options: str) -> str:
    done = subprocess.run([*COMMAND, *options], check=False, **CAPTURED)
    assert done.returncode == 2, done
    lines = (done.stdout + done.stderr).splitlines()
    assert len(lines) == 1, lines
    return lines[0]


def demo(box: Path) -> list[str]:
    return [
        "run", "--home", "tcp-server:127.0.0.1:0", "--service-point", "tcp-server:127.0.0.1:0",
        "--box", str(box), "--seed", "3", "--control", "127.0.0.1:0",
    ]  # fmt: skip


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_says_where_it_listens_and_stops_cleanly(tmp_path: Path, number: int) -> None:
    box = tmp_path / "box.tty"
    with running(*demo(box)) as (process, ready):
        assert ready["ready"] is True
        assert ready["seed"] == 3
        assert ready["box"] == str(box)
        assert box.exists()
        for place in ("home", "service_point", "control"):
            socket.create_connection(host_and_port(ready[place]), timeout=2).close()
        process.send_signal(number)
        out, err = process.communicate(timeout=10)
        assert (process.returncode, out, err) == (0, "", "")
        assert not box.is_symlink()


def stats_of(ready: dict[str, Any]) -> dict[str, Any]:
    control = socket.create_connection(host_and_port(ready["control"]), timeout=20)
    with control, control.makefile() as answers:
        control.sendall(b'{"op": "stats"}\n')
        stats: dict[str, Any] = json.loads(answers.readline())
    return stats


async def test_both_places_are_on_the_air_and_small(tmp_path: Path) -> None:
    with running(*demo(tmp_path / "box.tty")) as (_, ready):
        async with remote(host_and_port(ready["home"])) as central:
            link = await central.connect(STRAP)
            assert await link.read(0x2A19) == bytes([93])
        async with remote(host_and_port(ready["service_point"])) as central:
            heard = await central.scan(lambda heard: len({str(a.address) for a in heard}) == 2)
        assert (await asyncio.to_thread(stats_of, ready))["rss_mb"] < 80
    payloads = {str(a.address)[:17]: a.data_bytes for a in heard}
    assert payloads[POINT_BTHOME][3:9].hex() == "1116d2fc4000"
    assert payloads[POINT_RUUVITAG][3:8].hex() == "1bff990405"
    assert not any(a.is_connectable for a in heard)


def test_the_version_is_the_distribution_s() -> None:
    done = subprocess.run([*COMMAND, "--version"], check=False, **CAPTURED)
    assert done.stdout == f"vointi-sim {__version__}\n"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["run"], "--home: is missing; give --home, --service-point or both"),
        (["run", "--home", "nowhere"], "--home: 'nowhere' is no address; write tcp-server:"),
        (["run", "--home", "127.0.0.1:70000"], "--home: '127.0.0.1:70000' is no address"),
        (["run", "--home", "127.0.0.1:0", "--box", "x"], "--box: is of a service point"),
        (["run", "--home", "127.0.0.1:0", "--speed", "0"], "--speed: 0.0 is wrong"),
        (["run", "--home", "127.0.0.1:0", "--control", "x"], "--control: 'x' is no address"),
        (["play", "nowhere", "--hci", "127.0.0.1:0"], "RECORD: there is no nowhere"),
    ],
)
def test_what_cannot_be_is_said_in_one_line(options: list[str], said: str) -> None:
    assert one_line(*options).startswith(f"vointi-sim: {said}")


def test_a_box_path_that_is_taken(tmp_path: Path) -> None:
    (tmp_path / "box").write_text("")
    options = ["--service-point", "tcp-server:127.0.0.1:0", "--box", str(tmp_path / "box")]
    said = one_line("run", *options)
    assert said.startswith(f"vointi-sim: --box: cannot listen on {tmp_path / 'box'}")


def test_a_port_in_use() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = one_line("run", "--home", f"tcp-server:127.0.0.1:{port}")
    assert said.startswith(f"vointi-sim: --home: cannot listen on 127.0.0.1:{port}")
    assert "choose another port" in said


async def test_play_tells_its_progress_and_keeps_the_link(tmp_path: Path) -> None:
    digital = np.arange(1000).reshape(-1, 1)
    wfdb.wrsamp(
        "r", fs=250, units=["mV"], sig_name=["I"], d_signal=digital, fmt=["16"],
        adc_gain=[200.0], baseline=[0], write_dir=str(tmp_path),
    )  # fmt: skip
    options = ["play", str(tmp_path / "r"), "--hci", "tcp-server:127.0.0.1:0", "--speed", "20"]
    with running(*options) as (process, ready):
        assert (ready["rate_hz"], ready["samples"], ready["lead"]) == (250, 1000, "I")
        async with remote(host_and_port(ready["hci"])) as central:
            link = await central.connect(STRAP)
            data = await link.subscribe(polar.DATA)
            await link.write(polar.CONTROL_POINT, bytes.fromhex("02000001fa0001010e00"))
            assert process.stdout is not None
            last = await asyncio.to_thread(process.stdout.readline)
            assert json.loads(last) == {"done": True, "sent": 1000, "samples": 1000}
            assert data.qsize() == 14
            assert not link.lost.is_set()
            process.send_signal(signal.SIGINT)
            await asyncio.to_thread(process.wait, 10)
        assert process.returncode == 0
