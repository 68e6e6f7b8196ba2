"""From the wires to the gateway: the simulated service point, the real edge, a real broker."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from edge_chain import BIN, Gateway, Process, broker, free_port, mosquitto, wait_for
from vointi_contract.frame import Frame
from vointi_contract.metrics import by_code

pytestmark = [
    pytest.mark.network,
    pytest.mark.skipif(mosquitto() is None, reason="no mosquitto: apt-get install mosquitto"),
]
CONFIG = """\
edge = "home-1"
pilot = "demo-home"
site = "home-1"
role = "service_point"
data_dir = "data"
[clock]
trust = "system"
[mqtt]
host = "127.0.0.1"
port = {port}
[local_mqtt]
port = {port}
[iio]
root = "w/simulated-sysfs/iio"
[[device]]
id = "air"
model = "sensirion-scd4x"
iio = "1-0062"
[[device]]
id = "dust"
model = "sensirion-sps30"
iio = "any"
[[device]]
id = "light"
model = "rohm-bh1750"
iio = "any"
[[device]]
id = "panel"
model = "gpio-feedback"
gpio = "w/panel.gpio"
lines = {{ button_1 = 17, button_2 = 27, button_3 = 22, button_4 = 23, button_5 = 24 }}
labels = ["Erinomainen", "Hyvä", "Tyydyttävä", "Huono", "Erittäin huono"]
[[device]]
id = "beams"
model = "gpio-beams"
gpio = "w/beams.gpio"
lines = {{ outer = 5, inner = 6 }}
[[device]]
id = "door"
model = "gpio-contact"
gpio = "w/door.gpio"
lines = {{ contact = 13 }}
[[device]]
id = "motion"
model = "gpio-motion"
gpio = "w/motion.gpio"
lines = {{ motion = 19 }}
[[device]]
id = "radar"
model = "hlk-ld2450"
path = "w/radar.tty"
[[device]]
id = "camera"
model = "axis-people-counter"
url = "{camera}"
username = "vointi"
password_file = "camera.secret"
[[device]]
id = "hall"
model = "zigbee2mqtt-air"
topic = "zigbee2mqtt/hall"
[[device]]
id = "back-door"
model = "zigbee2mqtt-contact"
topic = "zigbee2mqtt/back-door"
"""
# Nine people pass and four press between the 40th and the 140th second.
BUSY_SEED = 566
DEVICES = {
    "air", "dust", "light", "panel", "beams", "door", "motion", "radar", "camera", "hall",
    "back-door",
}  # fmt: skip


@pytest.fixture(scope="module")
def heard(module_tmp: Path) -> Iterator[Gateway]:
    port = free_port()
    local = broker(module_tmp, port)
    sim = Process(
        "sim",
        [
            str(BIN / "vointi-sim"), "wired", "--dir", str(module_tmp / "w"), "--speed", "20",
            "--seed", str(BUSY_SEED),
            "--camera", "127.0.0.1:0", "--local-mqtt", f"127.0.0.1:{port}",
        ],
        module_tmp / "sim.log",
    )  # fmt: skip
    sim.start()
    wait_for(lambda: "ready" in sim.said, said="the simulated service point")
    camera = json.loads(sim.said.splitlines()[0])["camera"]
    (module_tmp / "camera.secret").write_text("counts")
    (module_tmp / "edge.toml").write_text(CONFIG.format(port=port, camera=camera))
    command = [str(BIN / "vointi-edge"), "run", "--config", str(module_tmp / "edge.toml")]
    edge = Process("edge", command, module_tmp / "edge.log")
    gateway = Gateway(port)
    edge.start()
    try:
        wait_for(
            lambda: {frame.device for frame in _frames(gateway)} >= DEVICES,
            60,
            said="a reading of each device",
        )
        yield gateway
        assert edge.stop() == 0
        assert sim.stop() == 0
    finally:
        gateway.close()
        for process in (edge, sim, local):
            process.kill()


def _frames(gateway: Gateway) -> list[Frame]:
    return list(gateway.frames.values())


def told(gateway: Gateway, device: str, metric: str) -> list[float]:
    return [
        float(one.physical()[0])
        for frame in sorted(_frames(gateway), key=lambda frame: frame.seq)
        if frame.device == device
        for one in frame.channels
        if by_code(one.metric).name == metric
    ]


def test_air_dust_light_and_the_bridge_agree_about_the_room(heard: Gateway) -> None:
    (co2, *_), (warm, *_) = told(heard, "air", "co2"), told(heard, "air", "room_temperature")
    assert 400 < co2 < 2000
    assert warm == pytest.approx(told(heard, "hall", "room_temperature")[0], abs=0.5)
    assert 0 < told(heard, "dust", "pm1")[0] < told(heard, "dust", "pm10")[0] < 20
    assert 300 < told(heard, "light", "illuminance")[0] < 500


def test_beams_count_as_the_camera_does(heard: Gateway) -> None:
    wait_for(lambda: len(told(heard, "beams", "people_in")) > 3, 15, said="passages")
    came, went = told(heard, "beams", "people_in"), told(heard, "beams", "people_out")
    assert [a + b for a, b in zip(came, went, strict=True)] == list(range(len(came)))
    assert told(heard, "camera", "people_in")[0] >= 4
    assert set(told(heard, "panel", "feedback")) <= {1, 2, 3, 4}
    assert set(told(heard, "door", "contact")) == {0, 1}
    assert set(told(heard, "back-door", "contact")) <= {0, 1}
    assert all(0 <= people <= 3 for people in told(heard, "radar", "people_present"))


def test_the_birth_names_the_buttons_and_everything_is_connected(heard: Gateway) -> None:
    devices = {one["device"]: one for one in heard.births[-1]["devices"]}
    labels = ["Erinomainen", "Hyvä", "Tyydyttävä", "Huono", "Erittäin huono"]
    assert devices["panel"]["labels"] == labels
    assert "labels" not in devices["air"]
    wait_for(
        lambda: {one["link"] for one in heard.states[-1]["devices"]} == {"connected"},
        said=f"every device connected, but {heard.states[-1:]}",
    )
    assert {one["note"] for one in heard.states[-1]["devices"]} == {""}
