"""The short way through ingest and the long one lead to the same place, rows included."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from gateway_kit import DEVICE, EDGE, PILOT, T0_US, channel, ecg_frame, hr_frame, payload
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from vointi_contract.codec import pack
from vointi_contract.frame import Batch, Frame, Loss
from vointi_contract.topics import EdgeTopics
from vointi_gateway.ingest.ledger import Ledger
from vointi_gateway.ingest.stage import Delivery, Stager
from vointi_gateway.pilots.consent.state import FOREVER, ConsentState, Status
from vointi_gateway.pilots.gate import Gate, Loan, Rules
from vointi_gateway.store.block import Readings
from vointi_gateway.store.embedded import EmbeddedStore
from vointi_gateway.store.model import Anchor, Commit

TOPICS = EdgeTopics(PILOT, EDGE)
GLOBAL = f"{EDGE}.{DEVICE}"
S = 1_000_000


def _gate() -> Gate:
    """The strap is lent twice; the first wearer agreed with a pause, and not to temperature."""
    loans = [Loan(GLOBAL, PILOT, "p-1", T0_US, T0_US + 60 * S)]
    loans.append(Loan(GLOBAL, PILOT, "p-2", T0_US + 60 * S))
    paused = ((T0_US, T0_US + 20 * S), (T0_US + 30 * S, FOREVER))
    consents = {
        (PILOT, "p-1"): {"care": ConsentState(Status.GIVEN, paused)},
        (PILOT, "p-2"): {"care": ConsentState(Status.GIVEN, ((T0_US, FOREVER),))},
    }
    metrics = frozenset({"ecg", "acc_x", "heart_rate", "rr_interval", "beat"})
    return Gate({PILOT: Rules({"care": metrics})}, {GLOBAL: loans}, consents)


def _stager(*, short: bool) -> Stager:
    gate = _gate()
    stager = Stager(Ledger(), set(), {EDGE: PILOT}.get, lambda: T0_US + 90 * S, lambda: gate)
    if not short:
        stager._plain._columns = None
    return stager


def _frame(seq: int, kind: str, at_s: int, boot: int) -> Frame:
    at = {"wall_us": T0_US + at_s * S, "mono_us": at_s * S, "boot": boot}
    match kind:
        case "acc":
            both = (channel("acc_x", [1, 2]), channel("acc_y", [3, 4], 0.5, 7.0))
            return ecg_frame(seq, stream="acc", channels=both, **at)
        case "beats":
            amplitude = channel("beat", [900, 950, 1000], -0.5)
            steps = {"rate_hz": 0.0, "offsets_us": (0, 800_000, 1_700_000), "dev_ts_ns": None}
            both = (amplitude, channel("rr_interval", [800, 900]))
            return ecg_frame(seq, stream="beats", channels=both, **steps, **at)
        case "unsynced":
            return ecg_frame(seq, **(at | {"wall_us": None}))
        case "faulty":
            return replace(hr_frame(seq, bpm=999), **at)
        case "foreign":
            return ecg_frame(seq, device="other", **at)
        case "hr":
            return replace(hr_frame(seq), **at)
    return ecg_frame(seq, **at)


def _packed(frames: list[Frame]) -> bytes:
    return pack(Batch(tuple(frames)), DEVICE)


kinds = st.sampled_from(["ecg"] * 3 + ["hr", "acc", "beats", "unsynced", "faulty", "foreign"])
sent = st.builds(_frame, st.integers(1, 12), kinds, st.integers(0, 80), st.sampled_from([7, 8]))
lost = st.builds(
    lambda first, n: Loss(DEVICE, 7, first, first + n, "full"),
    st.integers(1, 12),
    st.integers(0, 2),
)
deliveries = st.one_of(
    st.lists(sent, min_size=1, max_size=5).map(lambda frames: payload(*frames)),
    st.lists(sent, min_size=1, max_size=5).map(_packed),
    # As edges send: one after the other.
    st.builds(
        lambda first, n: _packed([ecg_frame(first + i) for i in range(n)]),
        st.integers(1, 9),
        st.integers(1, 4),
    ),
    lost.map(lambda loss: payload(losses=(loss,))),
    st.builds(lambda frame, loss: payload(frame, losses=(loss,)), sent, lost),
    st.binary(max_size=5),
)


def _commits(groups: list[list[bytes]], *, short: bool) -> list[Commit]:
    stager = _stager(short=short)
    found = []
    for group in groups:
        arrived = [Delivery(TOPICS.live(DEVICE), d, 1, 1, 1, False, T0_US + 70 * S) for d in group]
        found.append(stager.stage(arrived, {}).commit)
    return found


def _said(commit: Commit) -> dict[str, Any]:
    """A commit without the order in which its parts were met."""
    readings = sorted(commit.readings, key=lambda r: (r.frame.boot, r.frame.seq))
    receipts = sorted(commit.receipts, key=lambda r: (r.device, r.boot, r.outcome, r.first))
    return {
        "readings": readings,
        "receipts": receipts,
        "quarantined": commit.quarantined,
        "tally": commit.tally,
        "refused": sorted(commit.refused, key=str),
    }


@given(st.lists(st.lists(deliveries, min_size=1, max_size=6), min_size=1, max_size=3))
@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
def test_both_ways_stage_the_same_commits(groups: list[list[bytes]]) -> None:
    short, long = (_commits(groups, short=way) for way in (True, False))
    assert [_said(commit) for commit in short] == [_said(commit) for commit in long]


def test_the_short_way_is_taken() -> None:
    """The test above would hold if it never were."""
    good = payload(*(ecg_frame(seq) for seq in range(1, 4)))
    (commit,) = _commits([[good, _packed([hr_frame(4)]), payload(hr_frame(5, bpm=5))]], short=True)
    assert isinstance(commit.readings, Readings)
    assert commit.readings.block is not None
    assert (len(commit.readings.block), len(commit.readings.loose)) == (4, 0)
    assert len(commit.quarantined) == 1
    assert [r.frame.seq for r in commit.readings[1:3]] == [2, 3]
    assert commit.readings[-1].person == "p-1"


def test_what_may_be_new_is_found_without_the_rest() -> None:
    timed = [replace(hr_frame(n), wall_us=T0_US + n * S) for n in range(1, 5)]
    said = [[payload(*timed)], [payload(_frame(5, "unsynced", 3, 7))]]
    first, second = _commits(said, short=True)
    for commit, newest in ((first, {3, 4}), (second, {5})):
        assert isinstance(commit.readings, Readings)
        assert commit.readings.block
        assert {r.frame.seq for r in commit.readings.after(T0_US + 2 * S)} == newest


TABLES = ("series", "segment", "scalar", "receipt", "tally")


def _rows(path: Path, commits: list[Commit]) -> tuple[dict[str, Any], Any]:
    store = EmbeddedStore(path, lambda: T0_US)
    store.open()
    for commit in commits:
        store.commit(commit)
    found: dict[str, Any] = {}
    for table in TABLES:
        found[table] = store._read(
            lambda c, t=table: sorted(c.execute(f"SELECT * FROM {t}").fetchall(), key=repr)
        )
    latest = store.latest()
    store.close()
    return found, latest


def test_columns_become_the_rows_that_readings_become(tmp_path: Path) -> None:
    kinds = ["ecg", "hr", "acc", "beats", "unsynced", "hr", "beats", "unsynced", "ecg"]
    plain = [_frame(i + 1, kind, 3 + i, 7) for i, kind in enumerate(kinds) if kind != "acc"]
    (commit,) = _commits([[payload(frame) for frame in plain]], short=True)
    assert isinstance(commit.readings, Readings)
    assert len(commit.readings.block or ()) == 8
    commit = replace(commit, anchors=(Anchor(EDGE, 8, T0_US),))
    as_objects = replace(commit, readings=tuple(commit.readings))
    assert _rows(tmp_path / "a", [commit]) == _rows(tmp_path / "b", [as_objects])


@pytest.mark.parametrize("anchored", [True, False])
def test_a_boot_that_is_anchored_places_its_unsynced_readings(
    tmp_path: Path, anchored: bool
) -> None:
    (commit,) = _commits(
        [[payload(_frame(1, "unsynced", 3, 7), _frame(2, "hr", 4, 7))]], short=True
    )
    if anchored:
        commit = replace(commit, anchors=(Anchor(EDGE, 7, T0_US + 5),))
    as_objects = replace(commit, readings=tuple(commit.readings))
    rows, latest = _rows(tmp_path / "a", [commit])
    assert (rows, latest) == _rows(tmp_path / "b", [as_objects])
    (segment,) = rows["segment"]
    assert segment[3] == (T0_US + 5 + 3 * S if anchored else None)
