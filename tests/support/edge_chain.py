"""Broker, simulator and edge as real processes; a gateway that only acknowledges."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from running_demo import free_port
from vointi_contract.ack import Watermark, encode_ack
from vointi_contract.codec import FORMAT_PACKED, decode
from vointi_contract.command import CommandResult
from vointi_contract.frame import Frame, Loss
from vointi_contract.status import ClockAnchor
from vointi_contract.topics import EdgeTopics

BIN = Path(sys.executable).parent
TOPICS = EdgeTopics("demo-home", "home-1")


def wait_for(what: Callable[[], Any], timeout_s: float = 20.0, said: str = "") -> Any:
    end = time.monotonic() + timeout_s
    while not (found := what()):
        assert time.monotonic() < end, f"{said or what} did not come in {timeout_s} s"
        time.sleep(0.02)
    return found


@dataclass
class Process:
    """A child with a log; killed or stopped by its own pid."""

    name: str
    command: list[str]
    log: Path
    child: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self.log.open("ab") as out:
            self.child = subprocess.Popen(self.command, stdout=out, stderr=out)

    def kill(self) -> None:
        self._end(signal.SIGKILL)

    def stop(self) -> int:
        return self._end(signal.SIGTERM)

    def _end(self, number: int) -> int:
        if self.child is None:
            return 0
        self.child.send_signal(number)
        code = self.child.wait(15)
        self.child = None
        return code

    @property
    def said(self) -> str:
        return self.log.read_text(errors="replace")

    @property
    def rss_mb(self) -> float:
        assert self.child is not None
        status = Path(f"/proc/{self.child.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]) / 1024


def mosquitto() -> str | None:
    return shutil.which("mosquitto", path=f"{os.environ['PATH']}:/usr/sbin")


def broker(folder: Path, port: int) -> Process:
    config = folder / "mosquitto.conf"
    config.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\npersistence false\n")
    process = Process("broker", [mosquitto() or "", "-c", str(config)], folder / "broker.log")
    start_listening(process, port)
    return process


def start_listening(process: Process, port: int) -> None:
    process.start()

    def listening() -> bool:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return True
        return False

    wait_for(listening, said=f"{process.name} on port {port}")


@dataclass(frozen=True)
class Message:
    """One message of the data topics; `lane` is d or b."""

    lane: str
    device: str
    payload: bytes
    frames: int


@dataclass
class Gateway:
    """Keeps what arrives and sends watermarks; with `durable` false it hears and says nothing."""

    port: int
    protocol: str = "3.1.1"
    durable: bool = True
    reads: int = FORMAT_PACKED
    ack_s: float = 0.3
    frames: dict[tuple[str, int, int], Frame] = field(default_factory=dict)
    lanes: Counter[str] = field(default_factory=Counter)
    arrivals: list[tuple[str, Frame, int]] = field(default_factory=list)
    losses: list[Loss] = field(default_factory=list)
    states: list[dict[str, Any]] = field(default_factory=list)
    births: list[dict[str, Any]] = field(default_factory=list)
    results: list[CommandResult] = field(default_factory=list)
    anchors: list[ClockAnchor] = field(default_factory=list)
    payloads: dict[tuple[str, int, int], set[bytes]] = field(default_factory=dict)
    messages: list[Message] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._stop = threading.Event()
        version = mqtt.MQTTv5 if self.protocol == "5" else mqtt.MQTTv311
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, "gateway", protocol=version)
        self._client.on_message = self._message
        self._client.on_connect = lambda client, *_: client.subscribe(f"{TOPICS.base}/#", qos=1)
        self._client.reconnect_delay_set(0.1, 0.5)
        self._client.connect("127.0.0.1", self.port)
        self._client.loop_start()
        self._thread = threading.Thread(target=self._acknowledge, daemon=True)
        self._thread.start()

    def order(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        self._client.publish(topic, payload, qos=1, retain=retain).wait_for_publish(5)

    def close(self) -> None:
        self._stop.set()
        self._thread.join()
        self._client.disconnect()
        self._client.loop_stop()

    def count(self, stream: str) -> int:
        with self._lock:
            return sum(frame.stream == stream for frame in self.frames.values())

    def seqs(self, device: str, boot: int) -> list[int]:
        with self._lock:
            return sorted(seq for name, b, seq in self.frames if (name, b) == (device, boot))

    def _message(self, client: mqtt.Client, userdata: Any, message: mqtt.MQTTMessage) -> None:
        kind = message.topic.split("/")[5]
        now_us = time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000
        if kind == "state":
            self.states.append(json.loads(message.payload))
        elif kind == "meta":
            self.births.append(json.loads(message.payload))
        elif kind == "res":
            self.results.append(CommandResult.from_json(message.payload))
        elif kind == "clk":
            self.anchors.append(ClockAnchor.from_json(message.payload))
        elif kind in ("d", "b") and self.durable:
            payload, device = bytes(message.payload), message.topic.split("/")[6]
            batch = decode(payload, device)
            with self._lock:
                self.messages.append(Message(kind, device, payload, len(batch.frames)))
                self.losses += batch.losses
                for frame in batch.frames:
                    key = (frame.device, frame.boot, frame.seq)
                    self.lanes[kind] += 1
                    self.frames[key] = frame
                    self.arrivals.append((kind, frame, now_us))
                    if len(batch.frames) == 1:
                        self.payloads.setdefault(key, set()).add(payload)

    def _acknowledge(self) -> None:
        while not self._stop.wait(self.ack_s):
            if self.durable and (marks := self._marks()):
                self._client.publish(TOPICS.ack, encode_ack(marks, self.reads), qos=1)

    def _marks(self) -> list[Watermark]:
        with self._lock:
            held: dict[tuple[str, int], set[int]] = {}
            for device, boot, seq in self.frames:
                held.setdefault((device, boot), set()).add(seq)
            for loss in self.losses:
                lost = range(loss.first_seq, loss.last_seq + 1)
                held.setdefault((loss.device, loss.boot), set()).update(lost)
        return [
            Watermark(device, boot, max(seqs), tuple(_gaps(seqs)))
            for (device, boot), seqs in held.items()
        ]


def _gaps(seqs: set[int]) -> Iterator[tuple[int, int]]:
    expected = 1
    for seq in sorted(seqs):
        if seq > expected:
            yield expected, seq - 1
        expected = seq + 1


CONFIG = """\
edge = "home-1"
pilot = "demo-home"
site = "home-1"
role = "home"
data_dir = "data"
[clock]
trust = "system"
[mqtt]
host = "127.0.0.1"
port = {port}
protocol = "{protocol}"
[ble]
backend = "virtual"
hci = "tcp-client:127.0.0.1:{radio}"
[[device]]
id = "strap-1"
model = "polar-h10"
address = "C0:DE:00:00:00:01"
person = "p-7f3a"
"""
HOME = """\
[[device]]
id = "oxi-1"
model = "ble-oximeter"
address = "C0:DE:00:00:00:02"
[[device]]
id = "thermo-1"
model = "ble-thermometer"
address = "C0:DE:00:00:00:03"
[[device]]
id = "scale-1"
model = "ble-scale"
address = "C0:DE:00:00:00:04"
[[device]]
id = "cuff-1"
model = "ble-bp-cuff"
address = "C0:DE:00:00:00:05"
[[device]]
id = "ruuvi-1"
model = "ruuvitag"
address = "C0:DE:00:00:00:06"
"""


@dataclass
class Chain:
    """Everything from the radio to the acknowledgement, which comes every `ack_s`."""

    folder: Path
    protocol: str = "3.1.1"
    devices: str = HOME
    sim_options: tuple[str, ...] = ()
    program: tuple[str, ...] = (str(BIN / "vointi-edge"),)
    ack_s: float = 0.3

    def __post_init__(self) -> None:
        self.port, self.radio, self.control = free_port(), free_port(), free_port()
        self.data = self.folder / "data"
        config = self.folder / "edge.toml"
        config.write_text(
            CONFIG.format(port=self.port, radio=self.radio, protocol=self.protocol) + self.devices
        )
        self.broker = broker(self.folder, self.port)
        self.sim = Process(
            "sim",
            [
                str(BIN / "vointi-sim"), "run", "--home", f"tcp-server:127.0.0.1:{self.radio}",
                "--seed", "3", "--control", f"127.0.0.1:{self.control}", *self.sim_options,
            ],
            self.folder / "sim.log",
        )  # fmt: skip
        start_listening(self.sim, self.radio)
        self.edge = Process(
            "edge",
            [*self.program, "run", "--config", str(config)],
            self.folder / "edge.log",
        )
        self.gateway = Gateway(self.port, self.protocol, ack_s=self.ack_s)
        self.edge.start()

    def counts(self) -> dict[str, int]:
        done = subprocess.run(
            [str(BIN / "vointi-edge"), "status", "--data-dir", str(self.data)],
            capture_output=True, text=True, timeout=30, check=True,
        )  # fmt: skip
        return dict(json.loads(done.stdout))

    def fault(self, **request: object) -> dict[str, Any]:
        """Send one line to the simulator's control port."""
        with socket.create_connection(("127.0.0.1", self.control), 5) as control:
            control.sendall((json.dumps(request) + "\n").encode())
            return dict(json.loads(control.makefile().readline()))

    def close(self) -> None:
        self.gateway.close()
        for process in (self.edge, self.sim, self.broker):
            process.kill()
