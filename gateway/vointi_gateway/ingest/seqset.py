"""A set of sequence numbers as sorted, disjoint, non-touching ranges."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator


class SeqSet:
    """Integers from 1. One range when nothing is missing; memory grows with gaps, not numbers."""

    __slots__ = ("_firsts", "_lasts")

    def __init__(self) -> None:
        self._firsts: list[int] = []
        self._lasts: list[int] = []

    def __contains__(self, seq: int) -> bool:
        at = bisect_right(self._firsts, seq) - 1
        return at >= 0 and self._lasts[at] >= seq

    def __iter__(self) -> Iterator[tuple[int, int]]:
        """The ranges (first, last), both ends included, ascending."""
        return zip(self._firsts, self._lasts, strict=True)

    def __len__(self) -> int:
        """How many ranges there are."""
        return len(self._firsts)

    @property
    def highest(self) -> int:
        """The largest member, or 0."""
        return self._lasts[-1] if self._lasts else 0

    def holds(self, first: int, last: int) -> bool | None:
        """Whether all of first … last are members; None when only some are."""
        lasts = self._lasts
        if not lasts or first > lasts[-1]:
            return False
        at = bisect_left(lasts, first)
        if self._firsts[at] > last:
            return False
        return True if self._firsts[at] <= first and lasts[at] >= last else None

    def add(self, first: int, last: int) -> None:
        """Add first … last."""
        if self._lasts and first == self._lasts[-1] + 1:
            self._lasts[-1] = last
            return
        lo = bisect_left(self._lasts, first - 1)
        hi = bisect_right(self._firsts, last + 1)
        if lo < hi:
            first = min(first, self._firsts[lo])
            last = max(last, self._lasts[hi - 1])
        self._firsts[lo:hi] = [first]
        self._lasts[lo:hi] = [last]

    def discard(self, seq: int) -> None:
        """Take one number out, if it is there."""
        at = bisect_right(self._firsts, seq) - 1
        if at < 0 or self._lasts[at] < seq:
            return
        first, last = self._firsts[at], self._lasts[at]
        left = [(first, seq - 1)] if first < seq else []
        right = [(seq + 1, last)] if seq < last else []
        self._firsts[at : at + 1] = [a for a, _ in left + right]
        self._lasts[at : at + 1] = [b for _, b in left + right]

    def missing(self, first: int, last: int) -> list[tuple[int, int]]:
        """The ranges of first … last that are not members."""
        gaps = []
        at = bisect_left(self._lasts, first)
        while first <= last and at < len(self._firsts):
            if self._firsts[at] > last:
                break
            if self._firsts[at] > first:
                gaps.append((first, self._firsts[at] - 1))
            first = self._lasts[at] + 1
            at += 1
        if first <= last:
            gaps.append((first, last))
        return gaps
