"""Births that name who was erased: held without the name, and taken from the broker in time."""

from __future__ import annotations

import logging

import pytest
from gateway_kit import EDGE, PILOT, birth
from vointi_contract.topics import EdgeTopics
from vointi_gateway.fleet import Fleet
from vointi_gateway.settings import PilotSettings
from vointi_gateway.unnaming import Unnaming

META = EdgeTopics(PILOT, EDGE).meta
PERSON = "p-7f3a"


class Ward:
    """A fleet, whoever was erased, a clock, and what was taken from the broker."""

    def __init__(self) -> None:
        self.fleet = Fleet([PilotSettings(PILOT, "A", "Espoo", "home", (EDGE,))])
        self.gone: set[tuple[str, str]] = set()
        self.now_s, self.reachable, self.mine = 100.0, True, True
        self.cleared: list[str] = []
        self.unnaming = Unnaming(
            self.fleet, lambda: self.gone, lambda _edge: self.mine, lambda: self.now_s
        )

    def say(self) -> None:
        self.fleet.born(birth(EDGE))
        self.unnaming.took(PILOT, birth(EDGE))

    def people(self) -> set[str | None]:
        view = self.fleet.edge(EDGE)
        assert view is not None
        return {one.person for one in view.devices}

    def step(self, seconds: float = 0.0) -> list[str]:
        self.now_s += seconds
        self.unnaming.step(self._clear)
        done, self.cleared = self.cleared, []
        return done

    def _clear(self, topic: str) -> bool:
        self.cleared += [topic] if self.reachable else []
        return self.reachable


@pytest.fixture
def ward() -> Ward:
    return Ward()


def test_who_is_there_is_named(ward: Ward) -> None:
    ward.gone = {("another-pilot", PERSON)}
    ward.say()
    ward.unnaming.look()
    assert PERSON in ward.people()
    assert ward.step(60) == []


def test_who_was_erased_is_neither_held_nor_kept(
    ward: Ward, caplog: pytest.LogCaptureFixture
) -> None:
    ward.say()
    ward.gone = {(PILOT, PERSON)}
    with caplog.at_level(logging.WARNING):
        ward.unnaming.look()
        assert PERSON not in ward.people()
        assert ward.step(1) == []
        assert ward.step(1) == [META]
        assert ward.step(60) == []
        ward.say()  # its next session
        assert PERSON not in ward.people()
        assert ward.step(2) == [META]
    assert len(caplog.records) == 1
    assert PERSON not in caplog.text


def test_an_edge_that_replaces_its_birth_keeps_it(ward: Ward) -> None:
    ward.say()
    ward.gone = {(PILOT, PERSON)}
    ward.unnaming.look()
    ward.step(1)
    unnamed = ward.fleet.edge(EDGE)
    assert unnamed is not None
    assert unnamed.birth is not None
    ward.unnaming.took(PILOT, unnamed.birth)
    assert ward.step(60) == []


def test_what_could_not_be_taken_away_is_tried_again_by_whose_it_is(ward: Ward) -> None:
    ward.gone, ward.reachable = {(PILOT, PERSON)}, False
    ward.say()
    assert ward.step(10) == []
    ward.reachable = True
    assert ward.step() == [META]
    ward.mine = False
    ward.say()
    assert ward.step(10) == []
