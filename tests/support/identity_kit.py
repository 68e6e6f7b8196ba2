"""What the tests of identity share: a set clock, a registry, a box that makes its own requests."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from gateway_kit import BIN, EDGE, PILOT, Process, needs, wait_for, write_users
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from vointi_gateway.identity.edges import RENEWAL, Enrolled
from vointi_gateway.identity.service import Identity
from vointi_gateway.settings import IdentitySettings, PilotSettings, Settings

#: 2026-06-01T00:00:00Z
T0_S = 1_780_272_000.0
NAMES = ("localhost", "127.0.0.1")


@dataclass
class SetTime:
    """UTC seconds that stand where the test puts them."""

    now_s: float = T0_S

    def __call__(self) -> float:
        return self.now_s


@dataclass
class Records:
    """An audit that remembers."""

    lines: list[tuple[str, str, str, str]] = field(default_factory=list)

    def record(self, what: str, who: str, about: str = "", outcome: str = "ok") -> None:
        self.lines.append((what, who, about, outcome))

    def outcomes(self, what: str) -> list[str]:
        return [line[3] for line in self.lines if line[0] == what]


def settings(folder: Path, **changes: Any) -> Settings:
    pilots = (
        PilotSettings(PILOT, "Pilot A", "home", "Espoo", (EDGE,), "simulated"),
        PilotSettings("pilot-b", "Pilot B", "service_point", "Vantaa", ("edge-2",), "simulated"),
    )
    values: dict[str, Any] = {"data_dir": folder, "pilot": pilots}
    values |= {"identity": IdentitySettings(NAMES)} | changes
    return Settings(**values)


@contextmanager
def opened(folder: Path, now: SetTime, audit: Records | None = None) -> Iterator[Identity]:
    identity = Identity(settings(folder), audit or Records(), now)
    try:
        yield identity
    finally:
        identity.close()


class Box:
    """A box that makes keys and requests; `curve` and `name` for requests that are not right."""

    def __init__(self) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.chain = ""

    def request(self) -> str:
        return pem_request(self.key)

    def enrol(self, identity: Identity, edge: str = EDGE, pilot: str = PILOT) -> Enrolled:
        ticket = identity.edges.ticket(edge, pilot, edge, "test")
        enrolled = identity.edges.enrol(ticket.text, self.request(), edge)
        self.chain = enrolled.issued.chain
        return enrolled

    def proof(self, request: str) -> bytes:
        return self.key.sign(RENEWAL + request.encode(), ec.ECDSA(hashes.SHA256()))

    def write(self, folder: Path) -> Path:
        """Key and chain in one file."""
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / "pair.pem"
        path.write_bytes(private_pem(self.key) + self.chain.encode())
        return path


def private_pem(key: Any) -> bytes:
    form = serialization.PrivateFormat.PKCS8
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())


def pem_request(key: Any, subject: x509.Name | None = None, *extensions: Any) -> str:
    made = x509.CertificateSigningRequestBuilder().subject_name(subject or x509.Name([]))
    for extension in extensions:
        made = made.add_extension(extension, critical=True)
    signed = made.sign(key, None if "Ed25519" in type(key).__name__ else hashes.SHA256())
    return signed.public_bytes(serialization.Encoding.PEM).decode()


class TlsClient:
    """An MQTT client with a certificate; keeps what it hears."""

    def __init__(
        self,
        port: int,
        pair: Path | None,
        trust: str,
        *,
        client_id: str = "box",
        username: str | None = None,
        subscribe: str = "vointi/1/#",
        protocol: str = "5",
    ) -> None:
        self.received: list[tuple[str, bytes]] = []
        self.connected, self.failed = threading.Event(), threading.Event()
        self.reasons: dict[int, str] = {}
        self._subscribe = subscribe
        context = ssl.create_default_context(cadata=trust)
        if pair is not None:
            context.load_cert_chain(pair)
        five = protocol == "5"
        self.client = paho.Client(
            CallbackAPIVersion.VERSION2,
            client_id=client_id,
            clean_session=None if five else True,
            protocol=MQTTProtocolVersion.MQTTv5 if five else MQTTProtocolVersion.MQTTv311,
            reconnect_on_failure=False,
        )
        self.client.tls_set_context(context)
        if username is not None:
            self.client.username_pw_set(username, "x")
        self.client.on_connect = self._on_connect
        self.client.on_subscribe = lambda *_: self.connected.set()
        self.client.on_disconnect = self._on_disconnect
        self.client.on_message = lambda _c, _d, m: self.received.append((m.topic, bytes(m.payload)))
        self.client.on_publish = self._on_publish
        try:
            self.client.connect("localhost", port)
        except OSError:
            self.failed.set()
        else:
            self.client.loop_start()

    def _on_connect(self, client: paho.Client, *rest: Any) -> None:
        if not rest[2].is_failure:
            client.subscribe(self._subscribe, 1)

    def _on_disconnect(self, *_: Any) -> None:
        self.connected.clear()
        self.failed.set()

    def _on_publish(self, _client: Any, _data: Any, mid: int, reason: Any, *_: Any) -> None:
        self.reasons[mid] = str(reason)

    def publish(self, topic: str, data: bytes) -> str:
        """Publish at QoS 1; the broker's answer."""
        info = self.client.publish(topic, data, qos=1)
        return wait_for(lambda: self.reasons.get(info.mid))

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()

    def __enter__(self) -> TlsClient:
        wait_for(self.connected.is_set)
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@contextmanager
def tls_broker(folder: Path, bundle: Path) -> Iterator[Process]:
    """The real mosquitto, for edges by certificate and for the gateway by password."""
    needs("mosquitto")
    folder.mkdir(parents=True, exist_ok=True)
    config = folder / "broker.toml"
    config.write_text(
        f'data = "{folder / "data"}"\nusers = "{write_users(folder)}"\nport = 0\n'
        f'[tls]\nbundle = "{bundle}"\nhost = "127.0.0.1"\nport = 0\ngateway_port = 0\n'
    )
    process = Process([str(BIN / "vointi-broker"), "--config", str(config)], folder)
    try:
        yield process.start()
    finally:
        process.close()


def edges_in(bundle: Path) -> dict[str, int]:
    found: dict[str, int] = json.loads((bundle / "edges.json").read_text())["edges"]
    return found
