"""Where an update stands, on the disk: a power cut at any step finds its way on."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final

from vointi_contract.command import CommandResult
from vointi_contract.errors import ContractError

from vointi_edge.files import read_if_there, write_atomically

STATE_FILE: Final = "state.json"
OUTCOME_FILE: Final = "outcome.json"


@dataclass(frozen=True, slots=True)
class Trial:
    """A release on trial: by whose order, and what was before. `verdict` "": not known yet."""

    slot: str
    before: str
    number: int
    version: str
    edge: str = ""
    command: int = 0
    tries: int = 0
    connected_before: bool = True
    verdict: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class UpdateState:
    """The last release that served, and the trial that runs."""

    last: int = 0
    trial: Trial | None = None


class StateFile:
    """State and outcome in one folder; everybody on the box may read the outcome."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self) -> UpdateState:
        """What was saved; nothing where there is no sensible file."""
        try:
            found = json.loads(read_if_there(self._folder / STATE_FILE) or b"{}")
            trial = found.get("trial")
            return UpdateState(int(found.get("last", 0)), Trial(**trial) if trial else None)
        except (ValueError, TypeError, AttributeError):
            return UpdateState()

    def save(self, state: UpdateState) -> None:
        """Keep it. Raises OSError."""
        content = json.dumps(asdict(state)).encode()
        write_atomically(self._folder / STATE_FILE, content, mode=0o644)

    def judge(self, trial: Trial, verdict: str, reason: str) -> Trial:
        """Write down how it ends before anything is changed. Raises OSError."""
        judged = replace(trial, verdict=verdict, reason=reason)
        self.save(replace(self.read(), trial=judged))
        return judged

    def tell(self, result: CommandResult) -> None:
        """Leave the outcome for the service to tell. Raises OSError."""
        write_atomically(self._folder / OUTCOME_FILE, result.to_json(), mode=0o644)


def read_outcome(file: Path) -> CommandResult | None:
    """The outcome of the last update that the gateway ordered."""
    try:
        payload = read_if_there(file)
        return None if payload is None else CommandResult.from_json(payload)
    except (ContractError, OSError):
        return None
