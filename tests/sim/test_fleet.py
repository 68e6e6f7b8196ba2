"""Many homes from one process: as edges to a real broker, conserving what they measured."""

from __future__ import annotations

import json
import random
import threading
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
import pytest
from edge_chain import Process, broker, free_port, mosquitto, start_listening
from paho.mqtt.enums import CallbackAPIVersion
from vointi_contract.ack import Watermark, encode_ack
from vointi_contract.codec import decode
from vointi_contract.status import Birth, EdgeStatus
from vointi_contract.topics import EdgeTopics, parse
from vointi_sim.cli import main
from vointi_sim.fleet import home as module
from vointi_sim.fleet.cli import names
from vointi_sim.fleet.home import FleetHome
from vointi_sim.fleet.run import Fleet
from vointi_sim.fleet.wire import Where
from vointi_sim.physiology import Person

WALL_US = 1_750_000_000_000_000


def at_home(edge: str = "fleet-0001") -> FleetHome:
    made = FleetHome("fleet", edge, 7, Person(1), WALL_US)
    made.begin(100.0)
    return made


def test_a_home_says_what_an_edge_would_say() -> None:
    home = at_home()
    said = list(home.due(160.0))
    frames = [decode(one.payload).frames[0] for one in said]
    streams = defaultdict(list)
    for frame in frames:
        streams[frame.stream].append(frame)
    assert len(streams["hr"]) == 60
    assert sum(len(one.channels[0].values) for one in streams["ecg"]) == pytest.approx(7_803, 0.01)
    assert len(streams["air"]) == 6
    assert [one.seq for one in said if one.device == "strap-1"] == list(
        range(1, len(streams["hr"]) + len(streams["ecg"]) + 1)
    )
    assert frames[0].wall_us == WALL_US + frames[0].mono_us
    birth = Birth.from_json(home.birth())
    assert [one.device for one in birth.devices] == ["strap-1", "room-1"]
    state = EdgeStatus.from_json(home.state(160.0))
    assert state.outbox.accepted == state.outbox.pending == len(said)


def test_what_is_acknowledged_goes_and_what_finds_no_room_is_a_named_loss(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "KEPT_AT_MOST", 20)
    home = at_home()
    said = list(home.due(130.0))
    assert (home.accepted, home.pending) == (len(said), 20)
    assert home.lost == len(said) - 20
    lost = sum(one.last_seq - one.first_seq + 1 for one in home.losses)
    assert lost == home.lost
    payload = home.lost_payload()
    assert payload is not None
    assert decode(payload).losses == tuple(home.losses)
    last = {one.device: one.seq for one in said}
    home.acknowledged([Watermark(device, 7, seq, ()) for device, seq in last.items()])
    assert (home.pending, home.losses, home.committed) == (0, [], 20)
    assert home.lost_payload() is None


def test_its_edges_are_described_for_broker_and_gateway(tmp_path: Path) -> None:
    assert main(["fleet", "--homes", "3", "--describe", str(tmp_path)]) == 0
    users = json.loads((tmp_path / "users.json").read_text())
    assert list(users) == names(3)
    assert {one["password"] for one in users.values()} == {(tmp_path / "password").read_text()}
    assert (tmp_path / "password").stat().st_mode & 0o077 == 0
    assert (
        'edges = ["fleet-0001", "fleet-0002", "fleet-0003"]'
        in (tmp_path / "pilot.toml").read_text()
    )


@pytest.mark.parametrize("words", [["--homes", "0"], [], ["--broker", "nowhere"]])
def test_what_is_wrong_is_said(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fleet", *words]) == 2
    assert capsys.readouterr().err.startswith("vointi-sim: ")


class Everybodys:
    """A gateway for all edges: acknowledges what is whole, counts what comes."""

    def __init__(self, port: int) -> None:
        self.seqs: dict[tuple[str, str, int], set[int]] = defaultdict(set)
        self.delivered = 0
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, "gateway")
        self._client.on_message = self._message
        self._client.on_connect = lambda client, *_: client.subscribe(
            [("vointi/1/+/+/+/d/+", 1), ("vointi/1/+/+/+/b/+", 1)]
        )
        self._client.reconnect_delay_set(0.1, 0.5)
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def _message(self, _client: mqtt.Client, _data: Any, message: mqtt.MQTTMessage) -> None:
        address = parse(message.topic)
        for frame in decode(message.payload).frames:
            self.delivered += 1
            seqs = self.seqs[address.edge, frame.device, frame.boot]
            seqs.add(frame.seq)
            upto = next((n for n in range(1, len(seqs) + 2) if n not in seqs), 1) - 1
            mark = Watermark(frame.device, frame.boot, upto, ())
            topic = EdgeTopics(address.pilot, address.edge).ack
            self._client.publish(topic, encode_ack([mark]), qos=1)


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Process]:
    process = broker(tmp_path, free_port())
    yield process
    process.kill()


@pytest.mark.network
@pytest.mark.skipif(mosquitto() is None, reason="no mosquitto: apt-get install mosquitto")
def test_homes_outlive_their_broker_and_lose_nothing(
    running: Process, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vointi_sim.fleet.wire._RESEND_S", 1.0)
    monkeypatch.setattr("vointi_sim.fleet.wire._AGAIN_S", (0.1, 0.3))
    port = int((tmp_path / "mosquitto.conf").read_text().split()[1])
    gateway = Everybodys(port)
    told: list[dict[str, Any]] = []
    where, chance = Where("127.0.0.1", port), random.Random(1)
    fleet = Fleet(
        names(12), "fleet", where, chance, 4, say=lambda line: told.append(json.loads(line)),
        seconds=4.0,
    )  # fmt: skip
    breaking = threading.Timer(1.5, lambda: (running.kill(), start_listening(running, port)))
    breaking.start()
    try:
        assert fleet.run(0.02, 0.5, threading.Event()) == 0
    finally:
        breaking.join()
        gateway.close()
    counts = told[-1]
    assert counts["done"]
    assert counts["accepted"] == counts["committed"] > 12 * 5
    assert (counts["pending"], counts["lost"]) == (0, 0)
    whole = {(edge, device): len(seqs) for (edge, device, _), seqs in gateway.seqs.items()}
    assert sum(whole.values()) == counts["accepted"]
    assert {edge for edge, _ in whole} == set(names(12))
