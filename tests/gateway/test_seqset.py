from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from vointi_gateway.ingest.seqset import SeqSet

_SEQ = st.integers(1, 40)
_OPS = st.lists(st.tuples(st.sampled_from(["add", "discard"]), _SEQ, st.integers(0, 6)))


@given(_OPS, _SEQ, st.integers(0, 30))
def test_behaves_as_a_plain_set(ops: list[tuple[str, int, int]], first: int, more: int) -> None:
    ours, model = SeqSet(), set[int]()
    for name, seq, length in ops:
        if name == "add":
            ours.add(seq, seq + length)
            model |= set(range(seq, seq + length + 1))
        else:
            ours.discard(seq)
            model.discard(seq)
    ranges = list(ours)
    assert {s for a, b in ranges for s in range(a, b + 1)} == model
    assert all(b + 1 < c for (_, b), (c, _) in pairwise(ranges))
    assert ours.highest == max(model, default=0)
    assert all((s in ours) == (s in model) for s in range(1, 50))
    inside = {s in model for s in range(first, first + more + 1)}
    assert ours.holds(first, first + more) is (inside.pop() if len(inside) == 1 else None)
    gaps = ours.missing(first, first + more)
    assert [s for a, b in gaps for s in range(a, b + 1)] == [
        s for s in range(first, first + more + 1) if s not in model
    ]


def test_in_order_numbers_are_one_range() -> None:
    seqs = SeqSet()
    for seq in range(1, 1001):
        seqs.add(seq, seq)
    assert list(seqs) == [(1, 1000)]
