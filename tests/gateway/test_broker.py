"""Both brokers keep the same promises; every right is tested by what is delivered."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import threading
import time
from contextlib import suppress
from pathlib import Path

import paho.mqtt.client as paho
import pytest
from gateway_kit import (
    BIN,
    DEVICE,
    EDGE,
    OTHER_EDGE,
    PILOT,
    EdgeClient,
    Process,
    needs,
    running_broker,
    wait_for,
    write_users,
)
from paho.mqtt.enums import CallbackAPIVersion
from running_demo import free_port
from vointi_contract.topics import EdgeTopics
from vointi_gateway.broker.mosquitto import Mosquitto, find
from vointi_gateway.broker.users import UsersFile, load_users, matches
from vointi_gateway.errors import ConfigError

pytestmark = pytest.mark.network

OURS, THEIRS = EdgeTopics(PILOT, EDGE), EdgeTopics(PILOT, OTHER_EDGE)


def _gateway(port: int, topic: str = "vointi/1/+/+/+/#") -> EdgeClient:
    return EdgeClient(port, "gateway", subscribe=topic)


def test_an_edge_has_its_own_topics_and_no_others(broker: Process) -> None:
    """A denied message may cost the sender its connection; it is never delivered."""
    with _gateway(broker.port) as gateway:
        for topic in (THEIRS.live(DEVICE), THEIRS.state, OURS.ack, "elsewhere", OURS.meta + "/x"):
            with EdgeClient(broker.port) as edge, suppress(RuntimeError):
                edge.publish(topic, b"forbidden")
        with EdgeClient(broker.port) as edge:
            for topic in (OURS.live(DEVICE), OURS.backlog(DEVICE), OURS.meta, OURS.state, OURS.clk):
                edge.publish(topic, b"allowed")
        wait_for(lambda: len(gateway.received) >= 5)
        time.sleep(0.3)
        assert {data for _, data in gateway.received} == {b"allowed"}
        assert len(gateway.received) == 5


def test_an_edge_hears_only_its_own_commands(broker: Process) -> None:
    nosy = EdgeClient(broker.port, subscribe="vointi/1/#")
    with EdgeClient(broker.port, OTHER_EDGE) as other, _gateway(broker.port) as gateway:
        time.sleep(0.3)
        gateway.publish(OURS.ack, b"for edge-1")
        gateway.publish(THEIRS.ack.replace("ack", "cmd"), b"for edge-2, not subscribed")
        other.publish(THEIRS.live(DEVICE), b"data of edge-2")
        wait_for(lambda: any(t == THEIRS.live(DEVICE) for t, _ in gateway.received))
        time.sleep(0.3)
        assert {topic for topic, _ in nosy.received} <= {OURS.ack}
        assert other.received == []
    nosy.__exit__()


def test_retained_states_reach_the_gateway_only(broker: Process) -> None:
    with EdgeClient(broker.port) as edge:
        edge.publish(OURS.state, b"retained", retain=True)
    with EdgeClient(broker.port, OTHER_EDGE) as other, _gateway(broker.port) as gateway:
        wait_for(lambda: (OURS.state, b"retained") in gateway.received)
        assert other.received == []
    with EdgeClient(broker.port) as edge:
        edge.publish(OURS.state, b"", retain=True)


@pytest.mark.parametrize(
    ("edge", "client_id", "password"),
    [(EDGE, None, "wrong"), ("stranger", None, "x"), (EDGE, None, "")],
)
def test_a_stranger_is_refused(broker: Process, edge: str, client_id: str, password: str) -> None:
    client = EdgeClient(broker.port, edge, client_id=client_id, password=password)
    try:
        wait_for(lambda: client.refused)
        assert "uthori" in client.refused or "user name" in client.refused.lower()
    finally:
        client.__exit__()


def test_no_name_is_refused(broker: Process) -> None:
    refused: list[str] = []
    client = paho.Client(CallbackAPIVersion.VERSION2, client_id="anonymous")
    client.on_connect = lambda *args: refused.append(str(args[3]))
    client.connect("127.0.0.1", broker.port)
    client.loop_start()
    wait_for(lambda: refused)
    client.loop_stop()
    assert refused[0] != "Success"


def test_nobody_takes_the_gateways_session_over(broker: Process) -> None:
    with _gateway(broker.port) as gateway:
        thief = EdgeClient(broker.port, EDGE, client_id="gateway")
        imposter = EdgeClient(broker.port, "gateway", client_id="gateway", password="wrong")
        time.sleep(0.8)
        assert gateway.connected.is_set()
        for client in (thief, imposter):
            client.__exit__()


_CONNECT = b"\x10\x13\x00\x04MQTT\x04\x02\x00\x3c\x00\x07anybody"
_MALFORMED = [
    b"",
    b"\x00",
    b"GET / HTTP/1.1\r\n\r\n",
    b"\x10\xff\xff\xff\xff\xff",
    b"\x10\xff\xff\xff\x7f",
    b"\x10\x02\x00\x04",
    _CONNECT[:-3],
    _CONNECT.replace(b"MQTT\x04", b"MQTT\x09"),
    _CONNECT.replace(b"anybody", b"\xff\xfe\xfd\xfc\xfb\xfa\xf9"),
    b"\xf0\x00" + _CONNECT,
    os.urandom(400),
]


def _good_connect() -> bytes:
    name, word = EDGE.encode(), b"edge-secret"
    body = b"\x00\x04MQTT\x04\xc2\x00\x3c"
    for part in (name, name, word):
        body += len(part).to_bytes(2, "big") + part
    return bytes([0x10, len(body)]) + body


def test_malformed_peers_harm_nobody(broker: Process) -> None:
    """Before and after a good CONNECT; every one is let go, and the broker serves on."""
    after = [
        b"\x30\xff\xff\xff\x7f",
        b"\x30\x04\x00\x09ab",
        b"\x82\x02\x00\x01",
        b"\x00\x00",
        os.urandom(300),
    ]
    openings = [*_MALFORMED, *(_good_connect() + data for data in after)]
    for data in openings:
        with socket.create_connection(("127.0.0.1", broker.port), 5) as sock:
            try:
                sock.sendall(data)
                sock.shutdown(socket.SHUT_WR)
                sock.settimeout(10)
                while sock.recv(4096):
                    pass
            except (ConnectionError, OSError) as exc:
                assert not isinstance(exc, TimeoutError), data[:30]
    with _gateway(broker.port) as gateway, EdgeClient(broker.port) as edge:
        edge.publish(OURS.live(DEVICE), b"still here")
        wait_for(lambda: (OURS.live(DEVICE), b"still here") in gateway.received)


def test_a_packet_that_is_too_large_ends_its_sender_only(broker: Process) -> None:
    with _gateway(broker.port) as gateway, EdgeClient(broker.port, OTHER_EDGE) as other:
        edge = EdgeClient(broker.port)
        wait_for(edge.connected.is_set)
        edge.client.publish(OURS.live(DEVICE), b"x" * 300_000, qos=0)
        wait_for(lambda: not edge.connected.is_set())
        edge.__exit__()
        other.publish(THEIRS.live(DEVICE), b"fine")
        wait_for(lambda: (THEIRS.live(DEVICE), b"fine") in gateway.received)
        assert not any(len(data) > 1000 for _, data in gateway.received)


@pytest.mark.parametrize("kind", ["mosquitto", "embedded"])
def test_a_port_in_use_is_one_line_and_exit_2(tmp_path: Path, kind: str) -> None:
    needs(kind)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = _run(tmp_path, "--port", str(port), "--kind", kind)
    assert done.returncode == 2
    assert done.stderr == f"port: 127.0.0.1:{port} is in use; stop that program or choose another\n"


def _run(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [str(BIN / "vointi-broker"), "--data", str(folder), *options]
    if "--users" not in options:
        command += ["--users", str(write_users(folder))]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)


def test_a_missing_users_file_is_one_line(tmp_path: Path) -> None:
    done = _run(tmp_path, "--users", str(tmp_path / "none.json"))
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "none.json" in done.stderr


@pytest.mark.parametrize("kind", ["mosquitto", "embedded"])
def test_sigterm_ends_it_cleanly(tmp_path: Path, kind: str) -> None:
    with running_broker(tmp_path, kind) as process, EdgeClient(process.port):
        code, took = process.terminate()
        assert code == 0
        assert took < 10, "a broker that waits for its clients would take for ever"


def test_mosquitto_dies_with_its_parent(tmp_path: Path) -> None:
    with running_broker(tmp_path, "mosquitto") as process:
        port = process.port
        process.kill()
        wait_for(lambda: _free(port))


def _free(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 0.5).close()
    except OSError:
        return True
    return False


def test_a_torn_persistence_file_does_not_stop_mosquitto(tmp_path: Path) -> None:
    needs("mosquitto")
    data = tmp_path / "data" / "mosquitto"
    data.mkdir(parents=True)
    (data / "mosquitto.db").write_bytes(b"\x00\xb5\x00mosquitto db" + b"\xff" * 500)
    with running_broker(tmp_path, "mosquitto") as process, EdgeClient(process.port):
        assert (data / "mosquitto.unreadable").exists()


def test_secrets_are_private_and_not_in_plain_text(tmp_path: Path) -> None:
    with running_broker(tmp_path, "mosquitto") as process:
        path = tmp_path / "data" / "mosquitto" / "passwords"
        assert path.stat().st_mode & 0o077 == 0
        assert "edge-secret" not in path.read_text()
        process.child.send_signal(signal.SIGTERM)


@pytest.mark.parametrize(
    ("users", "message"),
    [
        ("[]", "must be an object of users"),
        ("{", "is not JSON"),
        ('{"A b": {"password": "x", "role": "edge"}}', "A b"),
        ('{"a": {"password": "x"}}', "a: must have password and role"),
        ('{"a": {"password": "", "role": "edge"}}', "a.password: must be one line"),
        ('{"a": {"password": "x", "role": "root"}}', "a.role: 'root' is no role"),
    ],
)
def test_users_are_checked(tmp_path: Path, users: str, message: str) -> None:
    path = tmp_path / "users.json"
    path.write_text(users)
    with pytest.raises(ConfigError) as caught:
        load_users(path)
    assert message in str(caught.value)


def test_users_that_were_seen_half_written_are_read_again(tmp_path: Path) -> None:
    """The rest may come within the same step of the file system's clock."""
    path = write_users(tmp_path)
    file, whole = UsersFile(path), path.read_text()
    path.write_text("")
    assert file.changed() is None
    emptied = path.stat()
    path.write_text(whole)
    os.utime(path, ns=(emptied.st_atime_ns, emptied.st_mtime_ns))
    assert set(file.changed() or ()) >= {EDGE, OTHER_EDGE}
    assert file.changed() is None


