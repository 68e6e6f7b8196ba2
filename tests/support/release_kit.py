"""Tiny releases with real wheels: a `vointi-edge` that tests itself, runs, or does not."""

from __future__ import annotations

import base64
import ensurepip
import hashlib
import json
import sysconfig
import time
import zipfile
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from vointi_contract.release_file import make_release

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))

PROGRAM = """\
import json, pathlib, sys

def main():
    if sys.argv[1] == "self-test":
        raise SystemExit({self_test})
    vitals = {{"version": "{version}", "uptime_s": 60.0, "connected": {connected}}}
    if {runs}:
        (pathlib.Path(sys.argv[2]) / "vitals.json").write_text(json.dumps(vitals))
"""


def installer() -> Path:
    """The wheel of pip that comes with Python."""
    folders = [Path(ensurepip.__file__).parent / "_bundled"]
    if packaged := sysconfig.get_config_var("WHEEL_PKG_DIR"):
        folders.append(Path(packaged))
    for folder in folders:
        for wheel in folder.glob("pip-*.whl"):
            return wheel
    pytest.skip("no wheel of pip beside ensurepip: apt-get install python3-venv")


def wheel(folder: Path, version: str, program: str) -> Path:
    """A wheel of vointi-edge whose command runs `program`."""
    info = f"vointi_edge-{version}.dist-info"
    files = {
        "tiny_edge.py": program,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: vointi-edge\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/entry_points.txt": "[console_scripts]\nvointi-edge = tiny_edge:main\n",
    }
    rows = [f"{name},{_digest(text)},{len(text)}" for name, text in files.items()]
    files[f"{info}/RECORD"] = "\n".join([*rows, f"{info}/RECORD,,"]) + "\n"
    target = folder / f"vointi_edge-{version}-py3-none-any.whl"
    with zipfile.ZipFile(target, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return target


def release(
    folder: Path, number: int, *, over: int | None = None, self_test: int = 0, runs: bool = True,
    connected: bool = True, key: Ed25519PrivateKey = KEY, whole: bool = True,
) -> Path:  # fmt: skip
    """A signed release, version 0.NUMBER; not `whole`: too small to install, quick to read."""
    version = f"0.{number}"
    program = PROGRAM.format(
        self_test=self_test, runs=runs, connected=connected, version=version
    )  # fmt: skip
    wheels = [wheel(folder, version, program)]
    target = folder / f"{number}.release"
    make_release(
        [*wheels, installer()] if whole else wheels,
        target, key, version=version, number=number, over=over,
    )  # fmt: skip
    return target


def installed(root: Path, slot: str = "versions/first") -> Path:
    """What provisioning leaves: one environment that serves as version 0.0."""
    program = root / slot / "bin" / "vointi-edge"
    program.parent.mkdir(parents=True)
    vitals = json.dumps({"version": "0.0", "uptime_s": 60.0, "connected": True})
    program.write_text(f"#!/bin/sh\necho '{vitals}' > \"$2/vitals.json\"\n")
    program.chmod(0o755)
    for link in ("current", "confirmed"):
        (root / link).symlink_to(slot)
    return program


def wait_for(path: Path, limit_s: float = 60.0) -> None:
    """Until a file is there."""
    end = time.monotonic() + limit_s
    while not path.exists():
        assert time.monotonic() < end, path
        time.sleep(0.02)


def _digest(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return "sha256=" + base64.urlsafe_b64encode(digest).decode().rstrip("=")
