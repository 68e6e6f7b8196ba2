"""What the gateway's tests share: frames, real brokers, a gateway process, a small edge."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from vointi_contract.ack import Watermark, decode_ack
from vointi_contract.codec import encode
from vointi_contract.errors import ContractError
from vointi_contract.frame import Batch, Channel, ClockState, Frame, Loss, Quality
from vointi_contract.metrics import by_name
from vointi_contract.status import (
    Birth,
    DeviceInfo,
    DeviceStatus,
    EdgeStatus,
    OutboxCounts,
    StreamInfo,
)
from vointi_contract.topics import EdgeTopics

BIN = Path(sys.executable).parent
PILOT, EDGE, DEVICE = "pilot-a", "edge-1", "strap-1"
OTHER_PILOT, OTHER_EDGE = "pilot-b", "edge-2"
PASSWORDS = {"gateway": "gateway-secret", EDGE: "edge-secret", OTHER_EDGE: "other-secret"}
#: 2026-06-01T00:00:00Z
T0_US = 1_780_272_000_000_000


def channel(metric: str, values: Any, scale: float = 1.0, offset: float = 0.0) -> Channel:
    return Channel(by_name(metric).code, np.asarray(values, np.int32), scale, offset)


def ecg_frame(seq: int, *, wall_us: int | None = T0_US, **changes: Any) -> Frame:
    """73 samples of ECG at 130 Hz, every value a function of its place."""
    values = np.arange(seq * 73, (seq + 1) * 73) % 1000 - 500
    frame = Frame(
        device=DEVICE,
        stream="ecg",
        boot=7,
        seq=seq,
        mono_us=1_000_000 + (seq - 1) * 561_538,
        wall_us=wall_us,
        clock=ClockState.UNSYNCED if wall_us is None else ClockState.SYSTEM,
        uncertainty_us=1000,
        rate_hz=130.0,
        dev_ts_ns=seq * 561_538_000,
        channels=(channel("ecg", values),),
        offsets_us=None,
        quality=Quality.OK,
    )
    return replace(frame, **changes)


def hr_frame(seq: int, bpm: int = 62, *, wall_us: int | None = T0_US, **changes: Any) -> Frame:
    """One heart rate and two intervals."""
    frame = ecg_frame(seq, wall_us=wall_us)
    channels = (channel("heart_rate", [bpm]), channel("rr_interval", [900_000, 950_000], 0.001))
    return replace(frame, stream="hr", rate_hz=0.0, channels=channels, **changes)


def payload(*frames: Frame, losses: tuple[Loss, ...] = ()) -> bytes:
    return encode(Batch(frames, losses))


def birth(edge: str = EDGE) -> Birth:
    streams = (
        StreamInfo("ecg", ("ecg",), 130.0, "waveform"),
        StreamInfo("hr", ("heart_rate", "rr_interval"), 0.0, "scalar"),
    )
    device = DeviceInfo(DEVICE, "polar-h10", "wearable", "p-7f3a", streams)
    return Birth(edge, 7, "0.1.0", "site-1", "home", (device,))


def state(edge: str = EDGE, online: bool = True) -> EdgeStatus:
    devices = (DeviceStatus(DEVICE, "connected", -61, 88, ""),)
    return EdgeStatus(edge, 7, online, 5, T0_US, OutboxCounts(3, 1, 2, 0), devices)


def wait_for(what: Callable[[], Any], timeout_s: float = 15.0, step_s: float = 0.05) -> Any:
    """The first true answer of `what`; fails the test when there is none in time."""
    end = time.monotonic() + timeout_s
    while True:
        answer = what()
        if answer:
            return answer
        if time.monotonic() > end:
            pytest.fail(f"did not happen within {timeout_s} s; last answer {answer!r}")
        time.sleep(step_s)


def needs(kind: str) -> None:
    """Skip where the broker of this kind is not installed."""
    if kind == "mosquitto" and not shutil.which(
        "mosquitto", path="/usr/sbin:/usr/bin:/usr/local/sbin"
    ):
        pytest.skip("mosquitto is not installed")
    if kind == "embedded":
        pytest.importorskip("amqtt")


@dataclass
class Process:
    """A child that prints one ready line."""

    command: list[str]
    folder: Path
    ready: dict[str, Any] = field(default_factory=dict)
    child: subprocess.Popen[str] | None = None
    #: What the child's environment has beside ours.
    environment: Mapping[str, str] = field(default_factory=dict)

    def start(self) -> Process:
        with (self.folder / f"{Path(self.command[0]).name}.log").open("a") as log:
            self.child = subprocess.Popen(
                self.command,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                cwd=self.folder,
                env={**os.environ, **self.environment},
            )
        assert self.child.stdout is not None
        line = self.child.stdout.readline()
        if not line:
            pytest.fail(f"{self.command[0]} ended: {self.log()}")
        self.ready = json.loads(line)
        return self

    def log(self) -> str:
        return (self.folder / f"{Path(self.command[0]).name}.log").read_text()

    @property
    def port(self) -> int:
        return int(self.ready["port"])

    def kill(self) -> None:
        """SIGKILL."""
        assert self.child is not None
        self.child.kill()
        self.close()

    def terminate(self) -> tuple[int, float]:
        """SIGTERM; the exit code and how long it took."""
        assert self.child is not None
        begun = time.monotonic()
        self.child.terminate()
        code = self.child.wait(20)
        took = time.monotonic() - begun
        self.close()
        return code, took

    def close(self) -> None:
        if self.child is not None:
            if self.child.poll() is None:
                self.child.kill()
            self.child.wait()
            assert self.child.stdout is not None
            self.child.stdout.close()


def write_users(folder: Path) -> Path:
    users = {
        name: {"password": word, "role": "gateway" if name == "gateway" else "edge"}
        for name, word in PASSWORDS.items()
    }
    path = folder / "users.json"
    path.write_text(json.dumps(users))
    return path


@contextmanager
def running_broker(folder: Path, kind: str, port: int = 0) -> Iterator[Process]:
    needs(kind)
    folder.mkdir(parents=True, exist_ok=True)
    command = [
        *(str(BIN / "vointi-broker"), "--port", str(port), "--kind", kind),
        *("--data", str(folder / "data"), "--users", str(write_users(folder))),
    ]
    process = Process(command, folder)
    try:
        yield process.start()
    finally:
        process.close()


def gateway_toml(folder: Path, broker_port: int, protocol: str = "3.1.1", port: int = 0) -> Path:
    (folder / "password").write_text(PASSWORDS["gateway"] + "\n")
    path = folder / "gateway.toml"
    path.write_text(
        f"""
