from __future__ import annotations

from vointi_contract.ack import MAX_GAPS, Watermark
from vointi_gateway.ingest.ledger import MAX_RANGES, Admission, Ledger
from vointi_gateway.store.model import Outcome, Receipt

KEY = ("edge-1", "strap-1", 7)


def _ledger(*seqs: int) -> Ledger:
    ledger = Ledger()
    for seq in seqs:
        ledger.admit(KEY, seq)
    return ledger


def test_a_reading_is_admitted_once() -> None:
    ledger = Ledger()
    assert [ledger.admit(KEY, s) for s in (1, 2, 1)] == [
        Admission.NEW,
        Admission.NEW,
        Admission.DUPLICATE,
    ]


def test_boots_and_devices_have_their_own_numbers() -> None:
    ledger = _ledger(1)
    assert ledger.admit(("edge-1", "strap-1", 8), 1) is Admission.NEW
    assert ledger.admit(("edge-1", "strap-2", 7), 1) is Admission.NEW
    assert ledger.admit(("edge-2", "strap-1", 7), 1) is Admission.NEW


def test_the_watermark_names_what_is_missing() -> None:
    assert _ledger(1, 2, 5, 9).watermark(KEY) == Watermark("strap-1", 7, 9, ((3, 4), (6, 8)))


def test_losses_close_gaps_and_are_counted_once() -> None:
    ledger = _ledger(1, 5)
    assert ledger.declare_lost(KEY, 1, 6) == [(2, 4), (6, 6)]
    assert ledger.declare_lost(KEY, 2, 7) == [(7, 7)]
    assert ledger.watermark(KEY) == Watermark("strap-1", 7, 7)


def test_what_was_lost_and_came_after_all_is_recovered_once() -> None:
    ledger = _ledger(1)
    ledger.declare_lost(KEY, 2, 3)
    assert ledger.admit(KEY, 2) is Admission.RECOVERED
    assert ledger.admit(KEY, 2) is Admission.DUPLICATE
    assert ledger.declare_lost(KEY, 2, 3) == []


def test_too_many_gaps_shorten_the_promise() -> None:
    ledger = _ledger(*range(1, 2 * (MAX_GAPS + 50), 2))
    mark = ledger.watermark(KEY)
    assert len(mark.gaps) == MAX_GAPS
    assert mark.upto == 2 * MAX_GAPS + 1
    assert not mark.covers(mark.upto + 2)


def test_a_sender_that_skips_on_purpose_is_refused() -> None:
    ledger = _ledger(*range(1, 2 * MAX_RANGES, 2))
    assert ledger.admit(KEY, 10 * MAX_RANGES) is Admission.REFUSED


def test_receipts_rebuild_the_same_ledger() -> None:
    receipts = [
        Receipt(*KEY, 1, 4, Outcome.STORED),
        Receipt(*KEY, 6, 6, Outcome.QUARANTINED),
        Receipt(*KEY, 4, 9, Outcome.LOST),
    ]
    ledger = Ledger.from_receipts(receipts)
    assert ledger.watermark(KEY) == Watermark("strap-1", 7, 9)
    assert ledger.admit(KEY, 4) is Admission.DUPLICATE
    assert ledger.admit(KEY, 6) is Admission.DUPLICATE
    assert ledger.admit(KEY, 5) is Admission.RECOVERED
