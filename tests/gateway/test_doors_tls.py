"""Every door with TLS: what it refuses, and that keys, certificates and passwords rotate."""

from __future__ import annotations

import json
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from gateway_kit import (
    DEVICE,
    EDGE,
    PASSWORDS,
    EdgeClient,
    Process,
    gateway_toml,
    hr_frame,
    needs,
    payload,
    random_boot,
    running_gateway,
    wait_for,
    write_users,
)
from identity_kit import NAMES, Box, SetTime, opened, settings, tls_broker
from vointi_gateway.config import load
from vointi_gateway.identity.audit import LogAudit
from vointi_gateway.identity.service import Identity
from vointi_gateway.ingest.tls import context
from vointi_gateway.settings import MqttSettings

pytestmark = pytest.mark.network
PATIENCE_S = 60.0


@dataclass
class World:
    """A broker and a gateway that reaches it by certificate and password, and serves HTTPS."""

    broker: Process
    gateway: Process
    config: Path
    trust: str
    pair: Path

    @property
    def folder(self) -> Path:
        return self.config.parent / "store"


def configure(folder: Path, gateway_port: int) -> Path:
    config = gateway_toml(folder, gateway_port)
    names = json.dumps(list(NAMES))
    text = config.read_text().replace("[mqtt]", '[mqtt]\ntls = true\nhost = "localhost"')
    config.write_text(f"{text}\n[identity]\nnames = {names}\n[https]\n")
    return config


@pytest.fixture(scope="module")
def world(module_tmp: Path) -> Iterator[World]:
    needs("mosquitto")
    identity = Identity(load(configure(module_tmp, 1), {}), LogAudit(), time.time)
    trust, box = identity.trust, Box()
    box.enrol(identity)
    bundle = identity.bundle.folder
    identity.close()
    with tls_broker(module_tmp, bundle) as broker:
        config = configure(module_tmp, int(broker.ready["gateway_port"]))
        with running_gateway(module_tmp, config) as gateway:
            yield World(broker, gateway, config, trust, box.write(module_tmp / "box"))


def hello(port: int, context: ssl.SSLContext) -> bytes | None:
    """The server's certificate; raises what the server's refusal raises."""
    with (
        socket.create_connection(("localhost", port), PATIENCE_S) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as tls,
    ):
        return tls.getpeercert(binary_form=True)


def health(world: World) -> dict[str, object]:
    """GET /api/v1/health by HTTPS, with our own root alone."""
    made = ssl.create_default_context(cadata=world.trust)
    with (
        socket.create_connection(("localhost", world.gateway.port), PATIENCE_S) as plain,
        made.wrap_socket(plain, server_hostname="localhost") as tls,
    ):
        tls.sendall(b"GET /api/v1/health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        answer = b"".join(iter(lambda: tls.recv(65_536), b""))
    document: dict[str, object] = json.loads(answer.partition(b"\r\n\r\n")[2])
    return document


def connected(world: World) -> bool:
    broker = health(world)["broker"]
    assert isinstance(broker, dict)
    return bool(broker["connected"])


@pytest.mark.parametrize("door", ["edges", "gateway", "https"])
def test_an_old_tls_is_refused_at_every_door(world: World, door: str) -> None:
    """The server says so: the client here would speak 1.1, and does, where it may."""
    ready = world.broker.ready
    ports = {"edges": ready["tls_port"], "gateway": ready["gateway_port"]}
    port = int(ports.get(door, world.gateway.port))
    old = ssl.create_default_context(cadata=world.trust)
    old.load_cert_chain(world.pair)
    old.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning):
        old.minimum_version = ssl.TLSVersion.TLSv1
        old.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises(ssl.SSLError, match=r"PROTOCOL_VERSION|EOF"):
        hello(port, old)
    new = ssl.create_default_context(cadata=world.trust)
    new.load_cert_chain(world.pair)
    new.minimum_version = ssl.TLSVersion.TLSv1_2
    assert hello(port, new)


def test_the_gateway_shows_a_certificate_and_a_password(world: World) -> None:
    wait_for(lambda: connected(world), PATIENCE_S)
    with EdgeClient(world.broker.port, EDGE) as edge:
        edge.send(hr_frame(1))
        wait_for(lambda: edge.marks.get((DEVICE, 7)), PATIENCE_S)
    port = int(world.broker.ready["gateway_port"])
    for pair, password in ((None, PASSWORDS["gateway"]), (world.pair, "")):
        assert not lets_in(port, world.trust, pair, password)
    assert lets_in(port, world.trust, world.pair, PASSWORDS["edge-2"], "edge-2"), "both open it"


