"""One update from file to verdict: verify, install beside, test, switch, watch, keep or go back."""

from __future__ import annotations

import logging
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final, Protocol

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from vointi_contract.command import CommandResult, Outcome
from vointi_contract.jsonform import MAX_TEXT
from vointi_contract.release import Manifest

from vointi_edge.errors import UpdateError
from vointi_edge.text import printable
from vointi_edge.update.package import read_release, unpack
from vointi_edge.update.slots import CONFIRMED, CURRENT, PREVIOUS, Slots
from vointi_edge.update.state import StateFile, Trial, UpdateState

log = logging.getLogger(__name__)

# A power cut may interrupt a trial; a release that brings the box down must not do so for ever.
_TRIES: Final = 3


class Service(Protocol):
    """The service that is updated."""

    def connected(self) -> bool:
        """Whether it has its broker now."""
        ...

    def restart(self) -> None:
        """Start what `current` names. Raises UpdateError."""
        ...

    def serves(self, version: str, *, broker: bool) -> bool:
        """Wait until this version serves (`broker`: with its broker), or time is up."""
        ...


class Updater:
    """Updates of one box. Only one process at a time may use it (the caller locks).

    `keys` is asked when a release is to be believed: a box without any has nothing to do, and
    does it. It raises UpdateError, which is then the release's outcome.
    """

    def __init__(
        self,
        root: Path,
        keys: Callable[[], Sequence[Ed25519PublicKey]],
        config_file: Path,
        service: Service,
    ) -> None:
        self._slots = Slots(root)
        self._state = StateFile(root / "update")
        self._work = root / "update"
        self._keys = keys
        self._config_file = config_file
        self._service = service

    def apply(self, file: Path, edge: str = "", command: int = 0) -> str:
        """Install a release and try it; returns what to tell people.

        Raises UpdateError when it is refused, does not install, or does not serve; the release
        before then runs on. `edge` and `command` name the gateway's order, which gets the outcome.
        """
        self.resume()
        outcome: Outcome = "refused"
        try:
            manifest = self._accepted(file)
            outcome = "failed"
            trial = self._prepare(file, manifest, edge, command)
        except UpdateError as error:
            self._slots.tidy()
            self._tell(edge, command, outcome, str(error))
            raise
        return self._try_out(trial)

    def resume(self) -> None:
        """Bring to its end what a power cut interrupted."""
        trial = self._state.read().trial
        if trial is None:
            self._slots.tidy()
            return
        try:
            said = self._conclude(trial) if trial.verdict else self._try_out(trial)
        except UpdateError as error:
            said = str(error)
        log.info("update: %s", said)

    def _accepted(self, file: Path) -> Manifest:
        manifest = read_release(file, self._keys())
        last = self._state.read().last
        if not manifest.may_follow(last):
            fix = f"number {manifest.number} is not above {last}, the last one; it needs a release "
            raise UpdateError("release", fix + f"signed with over = {last}")
        return manifest

    def _prepare(self, file: Path, manifest: Manifest, edge: str, command: int) -> Trial:
        """Everything that can be done while the service runs on."""
        before = self._slots.linked(CURRENT)
        if before is None:
            raise UpdateError("current", "nothing is installed; run provision.sh first")
        slot = self._install(file, manifest)
        self._slots.try_out(slot, self._config_file)
        connected = self._service.connected()
        return Trial(slot, before, manifest.number, manifest.version, edge, command, 0, connected)

    def _install(self, file: Path, manifest: Manifest) -> str:
        self._work.mkdir(mode=0o755, parents=True, exist_ok=True)
        wheels = Path(tempfile.mkdtemp(prefix="wheels-", dir=self._work))
        try:
            unpack(file, manifest, wheels)
            return self._slots.install(manifest, wheels)
        except OSError as error:
            raise UpdateError("disk", f"{error.strerror}; free space on the card") from error
        finally:
            shutil.rmtree(wheels, ignore_errors=True)

    def _try_out(self, trial: Trial) -> str:
        if trial.tries >= _TRIES:
            return self._conclude(self._state.judge(trial, "failed", "the box did not stay up"))
        self._save(replace(trial, tries=trial.tries + 1))
        self._slots.point(CURRENT, trial.slot)
        self._service.restart()
        if self._service.serves(trial.version, broker=trial.connected_before):
            return self._conclude(self._state.judge(trial, "done", ""))
        return self._conclude(self._state.judge(trial, "failed", "it did not serve"))

    def _save(self, trial: Trial) -> None:
        self._state.save(replace(self._state.read(), trial=trial))

    def _conclude(self, trial: Trial) -> str:
        """Carry out the verdict, as often as it takes. Raises UpdateError when it is a no."""
        if trial.verdict == "done":
            self._slots.point(PREVIOUS, trial.before)
            self._slots.point(CONFIRMED, trial.slot)
            self._end(trial, trial.number)
            return f"{trial.version} serves"
        self._slots.point(CURRENT, trial.before)
        self._service.restart()
        self._end(trial, self._state.read().last)
        raise UpdateError("release", f"{trial.version}: {trial.reason}; the one before is back")

    def _end(self, trial: Trial, last: int) -> None:
        outcome: Outcome = "done" if trial.verdict == "done" else "failed"
        details = {"version": trial.version, "rolled_back": outcome == "failed"}
        self._tell(trial.edge, trial.command, outcome, trial.reason, details)
        self._state.save(UpdateState(last, None))
        self._slots.tidy()

    def _tell(
        self, edge: str, command: int, outcome: Outcome, reason: str,
        details: Mapping[str, object] | None = None,
    ) -> None:  # fmt: skip
        if command > 0:
            short = printable(reason, MAX_TEXT)
            self._state.tell(CommandResult(edge, command, "update", outcome, short, details or {}))
