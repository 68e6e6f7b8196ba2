"""Configuration: right files are read, wrong ones get one line a mistake."""

from __future__ import annotations

from pathlib import Path

import pytest
from edge_parts import ROOT
from vointi_edge.catalogue import load_catalogue, load_model
from vointi_edge.cli import main
from vointi_edge.config import load_config
from vointi_edge.errors import ConfigError

GOOD = """\
edge = "home-1"
pilot = "demo-home"
site = "home-1"
role = "home"
data_dir = "data"
[mqtt]
host = "127.0.0.1"
port = 1883
[ble]
backend = "virtual"
hci = "tcp-client:127.0.0.1:9300"
[[device]]
id = "strap-1"
model = "polar-h10"
address = "c0:de:00:00:00:01"
person = "p-7f3a"
[[device]]
id = "box-1"
model = "vointi-service-point"
path = "box.tty"
"""


def written(folder: Path, old: str = "", new: str = "") -> Path:
    assert old in GOOD
    path = folder / "edge.toml"
    path.write_text(GOOD.replace(old, new, 1) if old else GOOD)
    return path


def test_paths_are_relative_to_the_file_and_addresses_are_normal(tmp_path: Path) -> None:
    config = load_config(written(tmp_path))
    assert config.data_dir == tmp_path / "data"
    assert config.devices[0].address == "C0:DE:00:00:00:01"
    assert config.devices[1].path == tmp_path / "box.tty"
    assert config.mqtt.username == "home-1"
    assert (config.clock_trust, config.clock_speed, config.commit_ms) == ("ntp", 1.0, 20)


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("port = 1883", "prot = 1883", "mqtt.prot: unknown key; did you mean mqtt.port?"),
        ("port = 1883", "port = 70000", "mqtt.port: must be at most 65535, not 70000"),
        ("port = 1883", 'port = "x"', "mqtt.port: must be a whole number, not 'x'"),
        ("port = 1883", "port = true", "mqtt.port: must be a whole number, not True"),
        ("port = 1883", "", "mqtt.port: is missing; it must be a whole number"),
        ('"virtual"', '"virtul"', 'ble.backend: "virtul" is not known; did you mean "virtual"?'),
        ('id = "box-1"', 'id = "strap-1"', 'device[2].id: "strap-1" is used twice'),
        ('"c0:de:00:00:00:01"', '"c0:de"', 'device[1].address: "C0:DE" is no Bluetooth address'),
        ('path = "box.tty"', "", "device[2].address: give either address (Bluetooth) or path"),
        ('edge = "home-1"', 'edge = "Home 1"', 'edge: "Home 1" must match [a-z0-9]'),
        ("[ble]", "[blue]", "blue: unknown key; did you mean ble?"),
        ('role = "home"', "role = home", "syntax: not TOML"),
    ],
)
def test_one_mistake_is_one_line(
    tmp_path: Path, old: str, new: str, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check", "--config", str(written(tmp_path, old, new))]) == 2
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 1
    assert said[0].startswith(f"edge.toml: {line}")


def test_every_mistake_is_told_at_once(tmp_path: Path) -> None:
    path = written(tmp_path, "port = 1883", "port = 0\nproto = 5")
    path.write_text(path.read_text().replace('role = "home"', 'role = "house"'))
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    assert {problem.field for problem in caught.value.problems} == {
        "mqtt.port", "mqtt.proto", "role",
    }  # fmt: skip


def test_a_missing_file_and_an_unknown_model_are_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", "--config", str(tmp_path / "none.toml")]) == 2
    assert capsys.readouterr().err.startswith("none.toml: file: not found at")
    assert main(["run", "--config", str(written(tmp_path, "polar-h10", "polar-h1O"))]) == 2
    said = capsys.readouterr().err
    assert said.startswith('edge.toml: device[1].model: no catalogue file "polar-h1O.toml"')
    assert "polar-h10" in said


def test_a_password_file_that_is_not_there_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = written(tmp_path, "port = 1883", 'port = 1883\npassword_file = "secret"')
    assert main(["run", "--config", str(path)]) == 2
    assert "mqtt.password_file" in capsys.readouterr().err


def test_the_shipped_catalogue_is_whole() -> None:
    models = load_catalogue(ROOT / "hardware" / "catalogue")
    assert len(models) >= 8
    assert load_config(ROOT / "tests" / "edge" / "example.toml").catalogue_dir.is_dir()


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        ("manufacturer =", "manufacterer =", "manufacterer"),
        ('decoder = "heart_rate"', 'decoder = "heartrate"', "stream[1].decoder"),
        ('metrics = ["ecg"]', 'metrics = ["egc"]', "stream[2].metrics"),
        ('characteristic = "2a37"', 'characteristic = "2A37"', "stream[1].characteristic"),
        ('measurement = "acc"', "", "stream[3].measurement"),
        ('input = "ecg"', 'input = "eeg"', "pipeline.input"),
        ('model = "polar-h10"', 'model = "polar-h9"', "model"),
        ('stage = "qrs"', 'stage = "qrz"', "pipeline[1].stages[1].stage"),
    ],
)
def test_a_mistake_in_a_catalogue_file_names_file_and_field(
    tmp_path: Path, old: str, new: str, field: str
) -> None:
    text = (ROOT / "hardware" / "catalogue" / "polar-h10.toml").read_text()
    assert old in text
    (tmp_path / "polar-h10.toml").write_text(text.replace(old, new, 1))
    with pytest.raises(ConfigError) as caught:
        load_model(tmp_path / "polar-h10.toml")
    (problem,) = caught.value.problems
    assert (problem.file, problem.field) == ("polar-h10.toml", field)


