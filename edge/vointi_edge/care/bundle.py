"""`vointi-edge bundle`: one file for support, without values, names, addresses or secrets."""

from __future__ import annotations

import io
import json
import platform
import shutil
import sqlite3
import subprocess
import tarfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib.metadata import distributions
from pathlib import Path
from typing import Final

from vointi_edge import __version__
from vointi_edge.care.doctor import as_json
from vointi_edge.care.finding import Finding
from vointi_edge.care.redact import Redactor, redact_config
from vointi_edge.config import EdgeConfig
from vointi_edge.errors import OutboxError
from vointi_edge.files import read_if_there
from vointi_edge.outbox.database import connect_readonly
from vointi_edge.outbox.records import read_journal
from vointi_edge.outbox.store import read_counts
from vointi_edge.vitals import METRICS_FILE, VITALS_FILE

UNIT: Final = "vointi-edge"
_LOG_LINES: Final = 5_000
_LOG_S: Final = 20.0


def gather(
    config: EdgeConfig,
    config_file: Path,
    run_dir: Path,
    *,
    findings: Sequence[Finding],
    log: str,
    password: str | None,
) -> dict[str, str]:
    """File name → redacted text."""
    people = [device.person for device in config.devices if device.person]
    redactor = Redactor(people, [password or ""])
    files = {
        "edge.toml": redact_config(config_file.read_text(encoding="utf-8")),
        "doctor.json": as_json(findings),
        "log.txt": log,
        "outbox.json": json.dumps(_outbox(config.data_dir), indent=1),
        "versions.json": json.dumps(_versions(), indent=1),
    }
    for name in (VITALS_FILE, METRICS_FILE):
        files[name] = (read_if_there(run_dir / name) or b"").decode("utf-8", "replace")
    return {name: redactor.text(text) for name, text in files.items()}


def write(files: Mapping[str, str], target: Path) -> None:
    """Write a .tar.gz that only this user can read. Raises OSError."""
    target.touch(mode=0o600)
    with tarfile.open(target, "w:gz") as archive:
        for name, text in sorted(files.items()):
            content = text.encode()
            entry = tarfile.TarInfo(f"vointi-edge/{name}")
            entry.size, entry.mode, entry.mtime = len(content), 0o600, int(time.time())
            archive.addfile(entry, io.BytesIO(content))


def service_log(file: Path | None) -> str:
    """The service's last lines: from a file, else from the journal where there is one."""
    if file is not None:
        lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
        return "\n".join(lines[-_LOG_LINES:])
    journalctl = shutil.which("journalctl")
    if journalctl is None:
        return "no journal on this box; give --log FILE"
    command = [journalctl, "--unit", UNIT, "--lines", str(_LOG_LINES), "--no-pager", "--quiet"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_LOG_S, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"journal not read: {error}"
    return done.stdout or done.stderr


def _outbox(data_dir: Path) -> dict[str, object]:
    try:
        database = connect_readonly(data_dir / "outbox.db")
    except OutboxError as error:
        return {"error": str(error)}
    try:
        return {
            "counts": asdict(read_counts(database)),
            "losses": [list(row) for row in database.execute(_LOSSES)],
            "journal": [asdict(entry) for entry in read_journal(database, 1_000)],
            "schema": database.execute("PRAGMA user_version").fetchone()[0],
        }
    except sqlite3.Error as error:
        return {"error": str(error)}
    finally:
        database.close()


_LOSSES: Final = "SELECT device, boot, first_seq, last_seq, reason FROM loss ORDER BY 1, 2, 3"


def _versions() -> dict[str, object]:
    return {
        "vointi-edge": __version__,
        "python": platform.python_version(),
        "kernel": platform.release(),
        "machine": platform.machine(),
        "packages": {one.name: one.version for one in distributions()},
    }
