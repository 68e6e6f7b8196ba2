"""edge.toml and catalogue files for wired devices: read, or one clear line a mistake."""

from __future__ import annotations

from pathlib import Path

import pytest
from edge_parts import ROOT, models
from vointi_edge.catalogue import load_model
from vointi_edge.cli import main
from vointi_edge.config import load_config
from vointi_edge.config_wired import IIO_ROOT, LocalMqtt, Place
from vointi_edge.errors import ConfigError
from vointi_edge.state import DeviceStates

GOOD = """\
edge = "point-1"
pilot = "demo-service-point"
site = "point-1"
role = "service_point"
data_dir = "data"
[mqtt]
host = "127.0.0.1"
port = 1883
[local_mqtt]
host = "127.0.0.1"
username = "edge"
password_file = "local.secret"
[[device]]
id = "air-1"
model = "sensirion-scd4x"
iio = "1-0062"
[[device]]
id = "panel-1"
model = "gpio-feedback"
gpio = "/dev/gpiochip0"
lines = { button_1 = 17, button_2 = 27, button_3 = 22 }
labels = ["Hyvä", "Keskiverto", "Huono"]
[[device]]
id = "beams-1"
model = "gpio-beams"
gpio = "/dev/gpiochip0"
lines = { outer = 5, inner = 6 }
[[device]]
id = "radar-1"
model = "hlk-ld2450"
path = "/dev/ttyUSB0"
[[device]]
id = "door-1"
model = "axis-people-counter"
url = "http://192.168.1.20"
username = "vointi"
password_file = "camera.secret"
[[device]]
id = "hall-1"
model = "zigbee2mqtt-air"
topic = "zigbee2mqtt/hall"
"""


def written(folder: Path, old: str = "", new: str = "") -> Path:
    assert old in GOOD
    path = folder / "edge.toml"
    path.write_text(GOOD.replace(old, new, 1) if old else GOOD)
    return path


def test_every_transport_has_its_place(tmp_path: Path) -> None:
    config = load_config(written(tmp_path))
    air, panel, beams, radar, door, hall = config.devices
    assert air.place == Place(iio="1-0062")
    assert panel.place.gpio == Path("/dev/gpiochip0")
    assert panel.place.lines == {"button_1": 17, "button_2": 27, "button_3": 22}
    assert panel.labels == ("Hyvä", "Keskiverto", "Huono")
    assert beams.labels == ()
    assert radar.path == Path("/dev/ttyUSB0")
    assert (door.place.url, door.place.username) == ("http://192.168.1.20", "vointi")
    assert door.place.password_file == tmp_path / "camera.secret"
    assert hall.place == Place(topic="zigbee2mqtt/hall")
    assert config.wired.iio_root == IIO_ROOT
    secret = tmp_path / "local.secret"
    assert config.wired.local_mqtt == LocalMqtt("127.0.0.1", 1883, "edge", secret)


def test_the_birth_says_what_the_pilot_calls_the_buttons(tmp_path: Path) -> None:
    config = load_config(written(tmp_path))
    by_device = {device.id: models()[device.model] for device in config.devices}
    states = DeviceStates(config.devices, by_device, lambda: None)
    labels = {info.device: info.labels for info in states.infos()}
    assert labels["panel-1"] == ("Hyvä", "Keskiverto", "Huono")
    assert labels["air-1"] == ()


