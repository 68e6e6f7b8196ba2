"""Groups by day: of ten people at least, nothing by subtraction, nothing without consent."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from door_kit import House, house
from gateway_kit import OTHER_PILOT, PILOT, T0_US, hr_frame
from vointi_gateway.errors import UnknownSeriesError
from vointi_gateway.pilots.consent.state import FOREVER, ConsentState, Status
from vointi_gateway.pilots.gate import Gate, Loan, Rules
from vointi_gateway.pilots.indicators import DAY_US, TOGETHER, Cell, Indicators
from vointi_gateway.store.model import Commit, Counts, DeviceDay, SeriesQuery, StoredReading
from vointi_gateway.store.model import Windows as Found

T1_US = T0_US + DAY_US
#: A heart rate that no clock, port or id happens to be.
PLANTED_BPM = 237


@dataclass
class Shelf:
    """A store of one value each hour and device; remembers what it was asked piece by piece."""

    values: Mapping[str, float]
    asked: list[SeriesQuery] = field(default_factory=list)

    def device_days(self, _metric: str, from_us: int, to_us: int) -> list[DeviceDay]:
        days = range(from_us, to_us, DAY_US)
        return [
            DeviceDay(one, day, 24, value) for one, value in self.values.items() for day in days
        ]

    def windows(self, query: SeriesQuery, _window_us: int) -> Found:
        self.asked.append(query)
        if query.device not in self.values:
            raise UnknownSeriesError(query.device, query.metric)
        n = (query.to_us - query.from_us) // 3_600_000_000
        day, value = query.from_us // DAY_US * DAY_US, self.values[query.device]
        one = [np.array([x]) for x in (day, n, value, value, value)]
        return Found(*one, "1m")


def gate_of(
    people: Mapping[str, int], *, spans: Sequence[tuple[int, int]] = ((0, FOREVER),)
) -> Gate:
    """Pilots of so many people, each with a device and a home of their own."""
    loans = [
        Loan(f"{pilot}-home-{i}.strap-1", pilot, f"{pilot}-p-{i}", 0)
        for pilot, many in people.items()
        for i in range(many)
    ]
    given = {"evaluation": ConsentState(Status.GIVEN, tuple(spans))}
    return Gate(
        {pilot: Rules({"evaluation": frozenset({"heart_rate"})}) for pilot in people},
        {loan.device: (loan,) for loan in loans},
        {(loan.pilot, loan.person): given for loan in loans},
    )


def shelf_of(gate: Gate, value: float = 60.0) -> Shelf:
    return Shelf(dict.fromkeys(gate.loans, value))


def cells(gate: Gate, shelf: Shelf, end_us: int = T1_US) -> dict[str, Cell]:
    indicators = Indicators(shelf, gate, "evaluation", lambda: T1_US)  # type: ignore[arg-type]
    found = indicators.daily("heart_rate", T0_US, end_us, list(gate.rules))
    return {cell.pilot: cell for cell in found}


@pytest.mark.parametrize(("people", "told"), [(9, None), (10, 10), (14, 10), (15, 15)])
def test_fewer_than_ten_are_not_told_and_more_by_fives(people: int, told: int | None) -> None:
    gate = gate_of({"a": people})
    (cell,) = cells(gate, shelf_of(gate)).values()
    assert (cell.people, cell.mean) == (told, 60.0 if told else None)
    assert cell.suppressed == ("" if told else "few")


def test_a_person_counts_once_however_much_they_measure() -> None:
    gate = gate_of({"a": 10})
    shelf = shelf_of(gate)
    second = Loan("a-home-0.strap-2", "a", "a-p-0", 0)
    gate = replace(gate, loans={**gate.loans, second.device: (second,)})
    shelf.values = {**shelf.values, second.device: 160.0}
    assert cells(gate, shelf)["a"].mean == 65.0, "(110 + 9 × 60) / 10"
    assert cells(gate_of({"a": 9}), shelf)["a"].suppressed == "few"


def test_one_home_and_two_who_are_nearly_all_are_not_told() -> None:
    gate = gate_of({"a": 12})
    home = {f"home.strap-{i}": loans for i, loans in enumerate(gate.loans.values())}
    home = {d: (replace(loans[0], device=d),) for d, loans in home.items()}
    assert cells(replace(gate, loans=home), Shelf(dict.fromkeys(home, 1.0)))["a"].suppressed
    most = dict.fromkeys(gate.loans, 1.0) | {"a-home-0.strap-1": 60.0, "a-home-1.strap-1": 60.0}
    assert cells(gate, Shelf(most))["a"].suppressed == "few"


@pytest.mark.parametrize(
    ("people", "hidden"),
    [
        ({"a": 20, "b": 20, "c": 30}, {}),
        ({"a": 20, "b": 3, "c": 30}, {"b": "few", "a": "complementary"}),
        ({"a": 6, "b": 7, "c": 30}, {"a": "few", "b": "few"}),
        ({"a": 4, "b": 3, "c": 30}, {"a": "few", "b": "few", "c": "complementary"}),
        ({"a": 4, "b": 3}, {"a": "few", "b": "few", TOGETHER: "few"}),
        ({"a": 0, "b": 30, "c": 30}, {"a": "few"}),
    ],
)
def test_a_total_tells_nothing_of_what_is_kept_back(
    people: dict[str, int], hidden: dict[str, str]
) -> None:
    gate = gate_of(people)
    found = cells(gate, shelf_of(gate))
    assert {name: c.suppressed for name, c in found.items() if c.suppressed} == hidden
    assert set(found) == {*people, TOGETHER}
    kept_back = [people[name] for name in hidden if name in people]
    if TOGETHER not in hidden:
        assert sum(kept_back) == 0 or sum(kept_back) >= 10


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"status": Status.WITHDRAWN, "spans": ()}, "withdrawn"),
        ({"spans": ((0, T0_US),)}, "given for another time"),
        ({"expires_us": T0_US}, "expired"),
    ],
)
def test_whoever_does_not_agree_is_in_no_group(changes: dict[str, Any], why: str) -> None:
    gate = gate_of({"a": 10})
    who, given = next(iter(gate.consents.items()))
    other = {**gate.consents, who: {"evaluation": replace(given["evaluation"], **changes)}}
    assert cells(replace(gate, consents=other), shelf_of(gate))["a"].suppressed == "few", why
    care = {**gate.consents, who: {"care": given["evaluation"]}}
    assert cells(replace(gate, consents=care), shelf_of(gate))["a"].suppressed == "few"


def test_a_day_on_which_it_begins_counts_from_then_on() -> None:
    noon = T0_US + DAY_US // 2
    gate = gate_of({"a": 10}, spans=((noon, FOREVER),))
    shelf = shelf_of(gate)
    assert cells(gate, shelf, T1_US + DAY_US)["a"].people == 10
    assert {(q.from_us, q.to_us) for q in shelf.asked} == {(noon, T1_US)}
    assert len(shelf.asked) == 10, "whole days come at once"


# ---- over HTTP


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """Twelve people of each pilot with one value; the other pilot's is the planted one."""
    with house(tmp_path_factory.mktemp("house")) as made:
        gate = gate_of({PILOT: 12, OTHER_PILOT: 12})
        edges = {loan.device.partition(".")[0]: loan.pilot for (loan,) in gate.loans.values()}
        readings = tuple(
            StoredReading(pilot, edge, hr_frame(1, bpm), T0_US, "p", frozenset({"evaluation"}))
            for edge, pilot in edges.items()
            for bpm in (PLANTED_BPM if pilot == OTHER_PILOT else 61,)
        )
        made.gateway.store.commit(Commit(readings, (), (), dict.fromkeys(edges, Counts(1, 1))))
        made.gateway.steward._gate = gate
        made.clock[0] = T1_US + 1
        yield made