def test_status_says_when_an_edge_never_ran(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["status", "--data-dir", str(tmp_path)]) == 1
    assert "has this edge ever run?" in capsys.readouterr().err


def test_a_device_s_key_is_read_and_never_shown(tmp_path: Path) -> None:
    path = written(tmp_path, 'person = "p-7f3a"', 'key_file = "key"\nenable = ["ecg"]')
    (tmp_path / "key").write_text("231d39c1d7cc1ab1aee224cd096db932\n")
    device = load_config(path).devices[0]
    assert device.key == bytes.fromhex("231d39c1d7cc1ab1aee224cd096db932")
    assert (device.enable, device.tell_serial) == (("ecg",), False)
    assert "231d" not in repr(device)
    assert "23, 1d" not in repr(device)


@pytest.mark.parametrize("text", ["", "231d", "secret-of-thirty-two-characters!", "\u00e4" * 32])
def test_a_wrong_key_file_is_told_without_its_text(
    tmp_path: Path, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = written(tmp_path, 'person = "p-7f3a"', 'key_file = "key"')
    (tmp_path / "key").write_text(text)
    assert main(["check", "--config", str(path)]) == 2
    said = capsys.readouterr().err
    assert "device[1].key_file: must hold 32 hex digits and nothing else" in said
    assert not text or text not in said
    (tmp_path / "key").unlink()
    assert main(["check", "--config", str(path)]) == 2
    assert "cannot be read" in capsys.readouterr().err


def test_a_stream_to_enable_must_exist(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = written(tmp_path, 'person = "p-7f3a"', 'enable = ["glucose"]')
    assert main(["check", "--config", str(path)]) == 2
    said = capsys.readouterr().err
    assert 'device[1].enable: polar-h10 has no stream "glucose"; it has hr, ecg, acc' in said


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ('ask = "2a52 0101"', 'ask = "2a52"', "ask: must be a characteristic and bytes in hex"),
        ('ask = "2a52 0101"', 'ask = "x 01"', "ask: must be a characteristic and bytes in hex"),
        ("enabled = false", 'enabled = "no"', "enabled: must be true or false"),
    ],
)
def test_a_wrong_catalogue_line_is_told(tmp_path: Path, old: str, new: str, line: str) -> None:
    text = (ROOT / "hardware" / "catalogue" / "ble-glucose.toml").read_text()
    assert old in text
    file = tmp_path / "ble-glucose.toml"
    file.write_text(text.replace(old, new))
    with pytest.raises(ConfigError, match=line):
        load_model(file)


def test_a_resource_must_be_a_path(tmp_path: Path) -> None:
    text = (ROOT / "hardware" / "catalogue" / "movesense.toml").read_text()
    file = tmp_path / "movesense.toml"
    file.write_text(text.replace('"/Meas/ECG/128"', '"Meas ECG"'))
    with pytest.raises(ConfigError, match="resource: must be a path such as /Meas/ECG/128"):
        load_model(file)
