"""What the emulated machine meets on the host: the demo's simulator, broker and gateway."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Self

from running_demo import wait_for
from virtual_pi import HOST
from vointi_demo.layout import HOME_DEVICES, Layout, Ports
from vointi_demo.ports import free_ports
from vointi_demo.supervisor import Supervisor, children_of

EDGE = "home-1"
# They start at once, but for what else the host does.
_READY_LIMIT_S = 900.0
_CONFIG = """\
edge = "{edge}"
pilot = "demo-home"
site = "{edge}"
role = "home"
data_dir = "/var/lib/vointi-edge"

[clock]
trust = "system"

[mqtt]
host = "{host}"
port = {port}
protocol = "3.1.1"
username = "{edge}"
password_file = "password"

[policy]
keys_file = "policy.keys"

[ble]
backend = "bluez"
adapters = ["hci0"]
"""


def edge_config(broker_port: int) -> str:
    """The edge.toml that goes onto the card: a home's six devices on BlueZ."""
    blocks = [
        f'\n[[device]]\nid = "{name}"\nmodel = "{model}"\naddress = "{address}"\n'
        + (f'person = "{person}"\n' if person else "")
        for name, model, address, person in HOME_DEVICES
    ]
    return _CONFIG.format(edge=EDGE, host=HOST, port=broker_port) + "".join(blocks)


class Host(AbstractContextManager["Host"]):
    """The demo's simulator, broker and gateway, without its edges."""

    def __init__(self, folder: Path, ports: Sequence[int] = ()) -> None:
        """With the `ports` of a run that was kept, its files are in `folder` already."""
        page, broker, home, point = ports or free_ports(4)
        self.layout = Layout(folder, "127.0.0.1", Ports(page, broker, home, point), "3.1.1")
        if ports:
            # who is ready says so in its log, and was before
            for log in self.layout.logs.iterdir():
                log.unlink()
        else:
            self.layout.write()
        wanted = ("simulator", "broker", "gateway")
        children = [child for child in children_of(self.layout, 1) if child.name in wanted]
        self._supervisor = Supervisor(self.layout, children)

    def __enter__(self) -> Self:
        """Start them; the chip has to be there before the machine is."""
        self._supervisor.start()
        said = self.layout.logs / "simulator.log"
        try:
            wait_for(lambda: "ready" in said.read_text(), _READY_LIMIT_S, "the simulator is ready")
        except AssertionError:
            self._supervisor.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._supervisor.stop()

    @property
    def ports(self) -> tuple[int, ...]:
        """What is said to `Host` to have these ports again."""
        ports = self.layout.ports
        return ports.page, ports.broker, ports.home_radio, ports.point_radio

    @property
    def gateway_pid(self) -> int:
        """The process that writes to the store."""
        pids = [child.pid for child in self._supervisor.children if child.name == "gateway"]
        assert pids[0] is not None
        return pids[0]

    def ask(self, path: str) -> Any:
        """The gateway's JSON answer, or None while it does not answer."""
        self._supervisor.watch()
        url = f"http://127.0.0.1:{self.layout.ports.page}{path}"
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:
                return json.load(answer)
        except OSError:
            return None

    def delivering(self) -> dict[str, int]:
        """Devices of the edge that have readings at the gateway, with their last time in us."""
        rows = self.ask("/api/v1/devices") or []
        return {
            row["device"]: row["last_us"] for row in rows if row["edge"] == EDGE and row["last_us"]
        }

    def edge(self) -> dict[str, Any]:
        """What the gateway's health says of the edge."""
        edges = (self.ask("/api/v1/health") or {}).get("edges", [])
        return next((one for one in edges if one["edge"] == EDGE and one["outbox"]), {})

    def home(self, folder: Path) -> Path:
        """The folder that an operator makes for the box (docs/operators/edge.md)."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "edge.toml").write_text(edge_config(self.layout.ports.broker))
        secret = self.layout.root / "secrets" / f"{EDGE}.password"
        (folder / "password").write_text(secret.read_text())
        keys = self.layout.root / "gateway" / "keys" / "policy.keys"
        (folder / "policy.keys").write_text(keys.read_text())
        return folder
