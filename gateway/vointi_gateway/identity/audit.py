"""Who did what about whom, and how it ended: the port, and one line a record in the log."""

from __future__ import annotations

import json
import logging
from typing import Protocol

from ..pilots.audit import AuditLog

log = logging.getLogger("vointi.security")

#: Names come from strangers' requests, too; a line stays a line that a person can read.
LONGEST = 80


class Audit(Protocol):
    """Takes records of security. Secrets and measured values are never given to it."""

    def record(self, what: str, who: str, about: str = "", outcome: str = "ok") -> None:
        """Keep one record; the time is now. `outcome` is ``ok`` or the reason of a refusal."""


class LogAudit:
    """Records as JSON in the gateway's log; control characters are escaped, long texts cut."""

    def record(self, what: str, who: str, about: str = "", outcome: str = "ok") -> None:
        """Write one line: refusals as warnings."""
        fields = {"what": what, "who": who, "about": about, "outcome": outcome}
        line = json.dumps({name: text[:LONGEST] for name, text in fields.items()})
        log.log(logging.INFO if outcome == "ok" else logging.WARNING, "%s", line)


class ChainedAudit:
    """Records in the gateway's chained and signed log, and in the plain one.

    Args:
        chain: the log of `pilots`, opened.

    """

    def __init__(self, chain: AuditLog) -> None:
        self._chain, self._plain = chain, LogAudit()

    def record(self, what: str, who: str, about: str = "", outcome: str = "ok") -> None:
        """Add a row, and write a line."""
        facts = {"about": about[:LONGEST], "outcome": outcome[:LONGEST]}
        self._chain.append(what, who[:LONGEST], **facts)
        self._plain.record(what, who, about, outcome)
