"""Settled ranges, joined where they touch."""

from __future__ import annotations

from collections.abc import Iterator

from .model import Receipt


def merge_receipts(receipts: Iterator[Receipt]) -> Iterator[Receipt]:
    """Join touching ranges of one outcome; the input is ordered by stream, outcome, first."""
    held: Receipt | None = None
    for receipt in receipts:
        if held is not None and _touches(held, receipt):
            last = max(held.last, receipt.last)
            held = Receipt(held.edge, held.device, held.boot, held.first, last, held.outcome)
            continue
        if held is not None:
            yield held
        held = receipt
    if held is not None:
        yield held


def _touches(a: Receipt, b: Receipt) -> bool:
    same = (a.edge, a.device, a.boot, a.outcome) == (b.edge, b.device, b.boot, b.outcome)
    return same and b.first <= a.last + 1
