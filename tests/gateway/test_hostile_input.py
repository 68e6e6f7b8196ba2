"""What no edge and no pilot's author would send: it is named, and nothing else suffers."""

from __future__ import annotations

import json

import pytest
from gateway_kit import DEVICE, EDGE, PILOT, T0_US, birth, hr_frame, payload
from hypothesis import given, settings
from hypothesis import strategies as st
from registry_kit import document
from vointi_contract.errors import ContractError
from vointi_contract.status import Birth, ClockAnchor, EdgeStatus
from vointi_contract.topics import EdgeTopics
from vointi_gateway.errors import RegistryError
from vointi_gateway.ingest.ledger import Ledger
from vointi_gateway.ingest.share import Share
from vointi_gateway.ingest.stage import Delivery, Stager
from vointi_gateway.ingest.status import StatusReader
from vointi_gateway.pilots.document import (
    Company,
    Cost,
    Indicator,
    Period,
    as_json,
    as_table,
    from_table,
    read,
)
from vointi_gateway.pilots.gate import Gate, Rules
from vointi_gateway.store.model import Counts

TOPICS = EdgeTopics(PILOT, EDGE)
LIVE = TOPICS.live(DEVICE)
RULES = {PILOT: Rules({"care": None}, simulated=True)}


def _stager() -> Stager:
    return Stager(Ledger(), set(), {EDGE: PILOT}.get, lambda: T0_US, lambda: Gate(RULES))


def _delivery(topic: str, data: bytes) -> Delivery:
    return Delivery(topic, data, 1, 1, 1, False, T0_US)


@given(st.lists(st.integers(1, 6), min_size=1, max_size=20), st.data())
def test_any_order_and_any_repetition_end_in_the_same_state(
    seqs: list[int], data: st.DataObject
) -> None:
    stager, left = _stager(), list(seqs)
    stored: list[int] = []
    total = Counts()
    while left:
        cut = data.draw(st.integers(1, len(left)))
        group, left = left[:cut], left[cut:]
        commit = stager.stage([_delivery(LIVE, payload(hr_frame(s))) for s in group], {}).commit
        stored += [r.frame.seq for r in commit.readings]
        total = sum(commit.tally.values(), total)
    assert sorted(stored) == sorted(set(seqs))
    assert total == Counts(len(seqs), len(set(seqs)), len(seqs) - len(set(seqs)))
    mark = stager.ledger.watermark((EDGE, DEVICE, 7))
    assert {s for s in range(1, 7) if mark.covers(s)} == set(seqs)


_LEVEL = st.one_of(st.text(max_size=6), st.sampled_from([*LIVE.split("/"), "+", "#", "", "35"]))
_TOPIC = st.one_of(
    st.text(max_size=40),
    st.lists(_LEVEL, min_size=4, max_size=8).map("/".join),
    st.integers(0, 6).flatmap(
        lambda at: _LEVEL.map(
            lambda level: "/".join(
                level if i == at else part for i, part in enumerate(LIVE.split("/"))
            )
        )
    ),
)


@settings(max_examples=60, deadline=None)
@given(_TOPIC)
def test_any_topic_is_stored_or_quarantined_and_its_neighbour_is_stored(topic: str) -> None:
    Share(4, lambda slot: slot in range(4)).has_topic(topic)
    StatusReader.is_status(topic)
    group = [_delivery(topic, payload(hr_frame(1))), _delivery(LIVE, payload(hr_frame(2)))]
    commit = _stager().stage(group, {}).commit
    assert 2 in [r.frame.seq for r in commit.readings]
    total = sum(commit.tally.values(), Counts())
    assert total.balanced
    assert total.accepted == 2
    for row in commit.quarantined:
        assert row.field
        assert row.fix


@pytest.mark.parametrize("reader", [Birth, EdgeStatus, ClockAnchor])
@pytest.mark.parametrize(
    "data",
    [b"[" * 100_000, b'{"a":' * 100_000, b'{"edge":' + b"[" * 60_000, b"1" * 60_000, b"\xff" * 99],
    ids=["lists", "objects", "within", "digits", "bytes"],
)
def test_deep_and_long_json_is_refused_by_name(reader: type[Birth], data: bytes) -> None:
    with pytest.raises(ContractError):
        reader.from_json(data)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)


def _spoilt(text: str) -> st.SearchStrategy[str]:
    """The document with the value of one of its keys replaced, or with a key of no meaning."""
    table = json.loads(text)
    keys = st.sampled_from([*table, "unknown"])
    return st.tuples(keys, _JSON).map(lambda p: json.dumps(table | {p[0]: p[1]}))


@settings(max_examples=150, deadline=None)
@given(_spoilt(as_json(document())))
def test_a_pilot_file_is_read_or_refused_by_field(text: str) -> None:
    try:
        found = read(text, "pilot.json")
    except RegistryError as exc:
        assert exc.field
        assert exc.fix
    else:
        assert read(as_json(found), "pilot.json") == found


@settings(max_examples=60, deadline=None)
@given(
    st.one_of(st.text(max_size=60), _JSON.map(json.dumps)), st.sampled_from(["x.json", "x.toml"])
)
def test_any_text_is_no_pilot_file(text: str, name: str) -> None:
    with pytest.raises(RegistryError):
        read(text, name)


@settings(max_examples=100, deadline=None)
@given(_spoilt(birth().to_json().decode()))
def test_a_birth_is_read_or_refused_by_field(text: str) -> None:
    try:
        Birth.from_json(text.encode(errors="surrogatepass"))
    except ContractError as exc:
        assert exc.field
        assert exc.fix


WHOLE = as_table(
    document(
        company=Company("co", "Company"),
        baseline=Period("2026-01-01", "2026-02-01"),
        cost=Cost(10.0, "EUR"),
        indicator=(Indicator("sleep", "Sleep"),),
    )
)
ODD: tuple[object, ...] = (
    *(None, True, 0, -1, 2**63, 2**64, 10**400, 1e308, float("nan"), float("inf"), "", "\x00"),
    *("\ud800", "x" * 70_000, [], {}, [[]], [None], {"": None}, [1] * 300, "2026-13-45"),
)


def _places(value: object, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """Where something can be put in a document's table."""
    inner = value.items() if isinstance(value, dict) else ()
    if isinstance(value, list | tuple):
        inner = enumerate(value)
    return [path] * bool(path) + [p for key, one in inner for p in _places(one, (*path, key))]


def test_a_pilot_with_anything_in_any_place_is_taken_whole_or_refused_by_key() -> None:
    """What is taken can be written out, and read again as the same."""
    found = [
        f"{place}, {str(odd)[:20]!r}: {why}"
        for place in _places(WHOLE)
        for odd in ODD
        if (why := _put(place, odd))
    ]
    assert found == []


def _put(place: tuple[str | int, ...], odd: object) -> str:
    """What is wrong with the answer to a document with this in that place."""
    table = json.loads(json.dumps(WHOLE))
    at = table
    for key in place[:-1]:
        at = at[key]
    at[place[-1]] = odd
    try:
        taken = from_table(table)
    except RegistryError as exc:
        return "" if exc.field.startswith("pilot") and exc.fix else f"says {exc}"
    except (ValueError, OverflowError, TypeError) as exc:
        return repr(exc)
    try:
        text = as_json(taken).encode().decode()
        return "" if read(text, "file") == taken else "comes back as something else"
    except (ValueError, RegistryError) as exc:
        return repr(exc)
