"""When to offer what again: pure bookkeeping, time passed in.

Every reading is offered live once, right after its commit. It is offered again, on the backlog
lane, when a session begins (everything that is still kept), when the gateway confirms later
readings of the same device without it (it was lost on the way), and when it stays unconfirmed
although it was offered long ago (the broker or the gateway lost it).
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

# The gateway confirms every one to two seconds; more than twice that is silence.
STALE_S = 5.0
# Two confirmations after a pass, its rows are either confirmed or lost.
GAP_QUIET_S = 2.5
# A gateway that is away for hours must not find a thousand copies in the broker's queue.
STALE_CAP_S = 60.0
# The first confirmation of a session usually comes within this, and spares offering stored rows.
GRACE_S = 0.5
_MARK_S = 0.5


@dataclass(slots=True)
class Pass:
    """One walk over the kept rows: from `cursor` (exclusive) to `horizon` (inclusive)."""

    cursor: int
    horizon: int


class BacklogPlan:
    """Decides when a pass over the backlog begins, for one session."""

    def __init__(self, now_s: float) -> None:
        self._marks: deque[tuple[float, int]] = deque()
        self._mark_begin_s = now_s
        self._first_live: int | None = None
        self._stale_s = STALE_S
        self._oldest = 0
        self._begin_s = now_s + GRACE_S
        self._quiet_until_s = 0.0
        self._gap_quiet_until_s = 0.0
        self.running: Pass | None = None

    def offered_live(self, row_id: int, now_s: float) -> None:
        """Note that a row was sent on the live lane."""
        if self._first_live is None:
            self._first_live = row_id
        if self._marks and now_s - self._mark_begin_s < _MARK_S:
            self._marks[-1] = (now_s, row_id)
        else:
            self._mark_begin_s = now_s
            self._marks.append((now_s, row_id))

    def confirmed(self, now_s: float) -> None:
        """Note a confirmation: the grace at the session's begin is over."""
        if self.waiting:
            self._begin_s = min(self._begin_s, now_s)

    def begin(self, newest: int, now_s: float) -> None:
        """Begin the session's first pass, over all rows that were not offered live in it."""
        horizon = newest if self._first_live is None else min(newest, self._first_live - 1)
        self._begin_s = float("inf")
        self.running = Pass(0, horizon) if horizon > 0 else None
        self._marks.appendleft((now_s, max(horizon, 0)))
        self._quiet_until_s = now_s + self._stale_s

    @property
    def waiting(self) -> bool:
        """Say whether the session's first pass is still to come."""
        return self._begin_s != float("inf")

    def first_due(self, now_s: float) -> bool:
        """Say whether it is time for the session's first pass."""
        return now_s >= self._begin_s

    def suspect_upto(self, now_s: float) -> int:
        """Return up to which row everything should have been confirmed by now (0: do not ask)."""
        if self.running is not None or now_s < self._quiet_until_s:
            return 0
        upto = 0
        while self._marks and self._marks[0][0] <= now_s - self._stale_s:
            upto = self._marks.popleft()[1]
        if upto:
            self._marks.appendleft((now_s - self._stale_s, upto))
        return upto

    def found_gap(self, oldest: int, upto: int, now_s: float) -> None:
        """Begin a pass over rows `oldest` to `upto`: the gateway holds later ones, but not these.

        Not while a pass runs or was just sent: its rows are such a gap until they are confirmed.
        """
        if self.running is None and not self.waiting and now_s >= self._gap_quiet_until_s:
            self.found_unconfirmed(oldest, upto, now_s)

    def passed(self, now_s: float) -> None:
        """Note that everything of the running pass was sent, its last rows just now.

        They are not suspect before they could have been confirmed, however long the pass took.
        """
        self.running = None
        self._quiet_until_s = max(self._quiet_until_s, now_s + self._stale_s)
        self._gap_quiet_until_s = now_s + max(GAP_QUIET_S, self._stale_s - GAP_QUIET_S)

    def found_unconfirmed(self, oldest: int, upto: int, now_s: float) -> None:
        """Begin a pass, because row `oldest` ≤ `upto` is still unconfirmed.

        While the same row stays the oldest, passes come ever more slowly.
        """
        stuck = oldest == self._oldest
        self._stale_s = min(self._stale_s * 2, STALE_CAP_S) if stuck else STALE_S
        self._oldest = oldest
        self._quiet_until_s = now_s + self._stale_s
        self.running = Pass(oldest - 1, upto)
