"""A PostgreSQL of the test's own, on a Unix socket in a folder of its own."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from vointi_gateway.errors import StoreError
from vointi_gateway.settings import PostgresSettings
from vointi_gateway.store.postgres.connection import Link

START_S = 60.0


def program(name: str) -> str:
    """A program of the server's; Debian keeps them where no PATH looks. Skips without one."""
    pytest.importorskip("pg8000")
    places = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    found = shutil.which(name, path=os.pathsep.join([*map(str, places), os.environ["PATH"]]))
    if found is None:
        pytest.skip("PostgreSQL is not installed: apt-get install postgresql")
    return found


def _as_whom() -> dict[str, object]:
    """The server refuses to run as root."""
    if os.geteuid() != 0:
        return {}
    return {"user": "nobody", "group": pwd.getpwnam("nobody").pw_gid, "extra_groups": []}


@contextmanager
def running_postgres() -> Iterator[PostgresSettings]:
    """An empty database; durable against the death of a client, not of the machine."""
    initdb, server = program("initdb"), program("postgres")
    with tempfile.TemporaryDirectory(prefix="vointi-pg-") as name:
        folder = Path(name)
        if os.geteuid() == 0:
            os.chown(folder, pwd.getpwnam("nobody").pw_uid, -1)
        data = str(folder / "data")
        common = {"cwd": folder, **_as_whom()}
        command = [initdb, "-D", data, "-U", "vointi", "-A", "trust", "--no-sync", "-E", "UTF8"]
        subprocess.run(command, check=True, capture_output=True, timeout=START_S, **common)
        command = [server, "-D", data, "-k", name, "-h", "", "-F", "-c", "max_connections=40"]
        with (folder / "log").open("wb") as log:
            child = subprocess.Popen(command, stdout=log, stderr=log, **common)
        try:
            settings = PostgresSettings(host=name, database="postgres", user="vointi")
            _wait(settings, folder / "log")
            yield settings
        finally:
            # Fast shutdown: clients that still hang on are cut off.
            child.send_signal(signal.SIGINT)
            child.wait(START_S)


def _wait(settings: PostgresSettings, log: Path) -> None:
    end = time.monotonic() + START_S
    while True:
        link = Link(settings)
        try:
            link.run("SELECT 1")
        except StoreError:
            assert time.monotonic() < end, log.read_text()
            time.sleep(0.05)
        else:
            return
        finally:
            link.close()


def wipe(settings: PostgresSettings) -> None:
    """Nothing is in the database any more."""
    link = Link(settings)
    link.run("DROP SCHEMA public CASCADE")
    link.run("CREATE SCHEMA public")
    link.close()
