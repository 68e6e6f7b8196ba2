"""mosquitto as a child of this process, with a generated, closed configuration."""

from __future__ import annotations

import ctypes
import logging
import os
import pwd
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from ..errors import BrokerStartError
from ..files import write_private
from .edges import EdgeDoor
from .users import User, mosquitto_acl, mosquitto_password

log = logging.getLogger(__name__)

#: Debian installs the daemon where a user's PATH does not look.
_PLACES = "/usr/sbin:/usr/local/sbin:/opt/homebrew/sbin"
#: Longest start measured on a loaded two-core machine was 0.4 s.
START_S = 5.0
STOP_S = 2.0
_PR_SET_PDEATHSIG = 1


def find() -> str | None:
    """The mosquitto program, or None."""
    return shutil.which("mosquitto") or shutil.which("mosquitto", path=_PLACES)


def configuration(host: str, port: int, data: Path) -> str:
    """The configuration file; every line that differs from the default has its reason."""
    owner = pwd.getpwuid(os.geteuid()).pw_name
    return f"""\
listener {port} {host}
allow_anonymous false
allow_zero_length_clientid false
# A client that names another's id would take its session over.
use_username_as_clientid true
password_file {data / "passwords"}
acl_file {data / "acl"}
# Started as root it would drop to an account that cannot read these files.
user {owner}
# Beyond the default of 1000 messages it drops silently what it has acknowledged.
max_queued_messages 0
max_queued_bytes 268435456
# One transaction of the gateway takes 500 messages; the default of 20 in flight would starve it.
max_inflight_messages 500
# Larger than any payload of the contract (64 KiB) with its topic.
max_packet_size 262144
max_keepalive 120
persistence true
persistence_location {data}/
persistence_file mosquitto.db
# The edges' outboxes are the record; this spares them a resend after a restart.
autosave_interval 30
persistent_client_expiration 2d
log_dest stderr
log_type error
connection_messages false
"""


class Mosquitto:
    """One mosquitto on `host`:`port` that lives and dies with this process.

    Args:
        program: path of the daemon.
        host: address to listen on.
        port: port to listen on, not 0.
        data: its own folder: configuration, passwords (0600), persistence.
        users: accounts.
        door: a second listener, for edges with certificates.

    """

    def __init__(
        self,
        program: str,
        host: str,
        port: int,
        data: Path,
        users: Mapping[str, User],
        *,
        door: EdgeDoor | None = None,
    ) -> None:
        self._program, self._host, self._port = program, host, port
        self._data, self._users, self._door = data.resolve(), dict(users), door
        self._child: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Write the files, start, wait until it answers. Raises BrokerStartError, ConfigError."""
        if self._door is not None:
            self._door.open()
        self._write_files()
        saved = self._data / "mosquitto.db"
        if not self._launch() and saved.exists():
            # A torn file stops mosquitto for good, and what it held is still with the edges.
            saved.replace(saved.with_suffix(".unreadable"))
            log.warning("mosquitto.db could not be read; moved aside, starting without it")
            self._launch()
        if self._child is None or self._child.poll() is not None:
            raise BrokerStartError(
                f"mosquitto did not start on {self._host}:{self._port}; its lines above say why"
            )

    @property
    def code(self) -> int | None:
        """Its exit code, or None while it runs."""
        return self._child.poll() if self._child else None

    def stop(self) -> None:
        """End it; it saves what is queued."""
        if self._child is None or self._child.poll() is not None:
            return
        self._child.terminate()
        try:
            self._child.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()

    def rotate(self, users: Mapping[str, User]) -> None:
        """Other users or passwords from now on; who has an old one is sent away by mosquitto."""
        self._users = dict(users)
        self._write_users()
        if self._child is not None:
            self._child.send_signal(signal.SIGHUP)

    def watch(self) -> None:
        """Take over what the gateway has changed about edges; call it several times a second."""
        if self._door is None or self._child is None:
            return
        if self._door.changed():
            self._write_acl()
            self._child.send_signal(signal.SIGHUP)
        self._door.push_out()

    def _write_acl(self) -> None:
        edges = self._door.users() if self._door else {}
        write_private(self._data / "acl", mosquitto_acl(self._users | edges))

    def _write_users(self) -> None:
        users = [*self._users.values(), *([self._door.warden] if self._door else [])]
        lines = [mosquitto_password(user) for user in users]
        write_private(self._data / "passwords", "\n".join([*lines, ""]))
        self._write_acl()

    def _write_files(self) -> None:
        self._data.mkdir(parents=True, exist_ok=True)
        self._write_users()
        text = configuration(self._host, self._port, self._data)
        if self._door is not None:
            text += self._door.configuration()
        write_private(self._data / "mosquitto.conf", text)

    def _launch(self) -> bool:
        """Start the child; whether it listens before START_S."""
        command = [self._program, "-c", str(self._data / "mosquitto.conf")]
        self._child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            preexec_fn=_die_with_parent(),  # noqa: PLW1509 - no thread has started yet
        )
        end = time.monotonic() + START_S
        while time.monotonic() < end and self._child.poll() is None:
            try:
                socket.create_connection((self._host, self._port), 0.2).close()
            except OSError:
                time.sleep(0.02)
            else:
                return self._child.poll() is None
        return False


def _die_with_parent() -> Callable[[], None]:
    """Runs in the child before exec: a SIGKILL of ours takes mosquitto along (prctl(2))."""
    libc = ctypes.CDLL(None, use_errno=True)

    def arrange() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)

    return arrange