ASK = "/api/v1/indicators/daily?metric=heart_rate&from=-3d"
FORMS = ("application/json", "text/csv", "application/vnd.apache.arrow.stream")


@pytest.mark.parametrize("form", FORMS)
def test_a_company_gets_its_own_pilot_and_no_byte_of_another(here: House, form: str) -> None:
    told = here.ask("GET", ASK, here.cookie("company"), headers={"Accept": form})
    assert told.status_code == 200
    for marker in (OTHER_PILOT, str(PLANTED_BPM), TOGETHER, OTHER_PILOT + "-home"):
        assert marker.encode() not in told.content.replace(b"*/*", b""), marker
    assert PILOT.encode() in told.content
    other = here.ask("GET", f"{ASK}&pilot={OTHER_PILOT}", here.cookie("company"))
    none = here.ask("GET", f"{ASK}&pilot=none", here.cookie("company"))
    assert other.status_code == none.status_code == 404
    assert other.text.replace(OTHER_PILOT, "X") == none.text.replace("none", "X")


def test_each_form_says_the_same(here: House) -> None:
    cookie = here.cookie("operator")
    said = {form: here.ask("GET", ASK, cookie, headers={"Accept": form}) for form in FORMS}
    document = said[FORMS[0]].json()
    rows = [document[name] for name in ("day_us", "pilot", "people", "mean", "suppressed")]
    assert [row[-3:] for row in rows] == [
        [T0_US] * 3, [PILOT, OTHER_PILOT, TOGETHER], [10, 10, 20], [61.0, 237.0, 149.0], [""] * 3,
    ]  # fmt: skip
    assert [row[0] for row in rows] == [T0_US - DAY_US, PILOT, None, None, "few"]
    assert (document["unit"], document["minimum_people"]) == ("/min", 10)
    table = pa.ipc.open_stream(io.BytesIO(said[FORMS[2]].content)).read_all()
    assert [column.to_pylist() for column in table.columns] == rows
    assert said[FORMS[1]].text.splitlines()[1:] == [
        ",".join("" if x is None else str(x) for x in row) for row in zip(*rows, strict=True)
    ]


def test_a_city_sees_across_its_own_pilots(here: House) -> None:
    document = here.ask("GET", ASK, here.cookie("city")).json()
    assert (set(document["pilot"]), document["mean"][-1]) == ({PILOT}, 61.0)


@pytest.mark.parametrize(
    ("query", "field"),
    [("metric=none", "metric"), ("from=-500d", "from"), ("from=-1d&to=-2d", "from")],
)
def test_what_cannot_be_answered_is_said(here: House, query: str, field: str) -> None:
    path = f"/api/v1/indicators/daily?{query}" + ("" if "metric" in query else "&metric=heart_rate")
    answer = here.ask("GET", path, here.cookie("operator"))
    assert (answer.status_code, answer.json()["field"]) == (422, field)


def test_a_store_without_summaries_says_the_same() -> None:
    gate = gate_of({"a": 10})
    shelf = shelf_of(gate)
    whole = cells(gate, shelf)
    shelf.device_days = None  # type: ignore[assignment,method-assign]
    assert cells(gate, shelf) == whole
    assert len(shelf.asked) == 10
