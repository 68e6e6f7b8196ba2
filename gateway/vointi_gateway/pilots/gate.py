"""Who wore a device when, and what of it is agreed: one immutable picture of the registry."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from .consent.state import FOREVER, ConsentState, Span

#: Kinds of devices that measure a room and nobody's body.
ROOM_KINDS = frozenset({"room", "service_point"})
_NONE: frozenset[str] = frozenset()
#: Stands for metrics that cannot be told: agreed when anything is.
ANY_METRIC = frozenset({"*"})


@dataclass(frozen=True, slots=True)
class Loan:
    """One device with one person for [from_us, to_us)."""

    device: str
    pilot: str
    person: str
    from_us: int
    to_us: int = FOREVER


@dataclass(frozen=True, slots=True)
class Rules:
    """What one pilot collects: purpose → metric names, or None for all that devices have."""

    purposes: Mapping[str, frozenset[str] | None]
    simulated: bool = False

    def of(self, purpose: str, metrics: frozenset[str]) -> frozenset[str]:
        """Those of the metrics that the pilot collects for the purpose."""
        listed = self.purposes.get(purpose, _NONE)
        if listed is None or metrics is ANY_METRIC:
            return metrics
        return metrics & listed


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """In [from_us, to_us) another edge's device has the same physical device on lease."""

    from_us: int
    to_us: int
    holder: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What may be kept of a reading: metrics, for which purposes; or why nothing.

    `holder`: whose device had the lease instead; the reading is kept apart, to be looked at.
    """

    person: str | None
    metrics: frozenset[str]
    purposes: frozenset[str] | None = None
    refusal: str | None = None
    holder: str | None = None


@dataclass(frozen=True, slots=True)
class Gate:
    """The registry as ingest and queries see it; replaced as a whole when the registry changes.

    Args:
        rules: by pilot.
        loans: by device (global id), by start; empty for one that was lent once and is not now.
        consents: by (pilot, person), by purpose.
        rooms: devices that measure a room and nobody's body.
        elsewhere: by device, when another edge had its physical device on lease.

    """

    rules: Mapping[str, Rules] = field(default_factory=dict)
    loans: Mapping[str, Sequence[Loan]] = field(default_factory=dict)
    consents: Mapping[tuple[str, str], Mapping[str, ConsentState]] = field(default_factory=dict)
    rooms: frozenset[str] = frozenset()
    elsewhere: Mapping[str, Sequence[Elsewhere]] = field(default_factory=dict)
    _known: dict[tuple[str, str, frozenset[str]], tuple[int, int, Verdict]] = field(
        default_factory=dict, init=False, compare=False, repr=False
    )

    def loan(self, device: str, t_us: int) -> Loan | None:
        """Who had the device at `t_us`, or None."""
        loans = self.loans.get(device, ())
        at = bisect_right(loans, t_us, key=lambda x: x.from_us) - 1
        return loans[at] if at >= 0 and t_us < loans[at].to_us else None

    def person(self, device: str, t_us: int) -> str | None:
        """The pseudonym of who had the device at `t_us`, or None."""
        loan = self.loan(device, t_us)
        return loan.person if loan else None

    def decide(
        self,
        pilot: str,
        device: str,
        metrics: frozenset[str],
        *,
        t_us: int,
        now_us: int,
    ) -> Verdict:
        """What may be kept of a reading that was made at `t_us` and arrived at `now_us`."""
        return self.standing(pilot, device, metrics, t_us=t_us, now_us=now_us)[2]

    def standing(
        self,
        pilot: str,
        device: str,
        metrics: frozenset[str],
        *,
        t_us: int,
        now_us: int,
    ) -> tuple[int, int, Verdict]:
        """What `decide` says, and the half-open time around `t_us` for which it says the same.

        The answer is the same until the next time at which something begins or ends, so that it is
        looked up for a stream of readings instead of worked out for each.
        """
        key = (pilot, device, metrics)
        known = self._known.get(key)
        if known is None or not known[0] <= t_us < known[1]:
            decided = self._decide(pilot, device, metrics, t_us, now_us)
            decided = replace(decided, holder=self.holder(device, t_us))
            known = self._known[key] = (*self._around(device, t_us), decided)
        return known

    def holder(self, device: str, t_us: int) -> str | None:
        """Whose device had the same physical device on lease at `t_us` instead, or None."""
        spans = (x for x in self.elsewhere.get(device, ()) if x.from_us <= t_us < x.to_us)
        return next((x.holder for x in spans), None)

    def held_elsewhere(self, device: str) -> bool:
        """Whether another edge has the same physical device on lease now."""
        return any(x.to_us == FOREVER for x in self.elsewhere.get(device, ()))

    def _around(self, device: str, t_us: int) -> Span:
        """The time around `t_us` in which no loan, lease or consent of the device changes."""
        edges = {-FOREVER, FOREVER}
        for other in self.elsewhere.get(device, ()):
            edges |= {other.from_us, other.to_us}
        for loan in self.loans.get(device, ()):
            edges |= {loan.from_us, loan.to_us}
            for state in self.consents.get((loan.pilot, loan.person), {}).values():
                edges.add(state.expires_us)
                edges.update(edge for span in state.spans for edge in span)
        return max(e for e in edges if e <= t_us), min(e for e in edges if e > t_us)

    def _decide(
        self, pilot: str, device: str, metrics: frozenset[str], t_us: int, now_us: int
    ) -> Verdict:
        rules = self.rules.get(pilot, Rules({}))
        loan = self.loan(device, t_us)
        if loan is not None and loan.pilot == pilot:
            return self._personal(rules, loan, metrics, t_us, now_us)
        if device in self.rooms or (rules.simulated and device not in self.loans):
            return _of_nobody(rules, metrics)
        return Verdict(None, _NONE, refusal="not-lent")

    def _personal(
        self, rules: Rules, loan: Loan, metrics: frozenset[str], t_us: int, now_us: int
    ) -> Verdict:
        states = self.consents.get((loan.pilot, loan.person), {})
        agreed: set[str] = set()
        purposes: set[str] = set()
        refusals: list[str] = []
        for purpose in rules.purposes:
            covered = rules.of(purpose, metrics)
            if not covered:
                continue
            refusal = states.get(purpose, ConsentState()).refusal(t_us, now_us)
            if refusal is None:
                agreed |= covered
                purposes.add(purpose)
            else:
                refusals.append(refusal)
        if agreed:
            return Verdict(loan.person, frozenset(agreed), frozenset(purposes))
        return Verdict(loan.person, _NONE, refusal=_worst(refusals))

    def spans(self, device: str, purpose: str, metric: str, now_us: int) -> list[Span] | None:
        """Times of a device that may be shown for a purpose; None: it is nobody's, all of them."""
        if device not in self.loans:
            return None
        return [
            span
            for loan in self.loans[device]
            for span in self.loan_spans(loan, purpose, metric, now_us)
        ]

    def loan_spans(self, loan: Loan, purpose: str, metric: str, now_us: int) -> list[Span]:
        """Times of one loan that may be shown for a purpose."""
        rules = self.rules.get(loan.pilot, Rules({}))
        state = self.consents.get((loan.pilot, loan.person), {}).get(purpose, ConsentState())
        if not state.live(now_us) or not rules.of(purpose, frozenset({metric})):
            return []
        return overlap(state.spans, (loan.from_us, loan.to_us))

    def owners(self, device: str, from_us: int, to_us: int) -> set[tuple[str, str]]:
        """(pilot, person) of everybody who had the device in the time."""
        return {
            (loan.pilot, loan.person)
            for loan in self.loans.get(device, ())
            if loan.from_us < to_us and loan.to_us > from_us
        }

    def worn(self, pilot: str | None, device: str | None, t_us: int) -> set[tuple[str, str]]:
        """(pilot, person) of everybody who has a device at `t_us`; of one pilot or device."""
        names = self.loans if device is None else (device,)
        held = (self.loan(name, t_us) for name in names)
        return {(x.pilot, x.person) for x in held if x and pilot in (None, x.pilot)}


def overlap(spans: Iterable[Span], within: Span) -> list[Span]:
    """The parts of the spans that lie within another one."""
    cut = ((max(a, within[0]), min(b, within[1])) for a, b in spans)
    return [(a, b) for a, b in cut if a < b]


def _of_nobody(rules: Rules, metrics: frozenset[str]) -> Verdict:
    kept = frozenset(m for p in rules.purposes for m in rules.of(p, metrics))
    return Verdict(None, kept, refusal=None if kept else "not-collected")


#: Of several purposes' reasons the one that a person would name first.
_ORDER = ("withdrawn", "terminated", "paused", "expired", "no-consent")


def _worst(refusals: list[str]) -> str:
    return next((name for name in _ORDER if name in refusals), "not-collected")
