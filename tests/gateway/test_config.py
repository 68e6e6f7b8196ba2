from __future__ import annotations

from pathlib import Path

import pytest
from vointi_gateway.cli import main
from vointi_gateway.config import load
from vointi_gateway.errors import ConfigError
from vointi_gateway.making import make_store

_GOOD = """
data_dir = "data"
[mqtt]
host = "broker"
protocol = "5"
[[pilot]]
id = "demo-home"
name = "Home"
city = "Espoo"
kind = "home"
edges = ["home-1"]
"""


def _write(folder: Path, text: str) -> Path:
    path = folder / "gateway.toml"
    path.write_text(text)
    return path


def test_the_file_is_read_and_the_environment_wins(tmp_path: Path) -> None:
    environ = {"VOINTI_PORT": "9000", "VOINTI_MQTT_HOST": "other", "VOINTI_DATA_DIR": "/d"}
    settings = load(_write(tmp_path, _GOOD), environ)
    assert (settings.port, settings.mqtt.host, settings.mqtt.protocol) == (9000, "other", "5")
    assert settings.data_dir == Path("/d")
    assert settings.pilot[0].edges == ("home-1",)
    assert settings.store == "embedded"


def test_relative_paths_are_meant_from_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "etc").mkdir()
    text = _GOOD.replace("[mqtt]", '[mqtt]\npassword_file = "../secret"\n')
    path = _write(tmp_path / "etc", text + '[metrics]\ntoken_file = "/run/token"\n')
    monkeypatch.chdir(tmp_path)
    for given in (path, path.relative_to(tmp_path)):
        settings = load(given, {})
        assert settings.data_dir.resolve() == tmp_path / "etc" / "data"
        assert settings.mqtt.password_file is not None
        assert settings.mqtt.password_file.resolve() == tmp_path / "secret"
        assert settings.metrics.token_file == Path("/run/token")
    assert load(path, {"VOINTI_DATA_DIR": "mine"}).data_dir == Path("mine")


def test_the_environment_alone_is_enough() -> None:
    assert load(None, {"VOINTI_DATA_DIR": "/d"}).data_dir == Path("/d")


