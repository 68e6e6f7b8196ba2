"""Node-RED as one would set it up for this: JSON from MQTT, a function, InfluxDB's node."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.rows import ROOT

sys.path.append(str(ROOT / "tests" / "support"))

from gateway_kit import wait_for

_FILES = Path(__file__).parent / "node_red"
_HOME = ROOT / ".cache" / "node-red"
_INSTALL_S = 300


class NotInstalledError(Exception):
    """Node-RED is not to be had here; says why."""


def install() -> Path:
    """The folder that Node-RED is installed in, once. Raises NotInstalledError."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        raise NotInstalledError("Node.js with npm is not installed")
    _HOME.mkdir(parents=True, exist_ok=True)
    wanted = (_FILES / "package-lock.json").read_bytes()
    kept = _HOME / "package-lock.json"
    if kept.exists() and kept.read_bytes() == wanted and (_HOME / "node_modules").is_dir():
        return _HOME
    for name in ("package.json", "package-lock.json"):
        shutil.copyfile(_FILES / name, _HOME / name)
    command = ["npm", "ci", "--silent", "--no-audit", "--no-fund", "--ignore-scripts"]
    try:
        subprocess.run(command, cwd=_HOME, check=True, timeout=_INSTALL_S, capture_output=True)
    except (subprocess.SubprocessError, OSError) as exc:
        kept.unlink()
        raise NotInstalledError(f"npm could not install Node-RED ({type(exc).__name__})") from exc
    return _HOME


def flow(mqtt_port: int, sink_port: int, topic: str) -> list[Any]:
    """Nodes: MQTT in, a function, InfluxDB 1.x out."""
    tab: dict[str, Any] = {"id": "tab", "type": "tab", "label": "vitals"}
    broker = {
        **{"id": "broker", "type": "mqtt-broker", "broker": "127.0.0.1", "port": str(mqtt_port)},
        **{"clientid": "node-red", "autoConnect": True, "protocolVersion": "4", "keepalive": "60"},
    }
    database = {
        **{"id": "db", "type": "influxdb", "hostname": "127.0.0.1", "port": str(sink_port)},
        **{"protocol": "http", "database": "vitals", "influxdbVersion": "1.x", "usetls": False},
    }
    heard = {
        **{"id": "in", "type": "mqtt in", "z": "tab", "topic": topic, "qos": "1"},
        **{"datatype": "json", "broker": "broker", "wires": [["made"]]},
    }
    made = {
        **{"id": "made", "type": "function", "z": "tab", "outputs": 1, "wires": [["out"]]},
        "func": (_FILES / "points.js").read_text(encoding="utf-8"),
    }
    out = {
        **{"id": "out", "type": "influxdb out", "z": "tab", "influxdb": "db", "precision": "u"},
        **{"measurement": "", "wires": []},
    }
    return [tab, broker, database, heard, made, out]


@contextmanager
def running(home: Path, folder: Path, nodes: list[Any], user: str, password: str) -> Iterator[int]:
    """Node-RED with a flow, and a name and password at the broker; its process id."""
    folder.mkdir(parents=True)
    secret = {"broker": {"user": user, "password": password}, "db": {}}
    (folder / "flow_cred.json").write_text(json.dumps(secret), encoding="utf-8")
    (folder / "flow.json").write_text(json.dumps(nodes), encoding="utf-8")
    red = home / "node_modules" / "node-red" / "red.js"
    settings = _FILES / "settings.js"
    command = ["node", str(red), "-u", str(folder), "-s", str(settings), str(folder / "flow.json")]
    with (folder / "log").open("wb") as log:
        child = subprocess.Popen(command, cwd=home, stdout=log, stderr=log)
    try:
        wait_for(lambda: b"Started flows" in (folder / "log").read_bytes(), 60)
        yield child.pid
    finally:
        child.terminate()
        child.wait(20)


def cpu_s(pid: int) -> float:
    """Processor seconds of a process so far, its threads' too (proc(5), stat, fields 14 and 15)."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
