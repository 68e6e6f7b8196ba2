"""Deliveries in, one commit out: each case of what may arrive, and the balance of counts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from gateway_kit import (
    DEVICE,
    EDGE,
    OTHER_EDGE,
    PILOT,
    T0_US,
    channel,
    ecg_frame,
    hr_frame,
    payload,
)
from hypothesis import given
from hypothesis import strategies as st
from vointi_contract.codec import decode
from vointi_contract.errors import ContractError
from vointi_contract.frame import Frame, Loss
from vointi_contract.topics import EdgeTopics
from vointi_gateway.ingest.ledger import MAX_LOSS, Ledger
from vointi_gateway.ingest.stage import Delivery, Staged, Stager
from vointi_gateway.pilots.gate import Gate, Rules
from vointi_gateway.store.model import Counts, Outcome, Receipt

TOPICS = EdgeTopics(PILOT, EDGE)
LIVE = TOPICS.live(DEVICE)
GOLDEN = Path(__file__).parents[2] / "contract" / "vointi_contract" / "golden"


def _stager() -> Stager:
    pilots = {EDGE: PILOT, OTHER_EDGE: "pilot-b"}
    rules = {pilot: Rules({"care": None}, simulated=True) for pilot in pilots.values()}
    return Stager(Ledger(), set(), pilots.get, lambda: T0_US, lambda: Gate(rules))


def _delivery(data: bytes, topic: str = LIVE) -> Delivery:
    return Delivery(topic, data, 1, 1, 1, False, T0_US)


def _stage(*data: bytes, topic: str = LIVE, stager: Stager | None = None) -> Staged:
    return (stager or _stager()).stage([_delivery(d, topic) for d in data], {})


def _reason(staged: Staged) -> tuple[str, str]:
    (row,) = staged.commit.quarantined
    return row.field, row.fix


def test_good_frames_are_stored_with_one_receipt() -> None:
    staged = _stage(payload(ecg_frame(1), hr_frame(2)), payload(ecg_frame(3)))
    assert [r.frame.seq for r in staged.commit.readings] == [1, 2, 3]
    assert staged.commit.readings[0].device == f"{EDGE}.{DEVICE}"
    assert staged.commit.receipts == (Receipt(EDGE, DEVICE, 7, 1, 3, Outcome.STORED),)
    assert staged.commit.tally == {EDGE: Counts(accepted=3, stored=3)}
    assert staged.touched == {(EDGE, DEVICE, 7)}


def test_a_second_delivery_is_a_duplicate_and_is_acknowledged_again() -> None:
    stager = _stager()
    _stage(payload(ecg_frame(1)), stager=stager)
    staged = _stage(payload(ecg_frame(1)), stager=stager)
    assert staged.commit.readings == ()
    assert staged.commit.tally == {EDGE: Counts(accepted=1, duplicates=1)}
    assert staged.touched == {(EDGE, DEVICE, 7)}


def test_losses_are_counted_once_and_settled() -> None:
    loss = Loss(DEVICE, 7, 2, 4, "outbox full")
    stager = _stager()
    staged = _stage(payload(ecg_frame(1), losses=(loss,)), stager=stager)
    assert staged.commit.tally == {EDGE: Counts(accepted=4, stored=1, lost=3)}
    assert Receipt(EDGE, DEVICE, 7, 2, 4, Outcome.LOST) in staged.commit.receipts
    again = _stage(payload(losses=(loss,)), stager=stager)
    assert again.commit.tally == {}
    late = _stage(payload(ecg_frame(3)), stager=stager)
    assert late.commit.tally == {EDGE: Counts(accepted=0, stored=1, lost=-1)}
    assert len(late.commit.readings) == 1


@pytest.mark.parametrize(
    ("frame", "field", "word"),
    [
        (hr_frame(1, bpm=999), "heart_rate", "outside 20 to 300"),
        (ecg_frame(1, channels=(channel("ecg", [9_000_000]),)), "ecg", "outside"),
        (ecg_frame(1, wall_us=5), "wall_us", "before 2020"),
        (ecg_frame(1, wall_us=T0_US + 2 * 86_400_000_000), "wall_us", "day ahead"),
        (ecg_frame(1, rate_hz=0.0001), "rate_hz", "more than a day"),
        (ecg_frame(1, channels=(replace(channel("ecg", [1]), metric=99),)), "metric", "99"),
    ],
)
def test_what_was_not_agreed_is_quarantined_with_field_and_fix(
    frame: Frame, field: str, word: str
) -> None:
    stager = _stager()
    staged = _stage(payload(frame), stager=stager)
    found, fix = _reason(staged)
    assert found == field
    assert word in fix
    assert staged.commit.readings == ()
    assert staged.commit.tally == {EDGE: Counts(accepted=1, quarantined=1)}
    # Its number is settled: the edge need not send it again, and if it does it is a duplicate.
    assert stager.ledger.watermark((EDGE, DEVICE, 7)).covers(1)
    assert decode(staged.commit.quarantined[0].payload).frames == (frame,)
    again = _stage(payload(frame), stager=stager)
    assert again.commit.tally == {EDGE: Counts(accepted=1, duplicates=1)}


def test_one_bad_frame_does_not_take_its_bundle_along() -> None:
    staged = _stage(payload(ecg_frame(1), hr_frame(2, bpm=5), ecg_frame(3)))
    assert [r.frame.seq for r in staged.commit.readings] == [1, 3]
    assert staged.commit.tally == {EDGE: Counts(accepted=3, stored=2, quarantined=1)}


@pytest.mark.parametrize(
    ("topic", "field"),
    [
        (EdgeTopics("pilot-b", EDGE).live(DEVICE), "pilot"),
        (EdgeTopics(PILOT, "stranger").live(DEVICE), "edge"),
        (TOPICS.live("other-device"), "device"),
        (LIVE.replace("/d/", "/x/"), "kind"),
        (f"vointi/1/{PILOT}/99/{EDGE}/d/{DEVICE}", "shard"),
    ],
)
def test_a_foreign_topic_is_quarantined(topic: str, field: str) -> None:
    staged = _stage(payload(ecg_frame(1)), topic=topic)
    assert _reason(staged)[0] == field
    assert staged.commit.readings == ()


def test_poison_is_kept_once_with_its_bytes() -> None:
    stager = _stager()
    staged = _stage(b"\x01junk", stager=stager)
    assert staged.commit.quarantined[0].payload == b"\x01junk"
    again = _stage(b"\x01junk", b"\x01other", stager=stager)
    assert again.commit.tally == {EDGE: Counts(accepted=2, quarantined=1, duplicates=1)}


def test_every_golden_payload_is_settled() -> None:
    """Good golden frames are stored, the others quarantined; none raises, none disappears."""
    files = sorted(p for p in GOLDEN.rglob("*.bin"))
    assert files
    for path in files:
        data = path.read_bytes()
        try:
            batch = decode(data, DEVICE)
        except ContractError:
            expected = 1
            topic = LIVE
        else:
            losses = (loss.count if loss.count <= MAX_LOSS else 1 for loss in batch.losses)
            expected = len(batch.frames) + sum(losses)
            devices = {x.device for x in (*batch.frames, *batch.losses)}
            topic = TOPICS.live(devices.pop())
        staged = _stage(data, topic=topic)
        counts = staged.commit.tally[EDGE]
        assert counts.balanced
        assert counts.accepted == expected, path.name


_BYTES = st.one_of(
    st.binary(max_size=80),
    st.binary(max_size=80).map(lambda b: b"\x01" + b),
    st.builds(
        lambda at, by: bytes(
            b ^ (by if i == at else 0) for i, b in enumerate(payload(ecg_frame(1)))
        ),
        st.integers(0, 120),
        st.integers(1, 255),
    ),
)
_ITEM = st.one_of(
    _BYTES,
    st.integers(1, 6).map(lambda s: payload(ecg_frame(s))),
    st.integers(1, 6).map(lambda s: payload(hr_frame(s, bpm=1))),
    st.tuples(st.integers(1, 6), st.integers(0, 4)).map(
        lambda p: payload(losses=(Loss(DEVICE, 7, p[0], p[0] + p[1], "full"),))
    ),
)


@given(st.lists(st.lists(_ITEM, max_size=6), max_size=5))
def test_the_counts_balance_whatever_arrives(groups: list[list[bytes]]) -> None:
    stager = _stager()
    total = Counts()
    stored: list[tuple[int, int]] = []
    for group in groups:
        staged = _stage(*group, stager=stager)
        for counts in staged.commit.tally.values():
            total += counts
        stored += [(r.frame.boot, r.frame.seq) for r in staged.commit.readings]
        assert total.balanced
    assert len(stored) == len(set(stored)) == total.stored
    assert total.lost >= 0


def test_a_transaction_is_bounded_in_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vointi_gateway.ingest.stage.MAX_SAMPLES", 146)
    good = [_delivery(payload(ecg_frame(seq))) for seq in (1, 2, 3)]
    stager = _stager()
    staged = stager.stage(good, {})
    assert (staged.deliveries, len(staged.commit.readings)) == (2, 2)
    with_loss = payload(ecg_frame(4), losses=(Loss(DEVICE, 7, 9, 9, "full"),))
    again = stager.stage([_delivery(with_loss), *good[2:], *good[:2]], {})
    assert (again.deliveries, len(again.commit.readings)) == (2, 2)