data_dir = "{folder / "store"}"
port = {port}
[mqtt]
port = {broker_port}
protocol = "{protocol}"
password_file = "{folder / "password"}"
[[pilot]]
id = "{PILOT}"
name = "Pilot A"
city = "Espoo"
kind = "home"
people = "simulated"
edges = ["{EDGE}"]
[[pilot]]
id = "{OTHER_PILOT}"
name = "Pilot B"
city = "Vantaa"
kind = "service_point"
people = "simulated"
edges = ["{OTHER_EDGE}"]
"""
    )
    return path


@dataclass
class GatewayProcess(Process):
    """A gateway with an HTTP client."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def get(self, path: str, **options: Any) -> httpx.Response:
        return httpx.get(f"{self.url}/api/v1{path}", timeout=10, **options)

    def health(self) -> dict[str, Any]:
        answer: dict[str, Any] = self.get("/health").json()
        return answer

    def counts(self) -> dict[str, int]:
        """The counts; every look at them checks the balance."""
        counts: dict[str, int] = self.health()["counts"]
        outcomes = sum(counts[name] for name in ("stored", "duplicates", "quarantined", "lost"))
        assert counts["accepted"] == outcomes
        return counts

    def connected(self) -> GatewayProcess:
        wait_for(lambda: self.health()["broker"]["connected"])
        return self


@contextmanager
def running_gateway(
    folder: Path, config: Path, environment: Mapping[str, str] | None = None
) -> Iterator[GatewayProcess]:
    command = [str(BIN / "vointi-gateway"), "serve", "--config", str(config)]
    process = GatewayProcess(command, folder, environment=environment or {})
    try:
        process.start()
        yield process
    finally:
        process.close()


class EdgeClient:
    """An MQTT client with an edge's credentials; keeps the marks that it was sent."""

    def __init__(
        self,
        port: int,
        edge: str = EDGE,
        pilot: str = PILOT,
        *,
        protocol: str = "3.1.1",
        client_id: str | None = None,
        password: str | None = None,
        subscribe: str | None = None,
    ) -> None:
        self.topics = EdgeTopics(pilot, edge)
        self.marks: dict[tuple[str, int], Watermark] = {}
        self.received: list[tuple[str, bytes]] = []
        self.connected = threading.Event()
        self.refused: str | None = None
        self._subscribe = subscribe or self.topics.ack
        five = protocol == "5"
        self.client = paho.Client(
            CallbackAPIVersion.VERSION2,
            client_id=edge if client_id is None else client_id,
            clean_session=None if five else True,
            protocol=MQTTProtocolVersion.MQTTv5 if five else MQTTProtocolVersion.MQTTv311,
        )
        self.client.username_pw_set(edge, PASSWORDS.get(edge) if password is None else password)
        self.client.on_connect = self._on_connect
        self.client.on_subscribe = lambda *_: self.connected.set()
        self.client.on_disconnect = lambda *_: self.connected.clear()
        self.client.on_message = self._on_message
        self.client.reconnect_delay_set(1, 1)
        self.client.connect_async("127.0.0.1", port)
        self.client.loop_start()

    def _on_connect(self, client: paho.Client, *rest: Any) -> None:
        if rest[2].is_failure:
            self.refused = str(rest[2])
        else:
            client.subscribe(self._subscribe, 1)

    def _on_message(self, _client: paho.Client, _data: Any, message: paho.MQTTMessage) -> None:
        self.received.append((message.topic, bytes(message.payload)))
        if message.topic == self.topics.ack:
            with suppress(ContractError):
                for mark in decode_ack(bytes(message.payload)):
                    self.marks[mark.device, mark.boot] = mark

    def __enter__(self) -> EdgeClient:
        wait_for(self.connected.is_set)
        return self

    def __exit__(self, *_: object) -> None:
        self.client.disconnect()
        self.client.loop_stop()

    def publish(self, topic: str, data: bytes, *, retain: bool = False, qos: int = 1) -> None:
        self.client.publish(topic, data, qos=qos, retain=retain).wait_for_publish(10)

    def send(self, *frames: Frame, losses: tuple[Loss, ...] = ()) -> None:
        self.publish(self.topics.live(DEVICE), payload(*frames, losses=losses))

    def announce(self) -> None:
        edge = self.topics.edge
        self.publish(self.topics.meta, birth(edge).to_json(), retain=True)
        self.publish(self.topics.state, state(edge).to_json(), retain=True)


def random_boot() -> int:
    """A boot of its own for each test, so that tests share a gateway without meeting."""
    return random.getrandbits(63) + 1
