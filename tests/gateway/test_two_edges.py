"""Two edges, one strap: real edges on one simulated radio, a real broker, a real gateway."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from gateway_kit import (
    BIN,
    EDGE,
    OTHER_EDGE,
    PASSWORDS,
    PILOT,
    EdgeClient,
    GatewayProcess,
    Process,
    gateway_toml,
    hr_frame,
    needs,
    random_boot,
    running_broker,
    running_gateway,
    wait_for,
)
from vointi_gateway.cli import main
from vointi_gateway.pilots.leases import Lease
from vointi_gateway.pilots.registry import Registry

pytestmark = pytest.mark.network

STRAP_1, STRAP_2 = f"{EDGE}.strap-1", f"{OTHER_EDGE}.strap-1"
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


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    needs("mosquitto")
    with ExitStack() as stack:
        broker = stack.enter_context(running_broker(tmp_path, "mosquitto"))
        config = gateway_toml(tmp_path, broker.port)
        text = config.read_text().replace(f'["{EDGE}"]', f'["{EDGE}", "{OTHER_EDGE}"]')
        text = text.replace(f'edges = ["{OTHER_EDGE}"]', "edges = []")
        config.write_text("lease_silent_s = 3\n" + text)
        gateway = stack.enter_context(running_gateway(tmp_path, config)).connected()
        listen = "tcp-server:127.0.0.1:0"
        sim = [str(BIN / "vointi-sim"), "run", "--home", listen, "--second", listen, "--seed", "3"]
        radio = Process(sim, tmp_path)
        stack.callback(radio.close)
        radio.start()
        where = [radio.ready["home"], radio.ready["home_2"]]
        edges = {
            edge: _edge(tmp_path, edge, broker.port, place)
            for edge, place in zip((EDGE, OTHER_EDGE), where, strict=True)
        }
        for edge in edges.values():
            stack.callback(edge.close)
        registry = Registry(tmp_path / "store")
        registry.open()
        stack.callback(registry.close)
        yield House(tmp_path, broker.port, gateway, registry, edges)


def test_one_of_two_edges_reads_a_strap_and_the_other_takes_over(
    house: House, capsys: pytest.CaptureFixture[str]
) -> None:
    for edge in house.edges.values():
        edge.start()
    device = wait_for(house.lease, PATIENCE_S).device
    holder, other = (EDGE, OTHER_EDGE) if device == STRAP_1 else (OTHER_EDGE, EDGE)
    wait_for(lambda: len(house.times(device)) > 1, PATIENCE_S)
    wait_for(lambda: house.told(other), PATIENCE_S)

    house.edges[holder].kill()
    wait_for(lambda: house.holds(f"{other}.strap-1"), PATIENCE_S)
    wait_for(lambda: len(house.times(f"{other}.strap-1")) > 1, PATIENCE_S)

    # What somebody sends in the name of the one that lost it is kept apart, and counted.
    before = house.gateway.counts()["quarantined"]
    with EdgeClient(house.port, holder, PILOT) as client:
        client.send(hr_frame(1, boot=random_boot(), wall_us=time.time_ns() // 1000))
        wait_for(lambda: house.gateway.counts()["quarantined"] > before, PATIENCE_S)

    # It comes back with the policy that it kept, which lets it look for the strap.
    house.edges[holder].start()
    wait_for(lambda: house.told(holder), PATIENCE_S)
    assert house.holds(f"{other}.strap-1")
    gate = house.registry.gate()
    for one in (device, f"{other}.strap-1"):
        assert not [t_us for t_us in house.times(one) if gate.holder(one, t_us)]
    house.gateway.counts()  # which checks the balance

    with pytest.raises(SystemExit) as caught:
        main(["device", "leases", "--json", "--config", str(house.folder / "gateway.toml")])
    assert caught.value.code == 0
    rows = json.loads(capsys.readouterr().out)
    found = [(row["device"], row["ended"]) for row in rows]
    assert (device, "silent") in found
    assert found[-1] == (f"{other}.strap-1", "")
