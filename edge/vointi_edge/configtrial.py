"""Another configuration on trial: it serves, or the one before comes back by itself.

Beside `edge.toml` lie, while a trial runs, `edge.toml.previous` and `edge.toml.trial`; after it
`edge.toml.outcome`, until the gateway has been told.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Final, Literal

from vointi_contract.command import CommandResult
from vointi_contract.errors import ContractError

from vointi_edge.files import read_if_there, write_atomically

# A configuration that cannot even start is given up at the third attempt.
_TRIES: Final = 3


class ConfigTrial:
    """The trial files of one configuration. `check(path)` raises ConfigError for a bad one."""

    def __init__(self, path: Path, check: Callable[[Path], None]) -> None:
        self._path = path
        self._check = check
        self._previous = path.with_name(path.name + ".previous")
        self._marker = path.with_name(path.name + ".trial")
        self._outcome = path.with_name(path.name + ".outcome")

    @property
    def running(self) -> bool:
        """Whether the configuration in use is on trial."""
        return self._marker.exists()

    @property
    def outcome(self) -> CommandResult | None:
        """How the last trial ended, until `told`."""
        payload = read_if_there(self._outcome)
        try:
            return None if payload is None else CommandResult.from_json(payload)
        except ContractError:
            self.told()
            return None

    def begin(self, text: str, edge: str, number: int) -> None:
        """Put the new text in place for the next start; raises ConfigError, OSError."""
        new = self._path.with_name(self._path.name + ".new")
        write_atomically(new, text.encode())
        try:
            self._check(new)
        finally:
            new.unlink(missing_ok=True)
        write_atomically(self._previous, self._path.read_bytes())
        self._mark(edge, number, 0)
        write_atomically(self._path, text.encode())

    def start(self) -> None:
        """Call before the configuration is read: counts the attempts of a trial."""
        if self.running:
            edge, number, tries = self._read_marker()
            if tries >= _TRIES:
                self.roll_back("it did not start")
            else:
                self._mark(edge, number, tries + 1)

    def confirm(self) -> None:
        """The configuration serves: it stays."""
        self._end("done", "")

    def roll_back(self, reason: str) -> None:
        """Bring the configuration before back; the process has to begin anew."""
        previous = read_if_there(self._previous)
        if previous is not None:
            write_atomically(self._path, previous)
        self._end("failed", reason)

    def told(self) -> None:
        """The gateway knows."""
        self._outcome.unlink(missing_ok=True)

    def _end(self, outcome: Literal["done", "failed"], reason: str) -> None:
        edge, number, _ = self._read_marker()
        if number > 0:
            result = CommandResult(edge, number, "config", outcome, reason)
            write_atomically(self._outcome, result.to_json())
        self._marker.unlink(missing_ok=True)

    def _mark(self, edge: str, number: int, tries: int) -> None:
        content = json.dumps({"edge": edge, "number": number, "tries": tries})
        write_atomically(self._marker, content.encode())

    def _read_marker(self) -> tuple[str, int, int]:
        try:
            found = json.loads(read_if_there(self._marker) or b"")
            return str(found["edge"]), int(found["number"]), int(found["tries"])
        except (ValueError, KeyError, TypeError):
            return "", 0, _TRIES
