"""A gateway, a broker and edges on one simulated radio: what tests and benchmarks share."""

from __future__ import annotations

import json
import socket
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from gateway_kit import (
    BIN,
    EDGE,
    OTHER_EDGE,
    PASSWORDS,
    PILOT,
    GatewayProcess,
    Process,
    gateway_toml,
    running_broker,
    running_gateway,
)
from vointi_gateway.pilots.leases import Lease
from vointi_gateway.pilots.registry import Registry

STRAP = "C0:DE:00:00:00:01"
PERSON = "p-7f3a"
#: A busy machine takes its time, and the silence of a holder is waited for.
PATIENCE_S = 60.0
CONFIG = """\
edge = "{edge}"
pilot = "{pilot}"
site = "home-1"
role = "home"
data_dir = "data-{edge}"
[clock]
trust = "system"
[mqtt]
host = "127.0.0.1"
port = {port}
username = "{edge}"
password_file = "{edge}.password"
[ble]
backend = "virtual"
hci = "{radio}"
[policy]
keys_file = "store/keys/policy.keys"
[[device]]
id = "strap-1"
model = "polar-h10"
address = "C0:DE:00:00:00:01"
person = "p-7f3a"
"""


class EdgeProcess(Process):
    """An edge, which prints no ready line."""

    def start(self) -> Process:
        with (self.folder / f"{self.command[-1]}.log").open("a") as log:
            self.child = subprocess.Popen(
                self.command, stdout=subprocess.PIPE, stderr=log, text=True, cwd=self.folder
            )
        return self


@dataclass
class House:
    """Everything, and what can be asked of it."""

    folder: Path
    port: int
    gateway: GatewayProcess
    registry: Registry
    edges: dict[str, EdgeProcess]
    control: tuple[str, int]

    def post(self, path: str, **body: Any) -> httpx.Response:
        return httpx.post(f"{self.gateway.url}/api/v1{path}", json=body, timeout=60)

    def says(self, kind: str) -> None:
        """The person gives, pauses, resumes or withdraws, for every purpose."""
        for purpose in ("care", "evaluation", "open_data"):
            who = {"pilot": PILOT, "person": PERSON, "purpose": purpose}
            answer = self.post("/consents", **who, kind=kind)
            if answer.status_code != 201:
                raise AssertionError(answer.text)

    @property
    def linked(self) -> bool:
        """Whether the simulated strap has a link now: what the radio itself knows."""
        with socket.create_connection(self.control, 30) as control:
            control.sendall(b'{"op": "stats"}\n')
            stats = json.loads(control.makefile().readline())
        return bool(stats["places"]["home"]["devices"][STRAP]["connected"])

    def online(self, edge: str) -> bool:
        """Whether the gateway has heard that the edge has a session."""
        edges = self.gateway.get("/health").json()["edges"]
        return any(one["edge"] == edge and one["online"] for one in edges)

    def refused(self, reason: str) -> int:
        """Readings that were counted and not kept, for a reason."""
        rows = self.gateway.get("/refusals").json()
        return sum(row["n"] for row in rows if row["reason"] == reason)

    def lease(self) -> Lease | None:
        return next((one for one in self.registry.leases.all() if not one.ended), None)

    def holds(self, device: str) -> Lease | None:
        lease = self.lease()
        return lease if lease is not None and lease.device == device else None

    def times(self, device: str) -> list[int]:
        """When each stored heart rate was made, µs."""
        query = {"device": device, "metric": "heart_rate", "from": "-1h"}
        answer = self.gateway.get("/series", params=query)
        return list(answer.json()["t_us"]) if answer.status_code == 200 else []

    def told(self, edge: str) -> bool:
        """Whether the edge has confirmed the newest policy, and it says that another one reads."""
        row = self.registry.database.row("SELECT * FROM policy WHERE edge = ?", edge)
        if row is None or row["confirmed"] < row["version"]:
            return False
        entries: list[dict[str, Any]] = json.loads(row["body"])["entries"]
        return [bool(entry.get("elsewhere")) for entry in entries] == [True]


def _edge(folder: Path, edge: str, port: int, radio: str) -> EdgeProcess:
    config = folder / f"{edge}.toml"
    config.write_text(CONFIG.format(edge=edge, pilot=PILOT, port=port, radio=radio))
    (folder / f"{edge}.password").write_text(PASSWORDS[edge] + "\n")
    return EdgeProcess([str(BIN / "vointi-edge"), "run", "--config", str(config)], folder)


@contextmanager
def running_house(
    folder: Path, *settings: str, edges: Sequence[str] = (EDGE,), kind: str = "mosquitto"
) -> Iterator[House]:
    """All of it but the edges running; `settings` are lines for gateway.toml."""
    with ExitStack() as stack:
        broker = stack.enter_context(running_broker(folder, kind))
        config = gateway_toml(folder, broker.port)
        text = config.read_text().replace(f'["{EDGE}"]', f'["{EDGE}", "{OTHER_EDGE}"]')
        text = text.replace(f'edges = ["{OTHER_EDGE}"]', "edges = []")
        config.write_text("\n".join((*settings, text)))
        gateway = stack.enter_context(running_gateway(folder, config)).connected()
        listen = "tcp-server:127.0.0.1:0"
        sim = [str(BIN / "vointi-sim"), "run", "--home", listen, "--second", listen]
        radio = Process([*sim, "--seed", "3", "--control", "127.0.0.1:0"], folder)
        stack.callback(radio.close)
        radio.start()
        places = {EDGE: radio.ready["home"], OTHER_EDGE: radio.ready["home_2"]}
        made = {edge: _edge(folder, edge, broker.port, places[edge]) for edge in edges}
        for edge in made.values():
            stack.callback(edge.close)
        registry = Registry(folder / "store")
        registry.open()
        stack.callback(registry.close)
        host, _, port = str(radio.ready["control"]).rpartition(":")
        yield House(folder, broker.port, gateway, registry, made, (host, int(port)))
