"""Groups by day: of ten people at least, told once, nothing by subtraction or without consent."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from door_kit import House, house
from gateway_kit import EDGE, OTHER_EDGE, OTHER_PILOT, PILOT, T0_US, birth, channel, hr_frame
from vointi_contract.status import DeviceInfo
from vointi_gateway.errors import UnknownSeriesError
from vointi_gateway.pilots.consent.state import FOREVER, ConsentState, Status
from vointi_gateway.pilots.database import Database
from vointi_gateway.pilots.gate import Gate, Loan, Rules
from vointi_gateway.pilots.indicators import DAY_US, TOGETHER, Cell, Indicators, blunt
from vointi_gateway.pilots.published import Figure, Published
from vointi_gateway.pilots.rooms import Rooms
from vointi_gateway.store.model import Commit, Counts, DeviceDay, SeriesQuery, StoredReading
from vointi_gateway.store.model import Windows as Found

T1_US = T0_US + DAY_US
#: When the day that begins at T0_US is told.
SETTLED_US = T1_US + DAY_US
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


@pytest.fixture
def published(tmp_path: Path) -> Iterator[Published]:
    database = Database(tmp_path / "registry.db")
    database.open()
    yield Published(database)
    database.close()


@dataclass
class Ask:
    """Asks for a day, the one from T0_US on; each question is the first one, unless `told`."""

    published: Published
    now_us: int = SETTLED_US
    asked: int = 0

    def __call__(
        self,
        gate: Gate,
        shelf: Shelf,
        *,
        told: str = "",
        pilots: Sequence[str] = (),
        day_us: int = T0_US,
    ) -> dict[str, Cell]:
        self.asked += 1
        purpose = told or f"evaluation-{self.asked}"
        given = {
            who: {purpose: states["evaluation"]} if "evaluation" in states else states
            for who, states in gate.consents.items()
        }
        rules = {p: Rules({purpose: frozenset({"heart_rate"})}) for p in gate.rules}
        gate = replace(gate, consents=given, rules=rules)
        indicators = Indicators(
            *(shelf, gate, purpose, lambda: self.now_us, self.published)  # type: ignore[arg-type]
        )
        found = indicators.daily("heart_rate", day_us, day_us + DAY_US, pilots or list(rules))
        return {cell.pilot: cell for cell in found}


@pytest.fixture
def cells(published: Published) -> Ask:
    return Ask(published)


@pytest.mark.parametrize(("people", "told"), [(9, None), (10, 10), (14, 10), (15, 15)])
def test_fewer_than_ten_are_not_told_and_more_by_fives(
    cells: Ask, people: int, told: int | None
) -> None:
    gate = gate_of({"a": people})
    (cell,) = cells(gate, shelf_of(gate)).values()
    assert (cell.people, cell.mean) == (told, 60.0 if told else None)
    assert cell.suppressed == ("" if told else "few")


def test_a_person_counts_once_however_much_they_measure(cells: Ask) -> None:
    gate = gate_of({"a": 10})
    shelf = shelf_of(gate)
    second = Loan("a-home-0.strap-2", "a", "a-p-0", 0)
    gate = replace(gate, loans={**gate.loans, second.device: (second,)})
    shelf.values = {**shelf.values, second.device: 160.0}
    assert cells(gate, shelf)["a"].mean == 65.0, "(110 + 9 × 60) / 10"
    assert cells(gate_of({"a": 9}), shelf)["a"].suppressed == "few"


def test_one_home_and_two_who_are_nearly_all_are_not_told(cells: Ask) -> None:
    gate = gate_of({"a": 12})
    home = {f"home.strap-{i}": loans for i, loans in enumerate(gate.loans.values())}
    home = {d: (replace(loans[0], device=d),) for d, loans in home.items()}
    assert cells(replace(gate, loans=home), Shelf(dict.fromkeys(home, 1.0)))["a"].suppressed
    most = dict.fromkeys(gate.loans, 1.0) | {"a-home-0.strap-1": 60.0, "a-home-1.strap-1": 60.0}
    assert cells(gate, Shelf(most))["a"].suppressed == "few"


def test_all_together_is_made_of_what_is_told_and_of_nothing_else(cells: Ask) -> None:
    gate = gate_of({"a": 14, "b": 3, "c": 30})
    values = {"a": 60.0, "b": 200.0, "c": 90.0}
    shelf = Shelf({device: values[loan.pilot] for device, (loan,) in gate.loans.items()})
    found = cells(gate, shelf)
    assert {name: (c.people, c.mean, c.suppressed) for name, c in found.items()} == {
        "a": (10, 60.0, ""), "b": (None, None, "few"), "c": (30, 90.0, ""),
        TOGETHER: (40, 82.5, ""),
    }  # fmt: skip
    none = cells(gate_of({"a": 4, "b": 9}), shelf)
    assert {c.suppressed for c in none.values()} == {"few"}, "nine and four are thirteen"


def test_what_was_told_of_a_day_is_told_when_somebody_has_left(cells: Ask) -> None:
    gate = gate_of({"a": 14, "b": 20})
    shelf = shelf_of(gate)
    shelf.values = {**shelf.values, "a-home-0.strap-1": 200.0}
    before = cells(gate, shelf, told="evaluation", pilots=["a"])
    assert (before["a"].people, before["a"].mean) == (10, 80.0), "70, in steps of 20"
    left = {who: s for who, s in gate.consents.items() if who != ("a", "a-p-0")}
    after = replace(gate, consents=left)
    assert cells(after, shelf)["a"].mean == 60.0, "a first question would tell of them"
    assert cells(after, shelf, told="evaluation", pilots=["a"]) == before
    beside = cells(after, shelf, told="evaluation")
    assert (beside["a"], beside["b"].mean) == (before["a"], 60.0)
    assert beside[TOGETHER].mean == 66.7, "of 10 times 80 and 20 times 60"
    nobody = replace(gate, consents={})
    assert cells(nobody, shelf, told="evaluation") == beside


@pytest.mark.parametrize("others", [10, 12, 14, 33])
def test_a_day_on_which_one_joined_tells_one_bit_of_them_at_most(cells: Ask, others: int) -> None:
    """Whoever knows that the others measure the same each day subtracts, for every value of one."""
    cells.now_us = SETTLED_US + DAY_US
    gate = gate_of({"a": others + 1})
    *known, joined = gate.loans
    values = {device: 60.0 + i * 20 / (others - 1) for i, device in enumerate(known)}
    given = {"evaluation": ConsentState(Status.GIVEN, ((T1_US, FOREVER),))}
    who = (gate.loans[joined][0].pilot, gate.loans[joined][0].person)
    gate = replace(gate, consents={**gate.consents, who: given})
    guesses = set()
    for bpm in range(60, 81):
        shelf = Shelf({**values, joined: float(bpm)})
        world = f"evaluation-of-{bpm}"
        days = [cells(gate, shelf, told=world, day_us=day)["a"] for day in (T0_US, T1_US)]
        assert not any(day.suppressed for day in days)
        before, after = (day.mean or 0.0 for day in days)
        guesses.add((others + 1) * after - others * before)
    assert len(guesses) <= 2, "three digits of a mean give them away to the beat"


@pytest.mark.parametrize("seed", range(20))
def test_no_value_among_the_others_can_be_told_from_most_others(seed: int) -> None:
    random = np.random.default_rng(seed)
    others = random.normal(100, 30, random.integers(9, 60)) * 10.0 ** random.integers(-4, 5)
    low, high, people = others.min(), others.max(), (len(others) + 1) // 5 * 5
    means = (float((others.sum() + x) / (len(others) + 1)) for x in np.linspace(low, high, 200))
    assert len({blunt(mean, float(high - low), people) for mean in means}) <= 2


@pytest.mark.parametrize(
    ("mean", "spread", "people", "told"),
    [
        (72.34, 0.0, 10, 72.3),
        (72.34, 40.0, 10, 70.0),
        (72.34, 40.0, 15, 70.0),
        (72.34, 40.0, 40, 72.0),
        (36.53, 1.2, 10, 36.6),
        (-0.0123, 0.1, 10, -0.01),
        (4321.0, 9000.0, 20, 4500.0),
        (12_345.0, 100.0, 10, 12_300.0),
    ],
)
def test_a_mean_is_told_in_steps_of_what_one_person_moves(
    mean: float, spread: float, people: int, told: float
) -> None:
    assert blunt(mean, spread, people) == told


def test_who_was_faster_is_right(published: Published) -> None:
    day = (T0_US, "a")
    published.tell("evaluation", "heart_rate", {day: Figure(10, 60.0)})
    published.tell("evaluation", "heart_rate", {day: Figure(15, 61.0)})
    told = published.told("evaluation", "heart_rate", T0_US, T1_US)
    assert told == {day: Figure(10, 60.0)}
    assert not published.told("evaluation", "heart_rate", T0_US - DAY_US, T0_US)
    assert not published.told("evaluation", "spo2", T0_US, T1_US)
    assert not published.told("care", "heart_rate", T0_US, T1_US)


def test_a_group_that_was_too_small_is_told_when_late_readings_made_it_large(cells: Ask) -> None:
    gate = gate_of({"a": 10})
    late = Shelf(dict.fromkeys(list(gate.loans)[1:], 60.0))
    assert cells(gate, late, told="evaluation")["a"].suppressed == "few"
    assert cells(gate, shelf_of(gate), told="evaluation")["a"].people == 10


def test_a_day_is_told_when_homes_without_a_connection_had_a_day_to_deliver(cells: Ask) -> None:
    gate = gate_of({"a": 10, "b": 10})
    cells.now_us = SETTLED_US - 1
    assert {c.suppressed for c in cells(gate, shelf_of(gate)).values()} == {"open"}
    cells.now_us = SETTLED_US
    assert {c.suppressed for c in cells(gate, shelf_of(gate)).values()} == {""}


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"status": Status.WITHDRAWN, "spans": ()}, "withdrawn"),
        ({"spans": ((0, T0_US),)}, "given for another time"),
        ({"expires_us": T0_US}, "expired"),
    ],
)
def test_whoever_does_not_agree_is_in_no_group(
    cells: Ask, changes: dict[str, Any], why: str
) -> None:
    gate = gate_of({"a": 10})
    who, given = next(iter(gate.consents.items()))
    other = {**gate.consents, who: {"evaluation": replace(given["evaluation"], **changes)}}
    assert cells(replace(gate, consents=other), shelf_of(gate))["a"].suppressed == "few", why
    care = {**gate.consents, who: {"care": given["evaluation"]}}
    assert cells(replace(gate, consents=care), shelf_of(gate))["a"].suppressed == "few"


def test_a_day_on_which_it_begins_counts_from_then_on(cells: Ask) -> None:
    noon = T0_US + DAY_US // 2
    gate = gate_of({"a": 10}, spans=((noon, FOREVER),))
    shelf = shelf_of(gate)
    assert cells(gate, shelf)["a"].people == 10
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
        made.clock[0] = SETTLED_US + 1
        yield made


ASK = f"/api/v1/indicators/daily?metric=heart_rate&from=-4d&to={T1_US // 1_000_000}"
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


def test_a_store_without_summaries_says_the_same(cells: Ask) -> None:
    gate = gate_of({"a": 10})
    shelf = shelf_of(gate)
    whole = cells(gate, shelf)
    shelf.device_days = None  # type: ignore[assignment,method-assign]
    assert cells(gate, shelf) == whole
    assert len(shelf.asked) == 10


# ---- rooms of service points

HALL, WINDOW, BEDROOM = f"{OTHER_EDGE}.hall", f"{OTHER_EDGE}.window", f"{EDGE}.bedroom"
ROOM = "/api/v1/indicators/daily?from=-4d"


@dataclass
class Hours:
    """A store with one device's values by hour from T0_US on."""

    high: Sequence[float]

    def windows(self, query: SeriesQuery, _window_us: int) -> Found:
        assert (query.from_us, query.to_us) == (T0_US, T0_US + 2 * DAY_US)
        t_us = T0_US + np.arange(len(self.high)) * 3_600_000_000
        high = np.array(self.high)
        return Found(t_us, np.ones(len(high), int), high - 1, high - 2, high, "1m")


