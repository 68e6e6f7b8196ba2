"""The house's own sensors behind a real broker: mapped, bounded, healed, and nobody else's."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import pytest
from edge_chain import Process, broker, mosquitto, start_listening
from edge_parts import Hub
from hypothesis import given
from hypothesis import strategies as st
from vointi_contract.frame import Quality
from vointi_contract.metrics import by_code
from vointi_edge.catalogue_wired import JsonField
from vointi_edge.config_wired import LocalMqtt, Place
from vointi_edge.decoders.json_fields import MAX_JSON, json_channels, json_object
from vointi_edge.errors import DecodeError
from vointi_edge.sources.mqtt_local.broker import LocalBroker
from vointi_edge.sources.mqtt_local.device import MqttDevice
from vointi_sim.service_point.zigbee import Bridge
from wired_parts import FUZZED, MODELS, assigned, context, running, until, values

needs_broker = pytest.mark.skipif(
    mosquitto() is None, reason="no mosquitto: apt-get install mosquitto"
)
TOPIC = "zigbee2mqtt/hall"


@dataclass
class House:
    """A real broker, the bridge that speaks, the edge's connection and its device."""

    port: int
    process: Process
    bridge: Bridge
    hub: Hub
    connection: LocalBroker


@pytest.fixture
def house_broker(tmp_path: Path, unused_tcp_port: int) -> Iterator[tuple[int, Process]]:
    process = broker(tmp_path, unused_tcp_port)
    yield unused_tcp_port, process
    process.kill()


@asynccontextmanager
async def living(
    at: tuple[int, Process], model: str = "zigbee2mqtt-air", topic: str = TOPIC
) -> AsyncIterator[House]:
    hub, bridge = Hub(), Bridge()
    connection = LocalBroker(LocalMqtt("127.0.0.1", at[0], None, None))
    device = MqttDevice(assigned(model, Place(topic=topic)), context(hub), connection)
    await bridge.start("127.0.0.1", at[0], "--local-mqtt")
    async with running(connection.run(), device.run()):
        await until(lambda: hub.links == [("it-1", "connecting", "")])
        yield House(at[0], at[1], bridge, hub, connection)
    await bridge.stop()


async def heard(house: House, message: dict[str, object]) -> None:
    """Say it until the subscription stands."""
    count = len(house.hub.readings)
    async with asyncio.timeout(5):
        while len(house.hub.readings) == count:
            house.bridge.publish(TOPIC, message)
            await asyncio.sleep(0.05)


@pytest.mark.network
@needs_broker
async def test_messages_become_readings_and_garbage_is_said(
    house_broker: tuple[int, Process],
) -> None:
    async with living(house_broker) as house:
        await heard(house, {"temperature": 21.37, "humidity": 40, "battery": None})
        assert values(house.hub.readings[0]) == {"room_temperature": 21.37, "room_humidity": 40}
        assert house.hub.links[-1] == ("it-1", "connected", "")
        house.bridge.publish(TOPIC, b"\xff{")
        await until(lambda: house.hub.refused == [("it-1", "air", "message: is no JSON")])
        for garbage, note in (
            ({"temperature": "warm", "humidity": 41}, "temperature: is no number"),
            ({"temperature": 400}, "room temperature of 400 Cel is impossible"),
        ):
            house.bridge.publish(TOPIC, garbage)
            await until(lambda note=note: note in house.hub.links[-1][2])
        assert values(house.hub.readings[-1]) == {"room_humidity": 41}
        await heard(house, {"temperature": 21.4})
        assert house.hub.links[-1] == ("it-1", "connected", "")