def test_the_environment_names_the_file_that_a_command_does_not(tmp_path: Path) -> None:
    path = _write(tmp_path, _GOOD)
    assert load(None, {"VOINTI_CONFIG": str(path)}) == load(path, {})
    assert load(path, {"VOINTI_CONFIG": "/nowhere.toml"}) == load(path, {})
    with pytest.raises(ConfigError, match="or in VOINTI_CONFIG"):
        load(None, {})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "gateway.toml: data_dir: is missing; set it"),
        ('data_dir="d"\nprot=1', "gateway.toml: prot: unknown key; did you mean port?"),
        ('data_dir="d"\n[mqtt]\nprot=1', "mqtt.prot: unknown key; did you mean mqtt.port?"),
        ('data_dir="d"\n[mqtt]\nzzz=1', "mqtt.zzz: unknown key; known are ca_file, cert_file"),
        ('data_dir="d"\nport="x"', "port: must be a whole number, not 'x'"),
        ('data_dir="d"\nport=true', "port: must be a whole number, not True"),
        ('data_dir="d"\nport=70000', "port: 70000 is no port; use 0 to 65535"),
        ('data_dir="d"\n[mqtt]\ntls=1', "mqtt.tls: must be true or false, not 1"),
        ('data_dir="d"\n[mqtt]\ntls=true', "mqtt.ca_file: is missing; set it, or add [identity]"),
        ('data_dir="d"\n[mqtt]\ntls=true\nca_file="c"', "mqtt: needs ca_file, cert_file and key"),
        ("data_dir=1", "data_dir: must be a path in quotes, not 1"),
        ('data_dir="d"\nmqtt=1', "mqtt: must be a table, not 1; write [mqtt]"),
        ('data_dir="d"\n[mqtt]\nprotocol="4"', "mqtt.protocol: '4' is not known"),
        ('data_dir="d"\nstore="mongo"', "store: 'mongo' is not known; use \"embedded\""),
        ('data_dir="d"\npilot=1', "pilot: must be a list, not 1"),
        ('data_dir="d"\n[[pilot]]\nid="a"', "pilot[0].name: is missing; set it"),
        (_GOOD + 'nam="x"', "pilot[0].nam: unknown key; did you mean pilot[0].name?"),
        (_GOOD.replace('"home-1"', '"Home 1"'), "pilot[0].edges[0]"),
        (_GOOD + _GOOD[_GOOD.index("[[pilot") :], "pilot[1].id: demo-home stands twice"),
        (
            _GOOD + _GOOD[_GOOD.index("[[pilot") :].replace("demo-home", "b"),
            "pilot[1].edges[0]: home-1 belongs to pilot demo-home already",
        ),
        ("data_dir = ", "gateway.toml: is not TOML"),
    ],
)
def test_an_error_names_the_key_and_the_fix(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(_write(tmp_path, text), {})
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_wrong_environment_value_names_the_key() -> None:
    with pytest.raises(ConfigError, match=r"environment: mqtt\.port: must be a whole number"):
        load(None, {"VOINTI_DATA_DIR": "d", "VOINTI_MQTT_PORT": "abc"})


def test_a_missing_file_is_one_line_and_exit_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["check", "--config", str(tmp_path / "none.toml")])
    assert caught.value.code == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_check_reads_the_password_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = _GOOD.replace("[mqtt]", f'[mqtt]\npassword_file = "{tmp_path / "pw"}"')
    path = _write(tmp_path, text)
    with pytest.raises(SystemExit) as caught:
        main(["check", "--config", str(path)])
    assert caught.value.code == 2
    assert "mqtt.password_file" in capsys.readouterr().err
    (tmp_path / "pw").write_text("secret\n")
    with pytest.raises(SystemExit) as caught:
        main(["check", "--config", str(path)])
    assert caught.value.code == 0
    assert capsys.readouterr().out == "ok: 1 pilots, 1 edges\n"


def test_config_prints_no_secret(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    influx = '[influx]\nurl="http://influx"\nbucket="b"\ntoken="top-secret"\n'
    with pytest.raises(SystemExit) as caught:
        main(["config", "--config", str(_write(tmp_path, _GOOD + influx))])
    out = capsys.readouterr().out
    assert caught.value.code == 0
    assert '"bucket": "b"' in out
    assert "top-secret" not in out


_INFLUX = """
store = "influx"
data_dir = "data"
[influx]
url = "http://127.0.0.1:8086"
bucket = "b"
raw_waveforms = ["demo-home"]
tag_people = true
"""


def test_the_store_is_what_the_settings_name(tmp_path: Path) -> None:
    settings = load(_write(tmp_path, _INFLUX), {"VOINTI_INFLUX_KEEP_DAYS": "7"})
    assert settings.influx is not None
    assert (settings.influx.keep_days, settings.influx.tag_people) == (7, True)
    assert settings.influx.raw_waveforms == ("demo-home",)
    store = make_store(settings)
    assert (store.name, store.file_name) == ("influx", "influx.sqlite")
    other = load(_write(tmp_path, _INFLUX), {"VOINTI_STORE": "embedded"})
    assert make_store(other).name == "embedded"
    plain = load(_write(tmp_path, _INFLUX), {"VOINTI_INFLUX_TAG_PEOPLE": "false"})
    assert plain.influx is not None
    assert not plain.influx.tag_people


def test_influxdb_as_the_store_needs_its_table(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r'influx: is missing; store = "influx" needs it: url'):
        load(_write(tmp_path, _GOOD), {"VOINTI_STORE": "influx"})
    with pytest.raises(
        ConfigError, match=r"influx\.tag_people: must be true or false, not 'maybe'"
    ):
        load(_write(tmp_path, _INFLUX), {"VOINTI_INFLUX_TAG_PEOPLE": "maybe"})
