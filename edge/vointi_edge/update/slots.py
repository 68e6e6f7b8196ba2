"""Environments side by side, and the links that say which one runs.

Below the root, as provision.sh makes it: `versions/ID` are virtual environments, `current` is what
the service starts, `confirmed` what served last (the updater runs from there, never from the one on
trial), `previous` the one before that. A link is changed by one rename.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from vointi_contract.release import Manifest

from vointi_edge.errors import UpdateError
from vointi_edge.files import sync_folder

CURRENT: Final = "current"
CONFIRMED: Final = "confirmed"
PREVIOUS: Final = "previous"
_INSTALLER: Final = "pip"
# A Pi Zero unpacks NumPy from a slow card in about two minutes.
_INSTALL_S: Final = 900.0
_TEST_S: Final = 120.0


class Slots:
    """The environments below `root`."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def linked(self, link: str) -> str | None:
        """The environment that a link names ("versions/ID"), or None."""
        path = self._root / link
        return str(path.readlink()) if path.is_symlink() else None

    def point(self, link: str, slot: str) -> None:
        """Let a link name an environment, at once and durably. Raises OSError."""
        beside = self._root / f"{link}.new"
        beside.unlink(missing_ok=True)
        beside.symlink_to(slot)
        beside.replace(self._root / link)
        sync_folder(self._root)

    def install(self, manifest: Manifest, wheels: Path) -> str:
        """Make an environment of a folder of wheels, offline. Raises UpdateError, OSError."""
        slot = f"versions/{manifest.id}"
        if slot == self.linked(CURRENT):
            raise UpdateError("release", f"{manifest.version} runs already")
        folder = self._root / slot
        shutil.rmtree(folder, ignore_errors=True)
        try:
            _call([sys.executable, "-I", "-m", "venv", "--without-pip", str(folder)], _INSTALL_S)
            _call(_install(folder, manifest, wheels), _INSTALL_S)
        except UpdateError:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        return slot

    def try_out(self, slot: str, config_file: Path) -> None:
        """Let an environment test itself with the configuration. Raises UpdateError."""
        program = self._root / slot / "bin" / "vointi-edge"
        _call([str(program), "self-test", "--config", str(config_file)], _TEST_S)

    def tidy(self) -> None:
        """Delete the environments that no link names."""
        kept = {self.linked(link) for link in (CURRENT, CONFIRMED, PREVIOUS)}
        for folder in (self._root / "versions").glob("*"):
            if f"versions/{folder.name}" not in kept:
                shutil.rmtree(folder, ignore_errors=True)


def _install(folder: Path, manifest: Manifest, wheels: Path) -> Sequence[str]:
    """The installer comes with the release: nothing on the box has to fit it."""
    lines: dict[str, list[str]] = {}
    for wheel in manifest.wheels:
        if wheel.project != _INSTALLER:
            lines.setdefault(wheel.requirement, []).append(f"--hash=sha256:{wheel.sha256}")
    wanted = wheels / "requirements.txt"
    wanted.write_text("".join(f"{name} {' '.join(known)}\n" for name, known in lines.items()))
    installer = next((one.name for one in manifest.wheels if one.project == _INSTALLER), None)
    if installer is None:
        raise UpdateError("release", "holds no pip-….whl; make it with tools/release.py")
    return (
        *(str(folder / "bin" / "python"), "-I", str(wheels / installer / _INSTALLER)),
        *("install", "--isolated", "--no-input", "--quiet", "--disable-pip-version-check"),
        *("--no-cache-dir", "--no-index", "--find-links", str(wheels)),
        *("--require-hashes", "--only-binary", ":all:", "--requirement", str(wanted)),
    )


def _call(words: Sequence[str], limit_s: float) -> None:
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=limit_s, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise UpdateError("release", f"did not install: {error}") from error
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip().splitlines() or ["no word of why"]
        raise UpdateError("release", f"did not install: {said[-1]}")