@pytest.mark.network
@needs_broker
async def test_floods_retained_and_others_messages_are_kept_out(
    house_broker: tuple[int, Process], monkeypatch: pytest.MonkeyPatch
) -> None:
    old = Bridge()
    await old.start("127.0.0.1", house_broker[0], "--local-mqtt")
    old.publish(TOPIC, {"temperature": 55.0}, retain=True)
    await old.stop()
    async with living(house_broker) as house:
        await heard(house, {"temperature": 20.0})
        house.bridge.publish(f"{TOPIC}/other", {"temperature": 1.0})
        house.bridge.publish("zigbee2mqtt/bathroom", {"temperature": 2.0})
        house.bridge.publish(TOPIC, b"[" * (MAX_JSON + 1))
        await until(lambda: house.connection.dropped == 1)
        await heard(house, {"temperature": 30.0})
        told = {values(one)["room_temperature"] for one in house.hub.readings}
        assert told == {20.0, 30.0}
        monkeypatch.setattr("vointi_edge.sources.mqtt_local.broker._WAITING", 0)
        house.bridge.publish(TOPIC, {"temperature": 31.0})
        await until(lambda: house.connection.dropped == 2)


@pytest.mark.network
@needs_broker
async def test_what_is_not_agreed_is_not_subscribed_to(
    house_broker: tuple[int, Process], monkeypatch: pytest.MonkeyPatch
) -> None:
    async with living(house_broker) as house:
        await heard(house, {"temperature": 20.0})
        told: list[bytes] = []
        with house.connection.watching({"zigbee2mqtt/porch": told.append}, lambda _trouble: None):
            async with asyncio.timeout(5):
                while not told:
                    house.bridge.publish("zigbee2mqtt/porch", {"a": 1})
                    await asyncio.sleep(0.05)
        await heard(house, {"temperature": 21.0})
        topics: list[str] = []
        deliver = house.connection._deliver
        monkeypatch.setattr(
            house.connection,
            "_deliver",
            lambda topic, payload: (topics.append(topic), deliver(topic, payload)),
        )
        house.bridge.publish("zigbee2mqtt/porch", {"a": 2})
        await heard(house, {"temperature": 22.0})
        assert set(topics) == {TOPIC}


@pytest.mark.network
@needs_broker
async def test_a_broker_that_restarts_is_found_again(
    house_broker: tuple[int, Process], monkeypatch: pytest.MonkeyPatch
) -> None:
    port, process = house_broker
    async with living(house_broker) as house:
        await heard(house, {"temperature": 20.0})
        await asyncio.to_thread(process.kill)
        await until(lambda: house.hub.links[-1][1] == "lost")
        assert house.hub.links[-1][2].startswith("the local broker ")
        await asyncio.to_thread(start_listening, process, port)
        await until(lambda: house.hub.links[-1] == ("it-1", "connecting", ""), 10)
        await house.bridge.start("127.0.0.1", port, "--local-mqtt")
        await heard(house, {"temperature": 21.0})
        assert house.hub.readings[0].quality == Quality.OK
        assert [q for q in (one.quality for one in house.hub.readings) if q] == [Quality.GAP_BEFORE]


@pytest.mark.network
@needs_broker
async def test_a_password_is_asked_for(tmp_path: Path, unused_tcp_port: int) -> None:
    folder = tmp_path
    process = await asyncio.to_thread(_guarded, folder, unused_tcp_port)
    hub = Hub()
    config = LocalMqtt("127.0.0.1", unused_tcp_port, "edge", folder / "edge.secret")
    connection = LocalBroker(config)
    told: list[str] = []
    device = MqttDevice(assigned("zigbee2mqtt-air", Place(topic=TOPIC)), context(hub), connection)
    with connection.watching({}, told.append):
        await _refused(connection, device, told, folder)
    await asyncio.to_thread(process.kill)


async def _refused(
    connection: LocalBroker, device: MqttDevice, told: list[str], folder: Path
) -> None:
    async with running(connection.run(), device.run()):
        await until(
            lambda: "the local broker needs a password, but edge.secret cannot" in str(told)
        )
        await asyncio.to_thread((folder / "edge.secret").write_text, "guess")
        await until(lambda: "the local broker refuses us (Not authorized)" in told)


