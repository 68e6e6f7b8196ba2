"""mosquitto with certificates: each trap is tested by what is delivered, and when."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from gateway_kit import DEVICE, EDGE, PILOT, EdgeClient, Process, wait_for
from identity_kit import Box, SetTime, TlsClient, edges_in, opened, tls_broker
from vointi_contract.topics import EdgeTopics
from vointi_gateway.identity.authority import LocalIssuer
from vointi_gateway.identity.service import Identity

pytestmark = pytest.mark.network
OURS, THEIRS = EdgeTopics(PILOT, EDGE), EdgeTopics("pilot-b", "edge-2")


@dataclass
class World:
    broker: Process
    identity: Identity
    folder: Path
    pairs: dict[str, Path]

    def client(self, edge: str = EDGE, **options: object) -> TlsClient:
        port = int(self.broker.ready["tls_port"])
        return TlsClient(port, self.pairs[edge], self.identity.trust, **options)  # type: ignore[arg-type]

    def enrol(self, edge: str) -> Path:
        box = Box()
        box.enrol(self.identity, edge)
        self.pairs[edge] = box.write(self.folder / edge)
        return self.pairs[edge]

    def gateway(self) -> EdgeClient:
        return EdgeClient(self.broker.port, "gateway", subscribe="vointi/1/+/+/+/#")


@pytest.fixture(scope="module")
def world(module_tmp: Path) -> Iterator[World]:
    with opened(module_tmp / "gw", SetTime(time.time())) as identity:
        made = World(None, identity, module_tmp, {})  # type: ignore[arg-type]
        made.enrol(EDGE)
        made.enrol("edge-2")
        with tls_broker(module_tmp, identity.bundle.folder) as broker:
            made.broker = broker
            yield made


def refused(client: TlsClient) -> bool:
    """A stranger never gets as far as a subscription."""
    wait_for(client.failed.is_set)
    client.close()
    return not client.connected.is_set()


def test_a_certificate_is_all_that_an_edge_needs(world: World) -> None:
    with world.gateway() as gateway, world.client() as edge:
        assert edge.publish(OURS.live(DEVICE), b"mine") == "Success"
        wait_for(lambda: (OURS.live(DEVICE), b"mine") in gateway.received)
        gateway.publish(OURS.ack, b"ack")
        wait_for(lambda: (OURS.ack, b"ack") in edge.received)


def test_it_cannot_speak_for_another_nor_hear_anothers_commands(world: World) -> None:
    """SUBSCRIBE to everything is granted; what counts is what is delivered."""
    with world.gateway() as gateway, world.client("edge-2") as other:
        for topic in (THEIRS.live(DEVICE), THEIRS.state, OURS.ack):
            with world.client() as edge:
                assert edge.publish(topic, b"forged") == "Not authorized"
        edge = world.client()
        wait_for(edge.connected.is_set)
        gateway.publish(THEIRS.ack, b"not for edge-1")
        other.publish(THEIRS.live(DEVICE), b"data of edge-2")
        wait_for(lambda: (THEIRS.live(DEVICE), b"data of edge-2") in gateway.received)
        wait_for(lambda: (THEIRS.ack, b"not for edge-1") in other.received)
        time.sleep(0.2)
        assert edge.received == []
        edge.close()
        assert not any(data == b"forged" for _, data in gateway.received)


@pytest.mark.parametrize("name", ["edge-2", "gateway", "warden"])
def test_another_ones_client_id_or_user_name_changes_nothing(world: World, name: str) -> None:
    with world.client("edge-2") as other, world.gateway() as gateway:
        with world.client(client_id=name, username=name) as thief:
            assert thief.publish(THEIRS.live(DEVICE), b"stolen") == "Not authorized"
            time.sleep(0.2)
            assert other.connected.is_set()
            assert gateway.connected.is_set()
        assert not any(data == b"stolen" for _, data in gateway.received)


def test_strangers_are_refused(world: World, tmp_path: Path) -> None:
    """No certificate, another root with the same name, a server's certificate, an old TLS."""
    port, trust = int(world.broker.ready["tls_port"]), world.identity.trust
    assert refused(TlsClient(port, None, trust))
    rogue = LocalIssuer.create(tmp_path / "rogue", time.time())
    box = Box()
    box.chain = rogue.edge(EDGE, box.key.public_key(), time.time()).chain
    assert refused(TlsClient(port, box.write(tmp_path / "a"), trust))
    issuer = LocalIssuer.create(world.folder / "gw" / "identity" / "issuer", time.time())
    issued, key = issuer.server([EDGE], time.time())
    (tmp_path / "server.pem").write_text(key + issued.chain)
    assert refused(TlsClient(port, tmp_path / "server.pem", trust))
    box.chain = issuer.edge(EDGE, box.key.public_key(), time.time() - 8 * 86_400).chain
    assert refused(TlsClient(port, box.write(tmp_path / "expired"), trust))


