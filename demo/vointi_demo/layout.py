"""Where a demo keeps its files, and the configuration that each part is given."""

from __future__ import annotations

import json
import secrets
import shutil
from base64 import b64encode
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

HOME_DEVICES = (
    ("strap-1", "polar-h10", "C0:DE:00:00:00:01", "p-7f3a"),
    ("oximeter-1", "ble-oximeter", "C0:DE:00:00:00:02", "p-7f3a"),
    ("thermometer-1", "ble-thermometer", "C0:DE:00:00:00:03", "p-7f3a"),
    ("scale-1", "ble-scale", "C0:DE:00:00:00:04", "p-7f3a"),
    ("cuff-1", "ble-bp-cuff", "C0:DE:00:00:00:05", "p-7f3a"),
    ("bedroom-air", "ruuvitag", "C0:DE:00:00:00:06", ""),
)
POINT_DEVICES = (
    ("hall-air", "bthome-v2", "C0:DE:00:00:01:01", ""),
    ("window-air", "ruuvitag", "C0:DE:00:00:01:02", ""),
)


@dataclass(frozen=True, slots=True)
class Ports:
    """The loopback ports of one demo."""

    page: int
    broker: int
    home_radio: int
    point_radio: int


@dataclass(frozen=True, slots=True)
class Layout:
    """The files of one demo, all below ``root``."""

    root: Path
    host: str
    ports: Ports
    protocol: str

    @property
    def logs(self) -> Path:
        """Where every part writes its log."""
        return self.root / "logs"

    @property
    def box(self) -> Path:
        """The serial line of the service-point box: a link to a pseudo-terminal."""
        return self.root / "box.tty"

    def write(self) -> None:
        """Make the directory anew, with fresh passwords and every configuration file."""
        shutil.rmtree(self.root, ignore_errors=True)
        self.logs.mkdir(parents=True)
        self._write_secrets()
        (self.root / "gateway.toml").write_text(self._gateway())
        (self.root / "home-1.toml").write_text(self._edge("home-1", "demo-home", "home"))
        (self.root / "point-1.toml").write_text(
            self._edge("point-1", "demo-service-point", "service_point")
        )

    def _write_secrets(self) -> None:
        folder = self.root / "secrets"
        folder.mkdir(mode=0o700)
        users: dict[str, dict[str, str]] = {}
        for user, role in (("gateway", "gateway"), ("home-1", "edge"), ("point-1", "edge")):
            users[user] = {"password": secrets.token_urlsafe(24), "role": role}
            _private(folder / f"{user}.password", users[user]["password"])
        _private(folder / "users.json", json.dumps(users))
        self._write_signing_key()

    def _write_signing_key(self) -> None:
        """The gateway's key, made here: edges read its public half before the gateway is up."""
        folder = self.root / "gateway" / "keys"
        folder.mkdir(mode=0o700, parents=True)
        key = Ed25519PrivateKey.generate()
        (folder / "signing.key").touch(mode=0o600)
        (folder / "signing.key").write_bytes(key.private_bytes_raw())
        public = b64encode(key.public_key().public_bytes_raw()).decode()
        (folder / "policy.keys").write_text(public + "\n")

    def _mqtt(self, user: str) -> str:
        return (
            "[mqtt]\n"
            'host = "127.0.0.1"\n'
            f"port = {self.ports.broker}\n"
            f'protocol = "{self.protocol}"\n'
            f'username = "{user}"\n'
            f'password_file = "{self.root / "secrets" / user}.password"\n'
        )

    def _gateway(self) -> str:
        return (
            f'data_dir = "{self.root / "gateway"}"\n'
            f'host = "{self.host}"\n'
            f"port = {self.ports.page}\n"
            'store = "embedded"\n\n'
            f"{self._mqtt('gateway')}"
            'client_id = "gateway"\n\n'
            '[[pilot]]\nid = "demo-home"\nname = "Home pilot (simulated)"\n'
            'city = "Espoo"\nkind = "home"\npeople = "simulated"\nedges = ["home-1"]\n\n'
            '[[pilot]]\nid = "demo-service-point"\nname = "Service point pilot (simulated)"\n'
            'city = "Espoo"\nkind = "service_point"\npeople = "simulated"\n'
            'edges = ["point-1"]\n'
        )

    def _edge(self, edge: str, pilot: str, role: str) -> str:
        radio = self.ports.home_radio if role == "home" else self.ports.point_radio
        head = (
            f'edge = "{edge}"\npilot = "{pilot}"\nsite = "{edge}"\nrole = "{role}"\n'
            f'data_dir = "{self.root / edge}"\n\n'
            '[clock]\ntrust = "system"\n\n'
            # Somebody watches the trace: nothing waits to share a message.
            f"{self._mqtt(edge)}hold_ms = 0\n\n"
            f'[policy]\nkeys_file = "{self.root / "gateway" / "keys" / "policy.keys"}"\n\n'
            f'[ble]\nbackend = "virtual"\nhci = "tcp-client:127.0.0.1:{radio}"\n'
        )
        return head + "".join(self._devices(role))

    def _devices(self, role: str) -> list[str]:
        rows = HOME_DEVICES if role == "home" else POINT_DEVICES
        blocks = [_device(name, model, address, person) for name, model, address, person in rows]
        if role == "service_point":
            blocks.append(
                f'\n[[device]]\nid = "box-1"\nmodel = "vointi-service-point"\npath = "{self.box}"\n'
            )
        return blocks


def _device(name: str, model: str, address: str, person: str) -> str:
    block = f'\n[[device]]\nid = "{name}"\nmodel = "{model}"\naddress = "{address}"\n'
    return block + (f'person = "{person}"\n' if person else "")


def _private(path: Path, text: str) -> None:
    """Write a secret that only its owner can read."""
    path.touch(mode=0o600)
    path.write_text(text)
