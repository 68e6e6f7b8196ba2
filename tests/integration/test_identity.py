"""From ticket to revocation with the real commands: gateway over HTTPS, mosquitto, edge."""

from __future__ import annotations

import contextlib
import json
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
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from gateway_kit import BIN, EDGE, PASSWORDS, PILOT, Process, running_gateway, wait_for
from identity_kit import Records, tls_broker
from release_kit import KEY, release
from vointi_contract.release import Manifest
from vointi_contract.signing import public_key_text
from vointi_edge.cli import main
from vointi_edge.update import cli as update_cli
from vointi_edge.update.service import SystemdService
from vointi_edge.update.slots import Slots
from vointi_gateway import cli
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


class Supervisor(SystemdService):
    """Plays systemd: starts what `current` names, in place of what ran."""

    def __init__(self, site: Site, config: Path) -> None:
        super().__init__(site.folder / "edge" / "run", trial_s=60, steady_s=0, look_s=0.05)
        self._root, self._config = site.folder / "opt", config
        self._log = site.folder / "edge.log"
        self._child: subprocess.Popen[bytes] | None = None

    def connected(self) -> bool:
        return False  # the vital signs say so every quarter of a minute, which is too long here

    def restart(self) -> None:
        self.stop()
        program = str(self._root / "current" / "bin" / "vointi-edge")
        command = [program, "run", "--config", str(self._config), "--root", str(self._root)]
        with self._log.open("a") as log:
            self._child = subprocess.Popen(command, stderr=log)

    def stop(self) -> None:
        if self._child is not None:
            self._child.terminate()
            self._child.wait(60)


def install(slots: Slots, manifest: Manifest, _wheels: Path) -> str:
    """In place of pip: this program, saying the release's version (test_update.py: real ones)."""
    slot = f"versions/{manifest.id}"
    program = slots._root / slot / "bin" / "vointi-edge"
    program.parent.mkdir(parents=True)
    says = f"import sys, vointi_edge; vointi_edge.__version__ = '{manifest.version}'"
    runs = "from vointi_edge.cli import main; sys.exit(main(sys.argv[1:]))"
    program.write_text(f'#!/bin/sh\nexec {BIN}/python -c "{says}; {runs}" "$@"\n')
    program.chmod(0o755)
    return slot


def test_a_release_reaches_the_edge_from_the_gateway(
    site: Site, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    stranger = Ed25519PrivateKey.generate()
    data, opt, made = site.folder / "edge", site.folder / "opt", site.folder / "made"
    for folder in (opt / "share", opt / "versions", made):
        folder.mkdir(parents=True)
    trusted = public_key_text(KEY.public_key())
    (opt / "share" / "release.keys").write_text(trusted + "\n")
    (site.folder / "gw" / "release.keys").write_text(
        f"{trusted}\n{public_key_text(stranger.public_key())}\n"
    )
    config = edge_toml(site.folder, int(site.broker.ready["tls_port"]))
    config.write_text(f'{config.read_text()}[policy]\nkeys_file = "{data}/identity/policy.keys"\n')
    assert site.enrol(config, site.ticket()) == 0
    capsys.readouterr()
    monkeypatch.setattr(Slots, "install", install)
    first = install(Slots(opt), Manifest("0.0", 1, None, ()), made)
    for link in ("current", "confirmed"):
        Slots(opt).point(link, first)
    supervisor = Supervisor(site, config)
    monkeypatch.setattr(update_cli, "SystemdService", lambda _run_dir: supervisor)

    def command(*words: str) -> str:
        """`vointi-gateway …` beside the gateway that runs."""
        with pytest.raises(SystemExit) as ended:
            cli.main([*words, "--config", str(site.folder / "gateway.toml")])
        assert ended.value.code == 0, capsys.readouterr().err
        return capsys.readouterr().out

    def listed() -> dict[str, Any]:
        (one,) = json.loads(command("edge", "list", "--json"))["edges"]
        return {"version": one["version"], **(one["order"] or {})}

    def update() -> None:
        """Order the newest release, and do what vointi-update does when the order is there."""
        command("edge", "update", EDGE)
        wait_for((data / "update" / "order.json").exists, 60)
        wait_for(lambda: listed()["state"] == "fetched", 60, 0.3)
        main(["update", "--pending", "--config", str(config), "--root", str(opt)])
        capsys.readouterr()
        wait_for(lambda: listed()["state"] != "fetched", 60, 0.3)

    supervisor.restart()
    with contextlib.closing(contextlib.ExitStack()) as ends:
        ends.callback(supervisor.stop)
        wait_for(lambda: listed()["version"] == "0.0", 60, 0.3)
        command("release", "add", str(release(made, 2, whole=False)))
        update()
        assert (listed()["version"], listed()["state"]) == ("0.2", "done")
        said = command("edge", "command", EDGE, "diagnostics", "--wait", "60")
        assert '"version": "0.2"' in said
        # Signed by whom the gateway believes, and the box does not.
        command("release", "add", str(release(made, 3, key=stranger, whole=False)))
        update()
        assert (listed()["version"], listed()["state"]) == ("0.2", "refused")
        assert "is not trusted here" in listed()["reason"]
