"""The doctor, the bundle and the reset: what they say, and what they must never let out."""

from __future__ import annotations

import json
import os
import tarfile
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.x509.oid import NameOID
from edge_parts import SetClock
from vointi_contract.frame import ClockState
from vointi_contract.status import OutboxCounts
from vointi_edge.boxkey import outbox_keys
from vointi_edge.care import bundle, checks, doctor, reset
from vointi_edge.care.finding import Finding, Level
from vointi_edge.care.redact import HIDDEN, Redactor, redact_config
from vointi_edge.cli import main
from vointi_edge.config import EdgeConfig, TlsConfig, load_config
from vointi_edge.errors import LockedError
from vointi_edge.lock import DataLock
from vointi_edge.outbox.records import JournalEntry
from vointi_edge.outbox.store import Entry, OutboxStore
from vointi_edge.outbox.vault import SealedVault
from vointi_edge.vitals import DeviceVitals, Vitals, prometheus, run_folder

CONFIG = """\
edge = "home-1"          # Matti Meikäläinen, Kotikatu 1
pilot = "demo-home"
site = "home-1"
role = "home"
data_dir = "data"
[mqtt]
host = "gateway.example"
port = 8883
password_file = "password"
[[device]]
id = "strap-1"
model = "polar-h10"
address = "C0:DE:00:00:00:01"
person = "p-7f3a"
"""
PASSWORD = "correct horse battery staple"
VITALS = Vitals(
    edge="home-1",
    version="0.1.0",
    mono_us=5,
    wall_us=6,
    uptime_s=61.5,
    clock="ntp",
    clock_uncertainty_us=900,
    clock_jumps=2,
    connected=True,
    policy_version=3,
    policy_required=True,
    outbox=OutboxCounts(10, 4, 5, 1),
    outbox_bytes=123,
    outbox_max_bytes=1_000,
    queue_age_s=None,
    disk_free_bytes=2**33,
    temperature_c=48.2,
    devices=(DeviceVitals("strap-1", "connected", -61, 88, "p-7f3a at C0:DE:00:00:00:01"),),
)


@pytest.fixture
def config_file(tmp_path: Path) -> Path:
    path = tmp_path / "edge.toml"
    path.write_text(CONFIG)
    (tmp_path / "password").write_text(PASSWORD)
    return path


@pytest.fixture
def config(config_file: Path) -> EdgeConfig:
    return load_config(config_file)


def filled(config: EdgeConfig) -> None:
    vault = SealedVault(outbox_keys(config.key_file, {}))
    store = OutboxStore(config.data_dir / "outbox.db", "kernel-1", 10**9, vault)
    store.append([Entry("strap-1", "scalar", lambda b, s: b"heart rate 173", "hr")])
    store.note(JournalEntry(store.boot, 1, 2, "clock jump", "+3600.000 s"))
    store.close()


def levels(findings: list[Finding]) -> dict[str, Level]:
    return {finding.what: finding.level for finding in findings}


# ---- doctor


@pytest.mark.parametrize(
    ("offset_us", "trust", "floor_us", "level", "said"),
    [
        (10**15, "ntp", 0, Level.OK, "synchronised, within 1 ms"),
        (None, "ntp", 0, Level.BAD, "not synchronised"),
        (None, "ntp", 4_102_444_800_000_000, Level.BAD, "before 2100-01-01 00:00 UTC"),
        (10**15, "system", 0, Level.NOTE, "trusted by configuration"),
    ],
)
def test_the_clock(
    offset_us: int | None, trust: str, floor_us: int, level: Level, said: str
) -> None:
    state = ClockState.NTP if offset_us else ClockState.UNSYNCED
    finding = checks.check_clock(SetClock(5, offset_us, state), floor_us, trust)
    assert finding.level is level
    assert finding.said.startswith(said)
    assert bool(finding.do) is (level is not Level.OK)


def adapter(sys: Path, soft: str | None = None) -> Path:
    (sys / "class" / "bluetooth" / "hci0").mkdir(parents=True, exist_ok=True)
    (sys / "class" / "bluetooth" / "hci0:64").mkdir(exist_ok=True)
    if soft is not None:
        switch = sys / "class" / "rfkill" / "rfkill0"
        switch.mkdir(parents=True, exist_ok=True)
        for name, text in {"type": "bluetooth", "name": "hci0", "soft": soft, "hard": "0"}.items():
            (switch / name).write_text(text + "\n")
    return sys


