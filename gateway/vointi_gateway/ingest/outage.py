"""An outage is said once, when it begins, and once more when it is over."""

from __future__ import annotations

import logging
import threading

log = logging.getLogger(__name__)


class Outage:
    """What several sessions say of one other side. Any thread.

    Args:
        whom: the other side, as the log names it.

    """

    def __init__(self, whom: str) -> None:
        self._whom = whom
        self._lock = threading.Lock()
        self._down: set[str] = set()

    def begins(self, session: str, why: str) -> None:
        """A session does not stand; said if it is the first."""
        with self._lock:
            first = not self._down
            self._down.add(session)
        if first:
            log.warning("%s %s", self._whom, why)

    def ends(self, session: str) -> None:
        """A session stands, or is wanted no more; said if it was the last that did not."""
        with self._lock:
            over = self._down == {session}
            self._down.discard(session)
        if over:
            log.warning("%s answers again", self._whom)
