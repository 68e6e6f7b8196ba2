"""Work that only the holder of the store can do: asked for in the registry, done by the gateway."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import GatewayError, RegistryError, UnknownRecordError
from ..progress import Told, untold
from .database import Database, Row


@dataclass(frozen=True, slots=True)
class Job:
    """One piece of work: `state` is asked, done or failed; `result` says what came of it.

    While it is asked, `result` says how far it is: done, total and what.
    """

    id: str
    kind: str
    arguments: dict[str, Any]
    asked_us: int
    state: str
    result: dict[str, Any]


#: Does a job of one kind; gets its arguments and tells how far it is, gives its result. Raises
#: GatewayError.
Work = Callable[[dict[str, Any], Told], dict[str, Any]]
#: Who waits in another process hears of it as often: each time is a transaction.
_TELL_S = 0.25


class Jobs:
    """The mailbox.

    Args:
        registry: the file.
        wall_us: UTC now, µs.

    """

    def __init__(self, registry: Database, wall_us: Callable[[], int]) -> None:
        self._registry, self._wall_us = registry, wall_us

    def ask(self, kind: str, **arguments: Any) -> Job:
        """Put a job in."""
        made = secrets.token_hex(8)
        with self._registry.write() as con:
            con.execute(
                "INSERT INTO job VALUES (?, ?, ?, ?, 'asked', '')",
                (made, kind, json.dumps(arguments), self._wall_us()),
            )
        return self.get(made)

    def get(self, job: str) -> Job:
        """One job. Raises UnknownRecordError."""
        row = self._registry.row("SELECT * FROM job WHERE id = ?", job)
        if row is None:
            raise UnknownRecordError("job", f"{job} is not known")
        return _job(row)

    def run(self, works: Mapping[str, Work], told: Told = untold) -> int:
        """Do all that was asked; how many there were. `told` hears how far each is."""
        rows = self._registry.rows("SELECT * FROM job WHERE state = 'asked' ORDER BY asked_us")
        for job in map(_job, rows):
            tell = _Teller(self._registry, job.id, told)
            state, result = _attempt(works.get(job.kind), job, tell)
            with self._registry.write() as con:
                con.execute(
                    "UPDATE job SET state = ?, result = ? WHERE id = ?",
                    (state, json.dumps(result), job.id),
                )
        return len(rows)


class _Teller:
    """Tells who is here at once, and who waits elsewhere now and then."""

    def __init__(self, registry: Database, job: str, told: Told) -> None:
        self._registry, self._job, self._told = registry, job, told
        self._next_s = time.monotonic() + _TELL_S

    def __call__(self, done: int, total: int, what: str) -> None:
        self._told(done, total, what)
        if time.monotonic() < self._next_s:
            return
        text = json.dumps({"done": done, "total": total, "what": what})
        with self._registry.write() as con:
            con.execute("UPDATE job SET result = ? WHERE id = ?", (text, self._job))
        self._next_s = time.monotonic() + _TELL_S


def _attempt(work: Work | None, job: Job, tell: Told) -> tuple[str, dict[str, Any]]:
    if work is None:
        return "failed", {"field": "kind", "fix": f"{job.kind} is not known to this gateway"}
    try:
        return "done", work(job.arguments, tell)
    except RegistryError as exc:
        return "failed", {"field": exc.field, "fix": exc.fix}
    except GatewayError as exc:
        return "failed", {"field": "", "fix": str(exc)}


def _job(row: Row) -> Job:
    result = json.loads(row["result"]) if row["result"] else {}
    arguments = json.loads(row["arguments"])
    return Job(row["id"], row["kind"], arguments, row["asked_us"], row["state"], result)