def test_the_radio(tmp_path: Path) -> None:
    none = checks.check_radio("bluez", needed=True, sys=tmp_path)
    assert (none.level, none.said) == (Level.BAD, "no Bluetooth adapter")
    assert checks.check_radio("bluez", needed=False, sys=tmp_path).level is Level.OK
    assert checks.check_radio("bluez", needed=True, sys=adapter(tmp_path)).said == "hci0"
    blocked = checks.check_radio("bluez", needed=True, sys=adapter(tmp_path, soft="1"))
    assert (blocked.level, blocked.do) == (Level.BAD, "unblock it: rfkill unblock bluetooth")
    assert checks.check_radio("bluez", needed=True, sys=adapter(tmp_path, "0")).level is Level.OK
    assert checks.check_radio("virtual", needed=True, sys=tmp_path).level is Level.NOTE


def certificate(path: Path, begin: datetime, end: datetime) -> Path:
    key = Ed25519PrivateKey.generate()
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "home-1")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(begin)
        .not_valid_after(end)
        .sign(key, None)
    )
    path.write_bytes(made.public_bytes(checks_encoding()))
    return path


def checks_encoding() -> Any:
    from cryptography.hazmat.primitives.serialization import Encoding

    return Encoding.PEM


@pytest.mark.parametrize(
    ("begin_h", "end_h", "level", "said"),
    [
        (-24, 144, Level.OK, "is good until"),
        (-160, 8, Level.NOTE, "ends"),
        (-200, -1, Level.BAD, "ended"),
        (1, 168, Level.BAD, "is good from"),
    ],
)
def test_a_certificate(
    tmp_path: Path, config: EdgeConfig, begin_h: int, end_h: int, level: Level, said: str
) -> None:
    now = datetime(2026, 11, 21, 12, tzinfo=UTC)
    path = certificate(
        tmp_path / "edge.pem", now + timedelta(hours=begin_h), now + timedelta(hours=end_h)
    )
    named = replace(config, mqtt=replace(config.mqtt, tls=TlsConfig(path, path, path, own=True)))
    (finding,) = checks.check_certificates(named, now)
    assert finding.level is level
    assert f"edge.pem {said}" in finding.said


def test_no_certificate_and_a_broken_one(tmp_path: Path, config: EdgeConfig) -> None:
    now = datetime.now(UTC)
    (without,) = checks.check_certificates(config, now)
    assert without.level is Level.NOTE
    (tmp_path / "broken.pem").write_text("-----BEGIN CERTIFICATE-----\nxx")
    path = tmp_path / "broken.pem"
    named = replace(config, mqtt=replace(config.mqtt, tls=TlsConfig(path, path, path, own=True)))
    (broken,) = checks.check_certificates(named, now)
    assert broken.level is Level.BAD


def test_devices_are_told_with_the_next_step() -> None:
    well: dict[str, Any] = {
        "device": "strap-1", "link": "connected", "rssi_dbm": -61, "battery_pct": 88, "note": "",
    }  # fmt: skip
    cases = {
        "well": ({}, Level.OK),
        "gone": ({"link": "lost", "note": "not heard"}, Level.BAD),
        "empty": ({"battery_pct": 9}, Level.NOTE),
        "far": ({"rssi_dbm": -95}, Level.NOTE),
        "paused": ({"link": "unknown", "note": "paused"}, Level.OK),
        "unheard": ({"link": "unknown"}, Level.BAD),
        "garbled": ({"bad_messages": 4, "note": "4 bad messages"}, Level.NOTE),
    }
    for name, (change, level) in cases.items():
        (finding,) = doctor.check_devices({"devices": [well | change]})
        assert finding.level is level, name
        assert bool(finding.do) is (level is not Level.OK), name


def test_the_service_is_believed_while_its_word_is_fresh(tmp_path: Path) -> None:
    assert doctor.check_service(doctor.read_vitals(tmp_path)).level is Level.BAD
    VITALS.save(tmp_path)
    found = doctor.read_vitals(tmp_path)
    assert doctor.check_service(found).level is Level.OK
    assert doctor.check_policy(found).said == "version 3"
    assert doctor.check_policy({"policy_required": True, "policy_version": None}).level is Level.BAD
    old = time.time() - 120
    os.utime(tmp_path / "vitals.json", (old, old))
    assert doctor.read_vitals(tmp_path) is None


def test_the_outbox_and_the_disk(tmp_path: Path, config: EdgeConfig) -> None:
    assert doctor.check_outbox(config.data_dir, None).level is Level.BAD
    assert checks.check_disk(config.data_dir, 10).level is Level.BAD
    filled(config)
    assert doctor.check_outbox(config.data_dir, None).said == "1 wait, 0 lost of 1"
    assert doctor.check_outbox(config.data_dir, {"queue_age_s": 7_200}).level is Level.NOTE
    assert checks.check_disk(config.data_dir, 10).level is Level.OK
    assert checks.check_disk(config.data_dir, 2**60).level is Level.NOTE
    assert checks.check_temperature(83.0).level is Level.NOTE
    assert checks.check_temperature(None).level is Level.OK