def test_a_right_file_is_fine(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--config", str(written(tmp_path))]) == 0
    assert capsys.readouterr().out.startswith("edge.toml: fine; 6 devices, ")


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ('iio = "1-0062"', 'iio = "../x"', 'device[1].iio: "../x" is wrong; write "any" or a bus'),
        (
            'iio = "1-0062"',
            'path = "/dev/x"',
            "device[1].iio: is missing; sensirion-scd4x is found by",
        ),
        ('iio = "1-0062"', 'iio = "any"\npath = "x"', "device[1].address: give either address"),
        ('iio = "1-0062"', 'address = "C0:DE:00:00:00:01"', "device[1].iio: is missing"),
        ("button_3 = 22", "button_3 = 17", "device[2].lines.button_3: 17 is used twice"),
        (
            "button_3 = 22",
            "buton_3 = 22",
            "device[2].lines.buton_3: gpio-feedback has no such line",
        ),
        ("button_3 = 22", "button_3 = 9999", "device[2].lines.button_3: must be at most 1023"),
        (", button_3 = 22", "", "device[2].labels: names 3 buttons, but lines has 2"),
        ('"Huono"]', '"Huono", "a", "b", "c"]', "device[2].labels: names at most 5 buttons"),
        ('"Huono"]', '"Huo\\u0007no"]', "device[2].labels: each must have 1 to 40 printable"),
        ('"Huono"]', '" "]', "device[2].labels: each must have 1 to 40 printable"),
        ("outer = 5, inner", "inner", "device[3].lines: lacks outer; write lines = {"),
        ("lines = { outer = 5, inner = 6 }", "", "device[3].lines: lacks outer, inner"),
        ("http://192", "ftp://192", 'device[5].url: "ftp://192.168.1.20" is wrong; write http://'),
        ("http://192.168.1.20", "http://u:p@cam", 'device[5].url: "http://u:p@cam" is wrong'),
        ('username = "vointi"\n', "", "device[5].username: give username and password_file"),
        ("zigbee2mqtt/hall", "zigbee2mqtt/+", 'device[6].topic: "zigbee2mqtt/+" is wrong; must'),
        ("zigbee2mqtt/hall", "#", 'device[6].topic: "#" is wrong'),
        ("[local_mqtt]", "[local_mqt]", "local_mqt"),
        ('username = "edge"', 'user = "edge"', "local_mqtt.user: unknown key"),
        ('topic = "zigbee2mqtt/hall"', 'topic = "a"\nurll = "b"', "device[6].urll: unknown key"),
    ],
)
def test_one_mistake_is_one_clear_line(
    tmp_path: Path, old: str, new: str, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check", "--config", str(written(tmp_path, old, new))]) == 2
    said = capsys.readouterr().err.splitlines()
    assert any(one.startswith(f"edge.toml: {line}") for one in said), said
    assert len(said) <= 2


def test_a_local_broker_is_asked_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    start, end = GOOD.index("[local_mqtt]"), GOOD.index("[[device]]")
    path = written(tmp_path)
    path.write_text(GOOD[:start] + GOOD[end:])
    assert main(["check", "--config", str(path)]) == 2
    assert capsys.readouterr().err.startswith("edge.toml: local_mqtt: is missing; give the host")


@pytest.mark.parametrize(
    ("model", "old", "new", "field"),
    [
        ("sensirion-scd4x", 'decoder = "iio"', 'decoder = "ioi"', "stream[1].decoder"),
        ("sensirion-scd4x", "period_s = 5", "period_s = 0", "stream[1].period_s"),
        ("sensirion-scd4x", "co2 = 20", "co3 = 20", "stream[1].change.co3"),
        ("sensirion-scd4x", "heartbeat_s = 30\n", "", "stream[1].heartbeat_s"),
        (
            "sensirion-scd4x",
            "heartbeat_s = 30",
            "heartbeat_s = 30\nrequest = '/'",
            "stream[1].request",
        ),
        ("sensirion-sgp30", "voc = 100", "vox = 100", "stream[1].correct.vox"),
        ("gpio-feedback", '"pull-up"', '"pullup"', "stream[1].bias"),
        ("gpio-feedback", "debounce_ms = 20", "debounce_ms = 5000", "stream[1].debounce_ms"),
        ("axis-tvpc", '"/local', '"local', "stream[1].request"),
        ("zigbee2mqtt-motion", 'path = "occupancy"', 'path = "a..b"', "stream[1].field[1].path"),
        ("zigbee2mqtt-motion", 'metric = "motion"', 'metric = "co2"', "stream[1].field[1].metric"),
        ("shelly-ht-gen3", '"/status/humidity:0"', '"/status/#"', "stream[2].topic"),
    ],
)
def test_a_mistake_in_a_catalogue_file_names_its_field(
    tmp_path: Path, model: str, old: str, new: str, field: str
) -> None:
    text = (ROOT / "hardware" / "catalogue" / f"{model}.toml").read_text()
    assert old in text
    (tmp_path / f"{model}.toml").write_text(text.replace(old, new, 1))
    with pytest.raises(ConfigError) as caught:
        load_model(tmp_path / f"{model}.toml")
    assert field in {problem.field for problem in caught.value.problems}