def test_a_name_of_wildcards_matches_nothing(world: World, tmp_path: Path) -> None:
    """CVE-2017-7650; the registry never issues one, this is the broker's own check."""
    issuer = LocalIssuer.create(world.folder / "gw" / "identity" / "issuer", time.time())
    for number, name in enumerate(("+", "#")):
        box = Box()
        box.chain = issuer.edge(name, box.key.public_key(), time.time()).chain
        port = int(world.broker.ready["tls_port"])
        client = TlsClient(port, box.write(tmp_path / str(number)), world.identity.trust)
        wait_for(lambda c=client: c.connected.is_set() or c.failed.is_set())
        with world.gateway() as gateway:
            client.client.publish(OURS.live(DEVICE), b"wild", qos=1)
            gateway.publish(OURS.ack, b"for edge-1")
            time.sleep(0.3)
            assert not any(data == b"wild" for _, data in gateway.received)
            assert client.received == []
        client.close()


def test_the_password_door_takes_no_certificate_names(world: World) -> None:
    """An edge with a certificate has no password, whatever it tries."""
    client = EdgeClient(world.broker.port, EDGE, password="")
    wait_for(lambda: client.refused)
    client.__exit__()
    client = EdgeClient(world.broker.port, "warden", password="")
    wait_for(lambda: client.refused)
    client.__exit__()


def test_a_revoked_edge_is_out_within_seconds_and_others_stay(world: World) -> None:
    """During a publish loop: last accepted message, live session, next connection."""
    world.enrol("edge-3")
    topics = EdgeTopics(PILOT, "edge-3")
    wait_for(lambda: "edge-3" in (world.folder / "data/mosquitto/acl").read_text())
    with world.gateway() as gateway, world.client() as good:
        # 3.1.1 acknowledges what it denies: only pushing it out ends the session.
        bad = world.client("edge-3", protocol="3.1.1")
        wait_for(bad.connected.is_set)
        bad.publish(topics.live(DEVICE), b"before")
        wait_for(lambda: (topics.live(DEVICE), b"before") in gateway.received)
        world.identity.edges.revoke("edge-3", "lost", "test")
        begun, number = time.monotonic(), 0
        while bad.connected.is_set() and time.monotonic() - begun < 60:
            number += 1
            bad.client.publish(topics.live(DEVICE), b"after %d" % number, qos=1)
            time.sleep(0.02)
        took = time.monotonic() - begun
        bad.close()
        assert took < 10, "60 s are allowed"
        assert good.connected.is_set()
        heard = len(gateway.received)
        assert good.publish(OURS.live(DEVICE), b"still here") == "Success"
        wait_for(lambda: (OURS.live(DEVICE), b"still here") in gateway.received)
        assert len(gateway.received) == heard + 1
        assert refused(world.client("edge-3"))
    assert "edge-3" not in edges_in(world.identity.bundle.folder)


def test_a_new_box_in_the_old_ones_place_ends_the_old_one(world: World) -> None:
    world.enrol("edge-4")
    wait_for(lambda: "edge-4" in (world.folder / "data/mosquitto/acl").read_text())
    with world.client("edge-4") as old:
        before = world.pairs["edge-4"].read_bytes()
        world.identity._now_s.now_s += 1  # type: ignore[attr-defined]
        world.enrol("edge-4")
        wait_for(lambda: not old.connected.is_set())
    with world.client("edge-4"):
        world.pairs["edge-4"].write_bytes(before)
        assert refused(world.client("edge-4"))


def test_a_renewed_server_certificate_is_taken_over_without_a_restart(world: World) -> None:
    bundle = world.identity.bundle
    context = ssl.create_default_context(cadata=world.identity.trust)
    context.load_cert_chain(world.pairs[EDGE])

    def shown() -> bytes | None:
        address = ("localhost", int(world.broker.ready["tls_port"]))
        with (
            socket.create_connection(address, 5) as plain,
            context.wrap_socket(plain, server_hostname="localhost") as tls,
        ):
            return tls.getpeercert(binary_form=True)

    with world.client() as edge:
        before = shown()
        (bundle.folder / "server.pem").unlink()
        bundle.publish()
        wait_for(lambda: shown() not in (None, before))
        assert edge.connected.is_set()