def lets_in(port: int, trust: str, pair: Path | None, password: str, name: str = "gateway") -> bool:
    """Whether a bare CONNECT (MQTT 3.1.1) is answered with "accepted"."""
    made = ssl.create_default_context(cadata=trust)
    if pair is not None:
        made.load_cert_chain(pair)
    words = [b"x", name.encode(), *([password.encode()] if password else [])]
    # No clean session: what waits for the gateway stays.
    flags = 0xC0 if password else 0x80
    body = b"\x00\x04MQTT\x04" + bytes([flags, 0, 60])
    body += b"".join(len(word).to_bytes(2, "big") + word for word in words)
    try:
        with (
            socket.create_connection(("localhost", port), PATIENCE_S) as plain,
            made.wrap_socket(plain, server_hostname="localhost") as tls,
        ):
            tls.sendall(b"\x10" + bytes([len(body)]) + body)
            return tls.recv(4)[3:] == b"\x00"
    except OSError:
        return False


def test_a_renewed_certificate_of_https_is_used_without_a_restart(world: World) -> None:
    trusting = ssl.create_default_context(cadata=world.trust)
    before = hello(world.gateway.port, trusting)
    path = world.folder / "broker" / "server.pem"
    half = path.read_text().partition("-----BEGIN CERT")[0]
    path.write_text(half)
    assert hello(world.gateway.port, trusting) == before, "half a file is not taken"
    path.unlink()
    identity = Identity(load(world.config, {}), LogAudit(), time.time)
    identity.close()
    wait_for(lambda: hello(world.gateway.port, trusting) not in (None, before), PATIENCE_S)
    assert health(world)["status"] in ("ok", "degraded")


def test_a_password_rotates_under_load_and_nothing_is_lost(world: World) -> None:
    """The broker's file first; until the gateway's follows it is shut out, and edges wait."""
    wait_for(lambda: connected(world), PATIENCE_S)
    stop, sent = threading.Event(), [0]
    with EdgeClient(world.broker.port, EDGE) as edge:
        boot = random_boot()  # the sequence of a rerun begins anew

        def load() -> None:
            while not stop.is_set():
                sent[0] += 1
                edge.publish(edge.topics.live(DEVICE), payload(hr_frame(sent[0], boot=boot)))

        thread = threading.Thread(target=load)
        thread.start()
        try:
            wait_for(lambda: (DEVICE, boot) in edge.marks, PATIENCE_S)
            users = world.config.parent / "users.json"
            table = json.loads(users.read_text())
            table["gateway"]["password"] = "a-new-secret"
            users.write_text(json.dumps(table | {"spare": table["gateway"]}))
            (world.config.parent / "password").write_text("a-new-secret\n")
            port = int(world.broker.ready["gateway_port"])
            # By another name: the gateway's own session must not be taken over.
            wait_for(lambda: lets_in(port, world.trust, world.pair, "a-new-secret", "spare"))
            assert not lets_in(port, world.trust, world.pair, PASSWORDS["gateway"])
            before = sent[0]
            wait_for(lambda: edge.marks[DEVICE, boot].upto > before, PATIENCE_S)
        finally:
            stop.set()
            thread.join()
            write_users(world.config.parent)
            (world.config.parent / "password").write_text(PASSWORDS["gateway"] + "\n")
        # mosquitto drops what comes for a session that it has just shut out, the last ones too: so
        # an edge sends again what no watermark covers, and this one does until nothing is left.
        wait_for(lambda: again(edge, boot, sent[0]) == [], PATIENCE_S, step_s=2.0)


def again(edge: EdgeClient, boot: int, last: int) -> list[int]:
    """The numbers up to `last` that no watermark covers; they are sent once more."""
    mark = edge.marks[DEVICE, boot]
    missing = [seq for first, end in mark.gaps for seq in range(first, end + 1)]
    missing += range(mark.upto + 1, last + 1)
    print(f"{len(missing)} of {last} are not covered")
    for seq in missing:
        edge.publish(edge.topics.backlog(DEVICE), payload(hr_frame(seq, boot=boot)))
    return missing


def test_our_own_certificate_is_renewed_and_the_next_connection_shows_it(tmp_path: Path) -> None:
    now = SetTime()
    chosen = settings(tmp_path, mqtt=MqttSettings(tls=True))
    identity = Identity(chosen, LogAudit(), now)
    try:
        found = identity.mqtt()
        assert found.cert_file is not None
        first = found.cert_file.read_bytes()
        assert found.cert_file.stat().st_mode & 0o777 == 0o600
        assert context(found) is not None
        for days, renewed in ((4, False), (5, True)):
            now.now_s += days * 86_400 - (now.now_s - SetTime().now_s)
            identity.watch()
            assert (found.cert_file.read_bytes() != first) is renewed
    finally:
        identity.close()
    with opened(tmp_path / "plain", now) as plain:
        assert context(plain.mqtt()) is None
