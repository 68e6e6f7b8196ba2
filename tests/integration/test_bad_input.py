"""What is wrong is said in one line that names the field and the fix; nothing else stops."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tomllib
import urllib.error
from collections.abc import Iterator
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest
from running_demo import BIN, RunningDemo, wait_for
from vointi_contract.topics import EdgeTopics
from vointi_demo.layout import Layout, Ports

pytestmark = pytest.mark.network


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(BIN / command[0]), *command[1:]],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def one_line(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 2, done
    lines = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
    assert len(lines) == 1, lines
    return lines[0]


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    made = Layout(tmp_path / "d", "127.0.0.1", Ports(8080, 18830, 19300, 19301), "3.1.1")
    made.write()
    return made


def test_a_good_configuration_passes_the_check(layout: Layout) -> None:
    done = run("vointi-edge", "check", "--config", str(layout.root / "home-1.toml"))
    assert done.returncode == 0, done


def test_an_unknown_catalogue_key(layout: Layout, root: Path, tmp_path: Path) -> None:
    shutil.copytree(root / "hardware" / "catalogue", tmp_path / "catalogue")
    model = tmp_path / "catalogue" / "polar-h10.toml"
    model.write_text(model.read_text().replace("manufacturer", "manufacterer", 1))
    config = layout.root / "home-1.toml"
    config.write_text(f'catalogue_dir = "{tmp_path / "catalogue"}"\n' + config.read_text())
    said = one_line(run("vointi-edge", "check", "--config", str(config)))
    assert "polar-h10.toml" in said
    assert "manufacterer" in said
    assert "manufacturer" in said


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("port = 18830", "port = 188300", ["port", "188300", "65535"]),
        ("port = 18830", 'port = "18830"', ["port"]),
        ("protocol =", "protocoll =", ["protocoll", "protocol"]),
        ('model = "polar-h10"', 'model = "polar-h1O"', ["polar-h1O", "polar-h10"]),
        ('edge = "home-1"', 'edge = "Home 1/+"', ["edge", "Home 1/+"]),
    ],
)
def test_a_wrong_edge_setting(layout: Layout, old: str, new: str, expected: list[str]) -> None:
    config = layout.root / "home-1.toml"
    text = config.read_text()
    assert old in text
    config.write_text(text.replace(old, new, 1))
    said = one_line(run("vointi-edge", "run", "--config", str(config)))
    for part in ["home-1.toml", *expected]:
        assert part in said


def test_a_wrong_gateway_setting(layout: Layout) -> None:
    config = layout.root / "gateway.toml"
    config.write_text(config.read_text().replace("data_dir", "data_dirr", 1))
    said = one_line(run("vointi-gateway", "serve", "--config", str(config)))
    assert "gateway.toml" in said
    assert "data_dirr" in said


def test_a_recording_that_is_none(tmp_path: Path) -> None:
    fake = tmp_path / "holiday.hea"
    fake.write_bytes(b"\xff\xd8\xff\xe0 not a recording")
    said = one_line(
        run("vointi-sim", "play", str(tmp_path / "holiday"), "--hci", "tcp-server:127.0.0.1:0")
    )
    assert "holiday" in said
    said = one_line(
        run("vointi-sim", "play", str(tmp_path / "nowhere"), "--hci", "tcp-server:127.0.0.1:0")
    )
    assert "nowhere" in said


@pytest.fixture(scope="module")
def demo(module_tmp: Path) -> Iterator[RunningDemo]:
    with RunningDemo(module_tmp, "--seed", "6") as running:
        running.wait_stored(20)
        yield running


@pytest.fixture
def hostile(demo: RunningDemo) -> Iterator[mqtt.Client]:
    """A client in the place of an edge, with its user: what a broken edge can do.

    The edge itself is stopped meanwhile: a broker lets one client have a name at a time.
    """
    edge = demo.pids()["service-point edge"]
    assert edge is not None
    settings = tomllib.loads((demo.directory / "point-1.toml").read_text())["mqtt"]
    one = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id="point-1")
    one.username_pw_set("point-1", Path(settings["password_file"]).read_text())
    os.kill(edge, signal.SIGSTOP)
    try:
        one.connect("127.0.0.1", settings["port"])
        one.loop_start()
        wait_for(one.is_connected, 10, "connected")
        yield one
        one.disconnect()
        one.loop_stop()
    finally:
        os.kill(edge, signal.SIGCONT)


def test_malformed_frames_are_quarantined_and_the_rest_goes_on(
    demo: RunningDemo, hostile: mqtt.Client
) -> None:
    topic = EdgeTopics("demo-service-point", "point-1").live("hall-air")
    before = demo.counts()
    poison = [b"\x00", b"\x01", b"\x01" + bytes(40), b"\xff" * 4096, b'{"json": true}']
    for payload in poison:
        hostile.publish(topic, payload, qos=1).wait_for_publish(10)
    wait_for(
        lambda: demo.counts()["quarantined"] >= before["quarantined"] + len(poison),
        10,
        f"all poison is quarantined\n{demo.everything_said()}",
    )
    after = demo.counts()
    assert after["quarantined"] == before["quarantined"] + len(poison)
    assert after["accepted"] == sum(
        after[name] for name in ("stored", "duplicates", "quarantined", "lost")
    )
    demo.wait_stored(after["stored"] + 10)


def test_a_foreign_topic_is_not_delivered(demo: RunningDemo, hostile: mqtt.Client) -> None:
    before = demo.counts()["quarantined"]
    hostile.publish(EdgeTopics("demo-home", "home-1").live("strap-1"), b"\x00", qos=1)
    demo.wait_stored(demo.counts()["stored"] + 10)
    assert demo.counts()["quarantined"] == before


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("device=home-1.strap-1", "metric"),
        ("device=home-1.strap-1&metric=happiness", "metric"),
        ("device=nobody.home&metric=ecg", "device"),
        ("device=home-1.strap-1&metric=ecg&from=yesterday", "from"),
        ("device=home-1.strap-1&metric=ecg&resolution=soon", "resolution"),
        ("device=home-1.strap-1&metric=ecg&from=0&to=4102444800&resolution=1s", "resolution"),
    ],
)
def test_a_wrong_query_names_its_field(demo: RunningDemo, query: str, field: str) -> None:
    with pytest.raises(urllib.error.HTTPError) as caught:
        demo.get(f"/api/v1/series?{query}")
    with caught.value as answer:
        assert 400 <= answer.code < 500
        body = answer.read().decode()
    assert field in body
    assert "Traceback" not in body
