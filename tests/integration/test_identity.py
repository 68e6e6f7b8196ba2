"""From ticket to revocation with the real commands: gateway over HTTPS, mosquitto, edge."""

from __future__ import annotations

import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from gateway_kit import BIN, EDGE, PASSWORDS, PILOT, Process, running_gateway, wait_for
from identity_kit import Records, tls_broker
from vointi_edge.cli import main
from vointi_gateway.config import load
from vointi_gateway.identity.service import Identity

pytestmark = pytest.mark.network


@dataclass
class Site:
    """A gateway and a broker on which an edge can enrol."""

    folder: Path
    broker: Process
    url: str
    context: ssl.SSLContext
    #: What a command has open while the gateway runs.
    command: Identity

    def ticket(self) -> str:
        return self.command.edges.ticket(EDGE, PILOT, "s", "test").text

    def get(self, path: str) -> Any:
        return httpx.get(f"{self.url}/api/v1{path}", verify=self.context, timeout=10).json()

    def edge_online(self) -> bool:
        return any(e["edge"] == EDGE and e["online"] for e in self.get("/health")["edges"])

    def log(self) -> str:
        return (self.folder / "edge.log").read_text()

    def enrol(self, config: Path, ticket: str, url: str = "") -> int:
        """`vointi-edge enrol`, in this process."""
        arguments = ("--config", str(config), "--gateway", url or self.url, "--ticket", ticket)
        return main(["enrol", *arguments])

    @contextmanager
    def running_edge(self, config: Path) -> Iterator[subprocess.Popen[bytes]]:
        command = [str(BIN / "vointi-edge"), "run", "--config", str(config)]
        with (self.folder / "edge.log").open("w") as log:
            edge = subprocess.Popen(command, stderr=log)
            try:
                yield edge
            finally:
                edge.terminate()
                edge.wait(20)


def gateway_toml(folder: Path, broker_port: int) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "password").write_text(PASSWORDS["gateway"])
    path = folder / "gateway.toml"
    path.write_text(
        f'data_dir = "{folder / "gw"}"\nport = 0\n'
        f'[mqtt]\nport = {broker_port}\npassword_file = "{folder / "password"}"\n'
        '[https]\n[identity]\nnames = ["localhost"]\n'
        f'[[pilot]]\nid = "{PILOT}"\nname = "A"\nkind = "home"\nedges = ["{EDGE}"]\n'
    )
    return path


def edge_toml(folder: Path, port: int, host: str = "localhost") -> Path:
    path = folder / "edge.toml"
    path.write_text(
        f'edge = "{EDGE}"\npilot = "{PILOT}"\nsite = "s"\nrole = "home"\n'
        f'data_dir = "{folder / "edge"}"\n[clock]\ntrust = "system"\n'
        f'[mqtt]\nhost = "{host}"\nport = {port}\ntls = true\n'
    )
    return path


@pytest.fixture(scope="module")
def site(module_tmp: Path) -> Iterator[Site]:
    folder = module_tmp
    # The first command makes the issuer and the folder that the broker reads.
    settings = load(gateway_toml(folder, 1883), {})
    command = Identity(settings, Records(), time.time)
    with closing(command), tls_broker(folder, folder / "gw" / "broker") as broker:
        config = gateway_toml(folder, broker.port)
        with running_gateway(folder, config) as gateway:
            context = ssl.create_default_context(cadata=command.trust)
            url = f"https://localhost:{gateway.port}"
            yield Site(folder, broker, url, context, command)


def test_an_edge_enrols_is_heard_and_is_shut_out(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    config = edge_toml(site.folder, int(site.broker.ready["tls_port"]))
    ticket = site.ticket()
    token = ticket.partition(".")[0]

    # A gateway that is not the one of the ticket gets no ticket to see.
    assert site.enrol(config, f"{token}.{'00' * 32}") == 1
    assert "is not the one that gave the ticket" in capsys.readouterr().err
    assert site.enrol(config, ticket, "http://gateway.example") == 1
    assert "must be https" in capsys.readouterr().err

    assert site.enrol(config, ticket) == 0
    assert f"{EDGE} is enrolled until" in capsys.readouterr().out
    identity = site.folder / "edge" / "identity"
    assert {path.stat().st_mode & 0o077 for path in (identity, *identity.iterdir())} == {0}
    assert site.enrol(config, ticket) == 1
    assert "ticket: is not valid" in capsys.readouterr().err

    with site.running_edge(config) as edge:
        wait_for(site.edge_online)
        # The key has not left the box: the gateway and the broker have no byte of it.
        key = "".join((identity / "client.pem").read_text().splitlines()[1:3])
        for path in (p for p in (site.folder / "gw").rglob("*") if p.is_file()):
            assert key[:60].encode() not in path.read_bytes()
        site.command.edges.revoke(EDGE, "lost", "test")
        wait_for(lambda: not site.edge_online())
        wait_for(lambda: "readings are kept" in site.log())
        assert edge.poll() is None
    assert site.get("/edges")["edges"][0]["state"] == "revoked"


def test_the_edge_refuses_a_broker_of_another_name(site: Site) -> None:
    port = int(site.broker.ready["tls_port"])
    config = edge_toml(site.folder, port)
    assert site.enrol(config, site.ticket()) == 0
    edge_toml(site.folder, port, host="127.0.0.1")
    with site.running_edge(config):
        wait_for(lambda: "certificate verify failed" in site.log())
        assert not site.edge_online()
