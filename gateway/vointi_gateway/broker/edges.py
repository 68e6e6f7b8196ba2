"""The door for edges with certificates: what the gateway shares, as mosquitto reads it.

A new list of revoked certificates and a new ACL leave a running connection open (measured with
2.0.11); so whoever is not let in any more is pushed out as well. See warden.py.
"""

from __future__ import annotations

import json
import secrets
import time
from dataclasses import dataclass
from pathlib import Path

from ..errors import ConfigError
from ..files import Stamp, stamp
from . import warden
from .users import User

#: Everything whose change means that mosquitto has to read its files again.
_FILES = ("edges.json", "crl.pem", "server.pem")
#: Seconds after a change: mosquitto reads its files a moment after the signal.
_PUSHES_S = (0.2, 1.0, 3.0)
_SOCKET = "warden"


@dataclass(frozen=True, slots=True)
class TlsSettings:
    """Where edges knock; `bundle` is the folder that the gateway keeps.

    `gateway_port` is for a gateway on another machine: by certificate and password, both.
    """

    bundle: Path
    host: str = "0.0.0.0"  # noqa: S104 - edges come from elsewhere, each with its certificate
    port: int = 8883
    gateway_port: int | None = None


class EdgeDoor:
    """The listener for edges.

    Args:
        tls: where, and the gateway's folder.
        data: the broker's own folder, private.

    """

    def __init__(self, tls: TlsSettings, data: Path) -> None:
        self.tls, self._data = tls, data.resolve()
        self._folder = tls.bundle.resolve()
        self._stamp: tuple[Stamp, ...] = ()
        self._edges: dict[str, int] = {}
        self._due: list[tuple[float, str]] = []
        self.warden = User(warden.NAME, secrets.token_urlsafe(32), "edge")

    def open(self) -> None:
        """Read the folder for the first time. Raises ConfigError when something is missing."""
        for name in ("ca.pem", *_FILES):
            if not (self._folder / name).exists():
                problem = (
                    f"{self._folder / name} is missing; start the gateway with [identity] once"
                )
                raise ConfigError("vointi-broker", "tls.bundle", problem)
        self._data.mkdir(parents=True, exist_ok=True)
        self._data.chmod(0o700)
        (self._data / _SOCKET).unlink(missing_ok=True)
        self.changed()

    def changed(self) -> bool:
        """Whether the folder has changed; then whoever is out is remembered to be pushed."""
        try:
            found = tuple(stamp(self._folder / name) for name in _FILES)
        except FileNotFoundError:  # somebody is at work on the folder: the next look tells
            return False
        if found == self._stamp:
            return False
        document = json.loads((self._folder / "edges.json").read_bytes())
        # Should a file change while it is read, the next call sees another stamp.
        self._stamp, before, self._edges = found, self._edges, document["edges"]
        out = [edge for edge, since in before.items() if self._edges.get(edge) != since]
        now = time.monotonic()
        self._due += [(now + after_s, edge) for after_s in _PUSHES_S for edge in out]
        return True

    def push_out(self) -> None:
        """End the sessions of those who are out and still there."""
        now = time.monotonic()
        due = {edge for at_s, edge in self._due if at_s <= now}
        self._due = [(at_s, edge) for at_s, edge in self._due if at_s > now]
        for edge in due:
            warden.take_over(self._data / _SOCKET, edge, self.warden.password)

    def users(self) -> dict[str, User]:
        """The edges as users that no password fits; their names are in their certificates."""
        return {edge: User(edge, secrets.token_urlsafe(32), "edge") for edge in self._edges}

    def configuration(self) -> str:
        """The lines for mosquitto: the listeners, and the warden's socket file."""
        return f"""
{self._listener(self.tls.port)}
# The certificate says who it is; what the client calls itself is not asked for.
use_identity_as_username true
use_username_as_clientid true
# A pilot has some hundred edges; strangers are not to use up the files of this process.
max_connections 2000
{self._gateways_door()}
listener 0 {self._data / _SOCKET}
"""

    def _listener(self, port: int) -> str:
        return f"""\
listener {port} {self.tls.host}
cafile {self._folder / "ca.pem"}
certfile {self._folder / "server.pem"}
keyfile {self._folder / "server.pem"}
crlfile {self._folder / "crl.pem"}
tls_version tlsv1.2
require_certificate true"""

    def _gateways_door(self) -> str:
        """A certificate of ours opens it, and a user's password says who it is."""
        if self.tls.gateway_port is None:
            return ""
        return f"""
{self._listener(self.tls.gateway_port)}
use_username_as_clientid true
max_connections 100
"""