@pytest.mark.network
def test_the_broker_answers_or_not(config: EdgeConfig) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert checks.check_broker("127.0.0.1", port).level is Level.OK
    silent = checks.check_broker("127.0.0.1", port)
    assert (silent.level, silent.what) == (Level.BAD, "broker")
    unknown = checks.check_broker("no-such-host.invalid", 1)
    assert "is not known" in unknown.said


@pytest.mark.network
def test_the_command_line_speaks_to_people_and_machines(
    config_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = CONFIG.replace("gateway.example", "127.0.0.1").replace("8883", "1")
    config_file.write_text(text)
    assert main(["doctor", "--config", str(config_file), "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert {"service", "radio", "clock", "disk", "certificates", "broker"} <= {
        one["what"] for one in found
    }
    assert all(one["do"] for one in found if one["level"] != "ok")
    assert main(["doctor", "--config", str(config_file)]) == 1
    assert "→" in capsys.readouterr().out
    assert doctor.exit_code([Finding("a", Level.NOTE, "b", "c")]) == 0


# ---- metrics


def test_metrics_are_prometheus_text(tmp_path: Path) -> None:
    text = prometheus(VITALS)
    assert "# TYPE vointi_edge_lost_total counter\nvointi_edge_lost_total 1\n" in text
    assert 'vointi_edge_device_rssi_dbm{device="strap-1"} -61\n' in text
    assert "vointi_edge_temperature_celsius 48.2\n" in text
    assert "vointi_edge_disk_free_bytes 8589934592\n" in text
    assert "queue_age" not in text
    assert "p-7f3a" not in text
    assert run_folder(tmp_path, {"RUNTIME_DIRECTORY": "/run/vointi-edge:/x"}) == Path(
        "/run/vointi-edge"
    )
    assert run_folder(tmp_path, {}) == tmp_path / "run"


# ---- bundle


def test_a_bundle_holds_no_value_name_address_or_secret(
    tmp_path: Path, config_file: Path, config: EdgeConfig
) -> None:
    filled(config)
    VITALS.save(tmp_path / "run")
    log = f"p-7f3a: C0:DE:00:00:00:01 lost; c0_de_00_00_00_01; password {PASSWORD}"
    (tmp_path / "edge.log").write_text(log)
    target = tmp_path / "bundle.tar.gz"
    files = bundle.gather(
        config,
        config_file,
        tmp_path / "run",
        findings=[Finding("strap-1", Level.BAD, "p-7f3a", "")],
        log=bundle.service_log(tmp_path / "edge.log"),
        password=PASSWORD,
    )
    bundle.write(files, target)
    assert target.stat().st_mode & 0o777 == 0o600
    with tarfile.open(target) as archive:
        texts = {
            member.name: archive.extractfile(member).read().decode()  # type: ignore[union-attr]
            for member in archive.getmembers()
        }
    everything = "\n".join(texts.values())
    for secret in (
        "p-7f3a",
        "00:00:01",
        "00_00_01",
        PASSWORD,
        "Meikäläinen",
        "Kotikatu",
        "rate 173",
    ):
        assert secret not in everything, secret
    assert "person-1" in texts["vointi-edge/log.txt"]
    assert "C0:" in texts["vointi-edge/log.txt"]
    found = json.loads(texts["vointi-edge/outbox.json"])
    assert found["counts"]["pending"] == 1
    assert found["journal"][0]["kind"] == "clock jump"
    assert 'model = "polar-h10"' in texts["vointi-edge/edge.toml"]


def test_a_key_that_nobody_named_yet_is_hidden() -> None:
    text = redact_config('[new]\nsecret_of_tomorrow = "abc"\nport = 5 # mine\n"""\nabc\n"""\n')
    assert text == f'[new]\nsecret_of_tomorrow = "{HIDDEN}"\nport = 5\n' + f"{HIDDEN}\n" * 3
    assert Redactor([], [""]).text("nothing") == "nothing"


# ---- reset


def test_a_reset_forgets_everything_but_only_when_told(
    tmp_path: Path, config_file: Path, config: EdgeConfig, capsys: pytest.CaptureFixture[str]
) -> None:
    filled(config)
    credential = tmp_path / "credential"
    credential.write_text("sealed")
    assert main(["reset", "--config", str(config_file)]) == 2
    assert "add --yes" in capsys.readouterr().err
    with DataLock(config.data_dir), pytest.raises(LockedError, match="stop the edge first"):
        reset.forget(config, config_file, keep_config=True, credentials=())
    gone = reset.forget(config, config_file, keep_config=True, credentials=[credential])
    assert gone[:2] == [config.key_file, credential], "the keys go first"
    assert list(config.data_dir.iterdir()) == []
    assert config_file.exists()
    assert main(["reset", "--yes", "--config", str(config_file)]) == 0
    assert not config_file.exists()
    assert not (tmp_path / "password").exists()
