"""A real InfluxDB for tests: Debian's, or the one that VOINTI_TEST_INFLUX_URL names."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from gateway_kit import wait_for
from vointi_gateway.settings import InfluxSettings
from vointi_gateway.store.influx import InfluxStore
from vointi_gateway.store.influx.client import InfluxClient

_CONFIG = """
reporting-disabled = true
bind-address = "127.0.0.1:0"
[meta]
  dir = "{folder}/meta"
[data]
  dir = "{folder}/data"
  wal-dir = "{folder}/wal"
  index-version = "{index}"
  query-log-enabled = false
  cache-snapshot-write-cold-duration = "{cold_s}s"
  compact-full-write-cold-duration = "{cold_s}s"
[http]
  bind-address = "127.0.0.1:{port}"
  log-enabled = false
[monitor]
  store-enabled = false
"""
_LISTENS = re.compile(r"Listening on HTTP.*addr=127\.0\.0\.1:(\d+)")


class InfluxServer:
    """influxd with a folder of its own, on the loopback interface.

    Args:
        folder: for configuration, data and log.
        cold_s: seconds without writes before the server compacts; four hours if it is not said.
        index: "tsi1", on the disk, or Debian's default "inmem", which takes in more.

    """

    def __init__(self, folder: Path, cold_s: int = 14_400, index: str = "tsi1") -> None:
        self.folder, self._cold_s, self._index = folder, cold_s, index
        self.port = 0
        self.child: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> Path:
        return self.folder / "influxd.log"

    def start(self) -> InfluxServer:
        """Start, the second time on the port of the first, and wait until it listens."""
        self.folder.mkdir(parents=True, exist_ok=True)
        config = self.folder / "influxd.conf"
        values = {"folder": self.folder, "cold_s": self._cold_s, "index": self._index}
        config.write_text(_CONFIG.format(port=self.port, **values))
        program = influxd()
        with self.log.open("wb") as log:
            self.child = subprocess.Popen([program, "-config", config], stdout=log, stderr=log)
        found = wait_for(self._listens, timeout_s=60)
        self.port = int(found[1])
        return self

    def _listens(self) -> re.Match[str] | None:
        assert self.child is not None
        text = self.log.read_text(errors="replace")
        if self.child.poll() is not None:
            pytest.fail(f"influxd ended: {text[-2000:]}")
        return _LISTENS.search(text)

    def kill(self) -> None:
        """SIGKILL."""
        assert self.child is not None
        self.child.kill()
        self.child.wait()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """SIGSTOP, and SIGCONT at the end."""
        assert self.child is not None
        self.child.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.child.send_signal(signal.SIGCONT)

    def close(self) -> None:
        if self.child is not None and self.child.poll() is None:
            self.kill()


def influxd() -> str:
    """The program; skips the test where it is not installed."""
    found = shutil.which("influxd", path=f"{os.environ.get('PATH', '')}:/usr/bin:/usr/local/bin")
    if found is None:
        pytest.skip("influxd is not installed (Debian: apt install influxdb)")
    return found


@contextmanager
def running_influx(
    folder: Path, cold_s: int = 14_400, index: str = "tsi1"
) -> Iterator[InfluxServer]:
    server = InfluxServer(folder, cold_s, index)
    try:
        yield server.start()
    finally:
        server.close()


@dataclass(frozen=True)
class Named:
    """A server that the tests did not start: how it is reached."""

    url: str
    org: str = ""
    token: str = ""


def named_server() -> Named | None:
    """What VOINTI_TEST_INFLUX_URL, _ORG and _TOKEN name."""
    url = os.environ.get("VOINTI_TEST_INFLUX_URL")
    if not url:
        return None
    org, token = (os.environ.get(f"VOINTI_TEST_INFLUX_{name}", "") for name in ("ORG", "TOKEN"))
    return Named(url, org, token)


@contextmanager
def server_at(folder: Path) -> Iterator[InfluxServer | Named]:
    """The server that is named, or one of our own in `folder`."""
    named = named_server()
    if named is not None:
        yield named
        return
    with running_influx(folder) as started:
        yield started


def settings_for(server: InfluxServer | Named, **changes: object) -> InfluxSettings:
    """A database of its own on the server, which the store makes."""
    values = {
        "url": server.url,
        "org": getattr(server, "org", ""),
        "token": getattr(server, "token", ""),
        "bucket": f"vointi-test-{uuid.uuid4().hex[:12]}",
        "raw_waveforms": ("*",),
        "timeout_s": 30.0,
    }
    return InfluxSettings(**(values | changes))  # type: ignore[arg-type]


def make_store(path: Path, settings: InfluxSettings, **options: object) -> InfluxStore:
    """A store on `settings`, its ledger in `path`, not yet open."""
    return InfluxStore(path, InfluxClient(settings), **options)  # type: ignore[arg-type]
