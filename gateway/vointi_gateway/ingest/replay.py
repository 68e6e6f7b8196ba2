"""What is in quarantine, looked at once more: after a mapping, a range or a pilot was put right."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from ..store.model import Commit, Counts, Outcome, Quarantined
from ..store.port import Store
from .consent import GateNow
from .ledger import Ledger
from .stage import Delivery, Stager


@dataclass(slots=True)
class Replayed:
    """Readings that came of it, and deliveries that stay as they were."""

    stored: int = 0
    duplicates: int = 0
    lost: int = 0
    #: Not agreed to by now: counted, and not kept any longer.
    refused: int = 0
    still_wrong: int = 0


class Replay:
    """Treats deliveries in quarantine as if they arrived now, each in one transaction.

    A reading whose number was settled because it was quarantined is stored now, and once: its
    receipt says so afterwards. The counts stay balanced: what leaves quarantine leaves its count.

    Args:
        pilot_of: the pilot of an edge, or None.
        gate: what is lent and agreed now.
        now_us: UTC now, µs.

    """

    def __init__(
        self, pilot_of: Callable[[str], str | None], gate: GateNow, now_us: Callable[[], int]
    ) -> None:
        self._pilot_of, self._gate, self._now_us = pilot_of, gate, now_us

    def __call__(self, store: Store, rows: Iterable[Quarantined]) -> Replayed:
        """Replay these rows of the store; nobody else may write to it meanwhile."""
        settled = (r for r in store.receipts() if r.outcome is not Outcome.QUARANTINED)
        stager = self._stager(Ledger.from_receipts(settled))
        copies = Counter(row.digest for row in rows)
        found = Replayed()
        for row in {row.digest: row for row in rows}.values():
            delivery = Delivery(row.topic, row.payload, 0, 0, 0, False, row.received_us)
            alone = self._stager(Ledger()).stage([delivery], {}).commit
            if alone.quarantined and not (alone.readings or alone.refused):
                found.still_wrong += 1
                continue
            commit = stager.stage([delivery], {}).commit
            store.commit(_released(commit, row, copies[row.digest]))
            _add(found, commit)
        return found

    def _stager(self, ledger: Ledger) -> Stager:
        return Stager(ledger, set(), self._pilot_of, self._now_us, self._gate)


def _released(commit: Commit, row: Quarantined, copies: int) -> Commit:
    """The commit that also takes the row out of quarantine and of its count."""
    gone = Counts(accepted=-1, duplicates=copies - 1, quarantined=-copies)
    tally = dict(commit.tally)
    tally[row.edge] = tally.get(row.edge, Counts()) + gone
    return replace(commit, tally=tally, released=(row.digest,))


def _add(found: Replayed, commit: Commit) -> None:
    for counts in commit.tally.values():
        found.stored += counts.stored
        found.duplicates += counts.duplicates
        found.lost += counts.lost
    found.refused += sum(refused.n for refused in commit.refused)
    found.still_wrong += len(commit.quarantined)