def _guarded(folder: Path, port: int) -> Process:
    config = folder / "guarded.conf"
    (folder / "users").write_text("")
    config.write_text(
        f"listener {port} 127.0.0.1\nallow_anonymous false\npassword_file {folder}/users\n"
        "persistence false\nuser root\n"
    )
    command = [mosquitto() or "", "-c", str(config)]
    process = Process("guarded", command, folder / "guarded.log")
    start_listening(process, port)
    return process


async def test_a_device_that_falls_silent_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vointi_edge.sources.mqtt_local.device._CHECK_S", 0.01)
    hub = Hub()
    connection = LocalBroker(LocalMqtt("127.0.0.1", 1, None, None))
    device = MqttDevice(assigned("zigbee2mqtt-motion", Place(topic="t")), context(hub), connection)
    monkeypatch.setattr(device, "_silence_s", 0.05)
    async with running(device.run()):
        await until(lambda: bool(hub.links))
        connection._deliver("t", b'{"occupancy":true}')
        assert values(hub.readings[0]) == {"motion": 1}
        await until(lambda: hub.links[-1][1] == "lost")
    assert "check its battery and reach" in hub.links[-1][2]


@pytest.mark.network
@pytest.mark.parametrize("host", ["127.0.0.1", "a..b"])
async def test_an_absent_broker_is_said(unused_tcp_port: int, host: str) -> None:
    told: list[str] = []
    connection = LocalBroker(LocalMqtt(host, unused_tcp_port, None, None))
    with connection.watching({}, told.append):
        async with running(connection.run()):
            await until(lambda: len(told) > 1)
    assert told[0] == ""
    assert told[1].startswith("the local broker cannot be reached (")


FIELDS = MODELS["zigbee2mqtt-air"].streams[0].wired.fields
KEYS = st.sampled_from(["temperature", "humidity", "battery", "co2", "x"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=8,
)


@FUZZED
@given(st.one_of(st.binary(max_size=80), st.dictionaries(KEYS, JSON, max_size=5)))
def test_whatever_is_said_is_the_number_that_was_said_or_a_clear_word(value: object) -> None:
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    try:
        message = json_object(data)
    except DecodeError as error:
        assert error.field == "message"
        return
    decoded, wrong = json_channels(message, FIELDS)
    said = json.loads(data)
    metrics = {by_code(one.metric).name: one for one in decoded.channels}
    for field in FIELDS:
        given_value = said.get(field.path[0])
        found = metrics.get(field.metric)
        if found is not None:
            assert float(found.physical()[0]) == pytest.approx(
                float(given_value), rel=1e-8, abs=1e-9
            )
        elif given_value is not None:
            assert any(field.path[0] in one or field.metric in one for one in wrong)


def test_paths_scales_and_truth_values() -> None:
    def told(message: str, path: str, scale: str = "1", inverted: bool = False) -> object:
        field = JsonField("battery_level", tuple(path.split(".")), scale, inverted)
        decoded, wrong = json_channels(json_object(message.encode()), (field,))
        return wrong[0] if wrong else [float(one.physical()[0]) for one in decoded.channels]

    assert told('{"battery":{"percent":54}}', "battery.percent") == [54.0]
    assert told('{"battery":3}', "battery.percent") == []
    assert told('{"v":0.1}', "v", "100") == [10.0]
    assert told('{"v":true}', "v") == [1.0]
    assert told('{"v":true}', "v", inverted=True) == [0.0]
    assert told('{"v":1}', "v", inverted=True) == "v: is no truth value"
    assert told('{"v":[1]}', "v") == "v: is no number"
    for monster in ("1e999999999", "-1e400", "9" * 4000):
        assert "is no measurement" in str(told(f'{{"v":{monster}}}', "v", "100"))
    assert told('{"v":1e-999999999}', "v", "100") == [0.0]
    with pytest.raises(DecodeError, match="is no JSON"):
        told('{"v":1e99999999999999999999}', "v")
    assert told('{"v":1e13}', "v") == "battery_level: 1e+13 is no measurement"
    assert told('{"v":123456789.123456789}', "v") == [pytest.approx(123456789.1)]
    assert json_object(b'{"v":0.1}')["v"] == Decimal("0.1")
