"""What a person's consent events for one purpose amount to: pure, and the same at each replay.

The events are those of ISO/IEC TS 27560's event section (requested, given, refused, re-confirmed,
withdrawn, expired, terminated), with paused and resumed between given and withdrawn.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum

from ...errors import ConflictError

#: An end that has not come; beyond any date that a clock here can show.
FOREVER = 2**62

Span = tuple[int, int]


class Kind(StrEnum):
    """What can happen to a consent."""

    REQUESTED = "requested"
    GIVEN = "given"
    REFUSED = "refused"
    PAUSED = "paused"
    RESUMED = "resumed"
    RECONFIRMED = "reconfirmed"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"
    TERMINATED = "terminated"


class Status(StrEnum):
    """Where a consent stands."""

    NONE = "none"
    REQUESTED = "requested"
    GIVEN = "given"
    PAUSED = "paused"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"
    TERMINATED = "terminated"


#: From which states an event may come. Anything may be withdrawn at any time: the answer is no.
_FROM = {
    Kind.REQUESTED: frozenset(Status) - {Status.GIVEN, Status.PAUSED},
    Kind.GIVEN: frozenset(Status) - {Status.GIVEN, Status.PAUSED},
    Kind.REFUSED: frozenset(Status) - {Status.GIVEN, Status.PAUSED},
    Kind.PAUSED: frozenset({Status.GIVEN}),
    Kind.RESUMED: frozenset({Status.PAUSED}),
    Kind.RECONFIRMED: frozenset({Status.GIVEN, Status.PAUSED}),
    Kind.WITHDRAWN: frozenset(Status) - {Status.WITHDRAWN},
    Kind.EXPIRED: frozenset({Status.GIVEN, Status.PAUSED, Status.EXPIRED}),
    Kind.TERMINATED: frozenset(Status) - {Status.TERMINATED},
}
_LIVE = frozenset({Status.GIVEN, Status.PAUSED})


@dataclass(frozen=True, slots=True)
class ConsentEvent:
    """One event. Times are UTC µs: `at_us` it was recorded, from `effective_us` on it counts."""

    pilot: str
    person: str
    purpose: str
    kind: Kind
    at_us: int
    effective_us: int
    expires_us: int | None = None
    method: str = ""
    actor: str = ""
    language: str = ""
    text_version: int = 0
    text_sha256: str = ""
    id: int = 0


@dataclass(frozen=True, slots=True)
class ConsentState:
    """One person's consent for one purpose.

    `spans` are the half-open times in which it was given and not paused, since it was last
    withdrawn or refused; an open one ends at its expiry, or at FOREVER.
    """

    status: Status = Status.NONE
    spans: tuple[Span, ...] = ()
    expires_us: int = FOREVER

    def status_at(self, now_us: int) -> Status:
        """Where it stands at `now_us`; what has an end ends by itself."""
        if self.status in _LIVE and now_us >= self.expires_us:
            return Status.EXPIRED
        return self.status

    def live(self, now_us: int) -> bool:
        """Whether what was collected under it may be used at `now_us`."""
        return self.status_at(now_us) in _LIVE

    def covers(self, t_us: int) -> bool:
        """Whether it was given, and not paused, at `t_us`."""
        return any(first <= t_us < end for first, end in self.spans)

    def refusal(self, t_us: int, now_us: int) -> str | None:
        """Why a reading of `t_us` that arrives at `now_us` must not be kept; None: it may.

        What was collected in time may still arrive during a pause and after expiry, but never
        after a withdrawal.
        """
        if self.status in (Status.WITHDRAWN, Status.TERMINATED):
            return self.status.value
        if self.covers(t_us):
            return None
        if self.spans and t_us >= self.expires_us:
            return Status.EXPIRED.value
        return Status.PAUSED.value if self.spans and t_us >= self.spans[0][0] else "no-consent"

    def after(self, event: ConsentEvent) -> ConsentState:
        """The state after one more event. Raises ConflictError when it cannot follow."""
        status = self.status_at(event.effective_us)
        if status not in _FROM[event.kind]:
            fix = f"consent for {event.purpose} is {status.value}; it cannot be {event.kind.value}"
            raise ConflictError("kind", fix)
        return self._next(event, FOREVER if event.expires_us is None else event.expires_us)

    def _next(self, event: ConsentEvent, end: int) -> ConsentState:
        at = event.effective_us
        match event.kind:
            case Kind.GIVEN:
                return ConsentState(Status.GIVEN, (*self.spans, (at, end)), end)
            case Kind.PAUSED:
                return replace(self, status=Status.PAUSED, spans=_cut(self.spans, at))
            case Kind.RESUMED:
                spans = (*self.spans, (at, self.expires_us))
                return replace(self, status=Status.GIVEN, spans=spans)
            case Kind.RECONFIRMED:
                return replace(self, spans=_reach(self, end), expires_us=end)
            case Kind.EXPIRED:
                end = min(self.expires_us, at)
                return ConsentState(Status.EXPIRED, _cut(self.spans, at), end)
        return ConsentState(Status(event.kind.value))


def replay(events: Iterable[ConsentEvent]) -> ConsentState:
    """The state after all events of one person and purpose, in their order."""
    state = ConsentState()
    for event in events:
        state = state.after(event)
    return state


def _cut(spans: tuple[Span, ...], at: int) -> tuple[Span, ...]:
    return tuple((first, min(end, at)) for first, end in spans if first < at)


def _reach(state: ConsentState, end: int) -> tuple[Span, ...]:
    """The spans with a new expiry: only what is running now runs on."""
    if state.status is not Status.GIVEN or not state.spans:
        return state.spans
    return (*state.spans[:-1], (state.spans[-1][0], end))