def test_of_a_counter_a_day_has_how_many_came_also_when_it_began_anew() -> None:
    rooms = Rooms(Hours([*range(102, 126), 130, 3, 5]), {"b": ["point.door"]})  # type: ignore[arg-type]
    days = rooms.daily("people_in", T0_US, T0_US + 2 * DAY_US)
    assert [(cell.day_us, cell.mean) for cell in days] == [(T0_US, 25.0), (T1_US, 10.0)]


@pytest.fixture(scope="module")
def rooms(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A service point with two devices in its room, and a home with one in its bedroom."""
    with house(tmp_path_factory.mktemp("rooms")) as made:
        gateway, values = made.gateway, {HALL: 600.0, WINDOW: 500.0, BEDROOM: float(PLANTED_BPM)}
        for edge, role in ((EDGE, "home"), (OTHER_EDGE, "service_point")):
            names = [one.partition(".")[2] for one in values if one.startswith(edge)]
            devices = tuple(DeviceInfo(n, "bthome-v2", "room", None, ()) for n in names)
            born = replace(birth(edge), role=role, devices=devices)  # type: ignore[arg-type]
            gateway.fleet.born(born)
            gateway.steward.born(born)
        gateway.steward.refresh()
        readings = tuple(
            StoredReading(
                gateway.fleet.pilot_of(edge) or "", edge,
                replace(hr_frame(1), device=name, stream="air", channels=(channel("co2", [v]),)),
                T0_US, None, frozenset({"evaluation"}),
            )
            for (edge, _, name), v in ((one.partition("."), v) for one, v in values.items())
        )  # fmt: skip
        counts = {EDGE: Counts(1, 1), OTHER_EDGE: Counts(2, 2)}
        gateway.store.commit(Commit(readings, (), (), counts))
        made.clock[0] = T1_US + 1
        yield made


def test_the_air_of_a_service_point_is_told_and_that_of_a_home_never(rooms: House) -> None:
    document = rooms.ask("GET", f"{ROOM}&metric=co2", rooms.cookie("operator")).json()
    assert {name: document[name][-1] for name in ("day_us", "pilot", "people", "mean")} == {
        "day_us": T0_US, "pilot": OTHER_PILOT, "people": None, "mean": 550.0,
    }  # fmt: skip
    assert set(document["pilot"]) == {OTHER_PILOT}
    assert (document["suppressed"][0], document["suppressed"][-1]) == ("none", "")
    assert document["minimum_people"] == 0
    for role in ("company", "city"):
        other = rooms.ask("GET", f"{ROOM}&metric=co2", rooms.cookie(role)).json()
        assert other["pilot"] == [], "the first pilot is a home's"
    own = rooms.ask("GET", f"{ROOM}&metric=co2&pilot={OTHER_PILOT}", rooms.cookie("rival")).json()
    assert own["mean"][-1] == 550.0


def test_what_somebody_ever_wore_is_no_room(rooms: House) -> None:
    gate = rooms.gateway.steward.gate()
    worn = {HALL: (Loan(HALL, OTHER_PILOT, "p-1", 0, 1),)}
    rooms.gateway.steward._gate = replace(gate, loans={**gate.loans, **worn})
    try:
        document = rooms.ask("GET", f"{ROOM}&metric=co2", rooms.cookie("operator")).json()
    finally:
        rooms.gateway.steward._gate = gate
    assert document["mean"][-1] == 500.0