def test_mosquitto_finds_its_passwords_at_any_moment_of_a_rotation(tmp_path: Path) -> None:
    """It reads them when it comes to it, which may be while they are written once more."""
    needs("mosquitto")
    users = load_users(write_users(tmp_path))
    port = free_port()
    broker = Mosquitto(find() or "", "127.0.0.1", port, tmp_path / "data", users)
    broker.start()
    stop, torn = threading.Event(), []

    def read() -> None:
        while not stop.is_set():
            for name in ("passwords", "acl"):
                try:
                    text = (tmp_path / "data" / name).read_text()
                except OSError as exc:
                    text = str(exc)
                if EDGE not in text or not text.endswith("\n"):
                    torn.append(f"{name}: {text}")

    reader = threading.Thread(target=read)
    reader.start()
    try:
        for _ in range(100):
            broker.rotate(users)
        with EdgeClient(port) as edge:
            edge.publish(OURS.live(DEVICE), b"still let in")
    finally:
        stop.set()
        reader.join()
        broker.stop()
    assert torn == []


def test_patterns() -> None:
    user = load_users_of(EDGE)
    assert any(matches(OURS.live("x"), p) for p in user.writes)
    assert not any(matches(THEIRS.live("x"), p) for p in user.writes)
    assert not any(matches("vointi/1/#", p) for p in user.reads)
    assert not any(matches("#", p) for p in user.reads)
    assert matches(OURS.ack, user.reads[0])


def load_users_of(name: str):
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "u.json"
        path.write_text(json.dumps({name: {"password": "x", "role": "edge"}}))
        return load_users(path)[name]
