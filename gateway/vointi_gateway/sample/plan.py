"""Who takes part in what: pilots, people by pseudonym, sites, devices on loan, consents."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from ..errors import RegistryError
from ..pilots.document import PURPOSES, Collect, Company, Indicator, Period, PilotDocument, Site
from .draw import Draw

CITIES = ("Helsinki", "Tampere", "Oulu", "Vantaa")
#: 2026-06-01T00:00:00Z: the day after the last one of the data set.
UNTIL_US = 1_780_272_000_000_000
DAY_US = 86_400_000_000
LANGUAGES = ("fi", "fi", "fi", "fi", "fi", "fi", "fi", "sv", "sv", "en")
#: One pilot in so many is a service point; the others are in homes.
SERVICE_POINTS = 5
#: Households of two are so many of all.
_COUPLES = 0.3
_AGREE = {"care": 0.97, "evaluation": 0.85, "open_data": 0.4}
BODY = ("heart_rate", "rmssd", "respiratory_rate", "steps")
ROOM = ("room_temperature", "room_humidity", "co2")
VISITS = ("people_in", "people_out")
_IDEAS = (
    ("sleep", "Calmer nights", "rmssd"),
    ("walk", "A walk each day", "steps"),
    ("heart", "Exercise that fits", "heart_rate"),
    ("breath", "Breathing space", "respiratory_rate"),
    ("air", "Air to sleep in", "co2"),
    ("summer", "Cool in a heat wave", "room_temperature"),
    ("together", "Moving together", "steps"),
)


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody simulated. `purposes`: agreed to; `withdrawn`: those of them taken back since."""

    pilot: str
    person: str
    language: str
    joined_us: int
    purposes: tuple[str, ...]
    withdrawn: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Device:
    """A device by its global id; with `person` from `from_us` on, until `to_us` or still."""

    device: str
    edge: str
    model: str
    kind: Literal["wearable", "room", "service_point"]
    pilot: str
    metrics: tuple[str, ...]
    person: str | None = None
    from_us: int = 0
    to_us: int | None = None


@dataclass(frozen=True, slots=True)
class Sample:
    """The whole data set but for its readings."""

    seed: int
    weeks: int
    pilots: tuple[PilotDocument, ...]
    people: tuple[Person, ...]
    devices: tuple[Device, ...]

    @property
    def start_us(self) -> int:
        """The first day's begin, UTC µs."""
        return UNTIL_US - self.weeks * 7 * DAY_US


def plan(seed: int, *, pilots: int = 35, people: int = 1500, weeks: int = 3) -> Sample:
    """The data set of a seed. Raises RegistryError for sizes that make none."""
    for value, key, least in ((pilots, "pilots", 1), (people, "people", 0), (weeks, "weeks", 1)):
        if value < least:
            raise RegistryError(key, f"{value}; use {least} or more")
    made: list[PilotDocument] = []
    persons: list[Person] = []
    devices: list[Device] = []
    homes = [n for n in range(pilots) if not _is_service_point(n)]
    for number in range(pilots):
        share = 0
        if number in homes:
            at = homes.index(number)
            share = people * (at + 1) // len(homes) - people * at // len(homes)
        one = _Pilot(seed, number, weeks)
        persons += one.people(share)
        devices += one.devices()
        made.append(one.document())
    return Sample(seed, weeks, tuple(made), tuple(persons), tuple(devices))


def _is_service_point(number: int) -> bool:
    return number % SERVICE_POINTS == SERVICE_POINTS - 1


class _Pilot:
    """One pilot while it is made: its people first, then who has which device."""

    def __init__(self, seed: int, number: int, weeks: int) -> None:
        self._seed, self._weeks = seed, weeks
        self._service_point = _is_service_point(number)
        self._draw = Draw(seed, "pilot", number)
        self.city = CITIES[number % len(CITIES)]
        self._idea = ("point", "An easier visit", "people_in")
        if not self._service_point:
            self._idea = self._draw.pick(_IDEAS)
        self.id = f"{self.city.lower()}-{self._idea[0]}-{number + 1}"
        self._homes: list[list[Person]] = []

    def people(self, share: int) -> Iterator[Person]:
        """So many people in households of one or two."""
        for number in range(share):
            made = self._person(number)
            joins = self._homes and len(self._homes[-1]) == 1 and self._draw.chance(_COUPLES)
            if joins:
                self._homes[-1].append(made)
            else:
                self._homes.append([made])
            yield made
        if self._service_point:
            self._homes = [[] for _ in range(self._draw.whole(1, 3))]

    def _person(self, number: int) -> Person:
        draw = Draw(self._seed, "person", self.id, number)
        purposes = tuple(p for p in PURPOSES if draw.chance(_AGREE[p]))
        withdrawn = tuple(p for p in purposes if draw.chance(0.03))
        joined_us = self._start_us + draw.whole(0, 3) * DAY_US + draw.whole(8, 16) * 3_600_000_000
        language = draw.pick(LANGUAGES)
        return Person(self.id, f"p-{draw.hex(16)}", language, joined_us, purposes, withdrawn)

    def devices(self) -> Iterator[Device]:
        """A band for each person, a room sensor for each home, a counter for each service point."""
        for number, home in enumerate(self._homes, 1):
            edge = self._edge(number)
            for at, person in enumerate(home, 1):
                back = UNTIL_US - 3 * DAY_US if person.withdrawn == person.purposes else None
                yield Device(
                    *(f"{edge}.band-{at}", edge, "polar-h10", "wearable", self.id, BODY),
                    *(person.person, person.joined_us, back),
                )
            yield Device(f"{edge}.air-1", edge, "ruuvitag", "room", self.id, ROOM)
            if self._service_point:
                box = "vointi-service-point"
                yield Device(f"{edge}.door-1", edge, box, "service_point", self.id, VISITS)

    def document(self) -> PilotDocument:
        """The pilot's file."""
        company = self._draw.whole(1, 12)
        metrics = (*BODY, *ROOM, *(VISITS if self._service_point else ()))
        place = "Service point" if self._service_point else "Home"
        return PilotDocument(
            id=self.id,
            name=f"{self._idea[1]} (simulated)",
            kind="service_point" if self._service_point else "home",
            city=self.city,
            company=Company(f"company-{company}", f"Company {company} (simulated)"),
            purpose="Sample data: nobody is behind it",
            people="simulated",
            baseline=Period("2026-05-04", "2026-05-17"),
            intervention=Period("2026-05-18", "2026-05-31"),
            site=tuple(
                Site(f"{self.id}-{n}", f"{place} {n}", (self._edge(n),))
                for n in range(1, len(self._homes) + 1)
            ),
            indicator=(Indicator(self._idea[0], self._idea[1], self._idea[2]),),
            collect=(Collect(metrics, PURPOSES),),
        )

    @property
    def _start_us(self) -> int:
        return UNTIL_US - self._weeks * 7 * DAY_US

    def _edge(self, number: int) -> str:
        return f"{self.id}-{number}"
