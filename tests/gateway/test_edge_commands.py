"""Orders to edges: sent when they are online, a few at a time, and none after one that failed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from gateway_kit import state
from vointi_contract.command import Command, CommandResult, verify_command
from vointi_contract.topics import parse
from vointi_gateway.courier import Courier
from vointi_gateway.errors import ConflictError
from vointi_gateway.fleet import Fleet
from vointi_gateway.pilots.commands import AWAY_S, UPDATE_S
from vointi_gateway.pilots.registry import Registry
from vointi_gateway.settings import PilotSettings

EDGES = ("edge-1", "edge-2", "edge-3", "edge-4")
UPDATE = {"url": "/api/v1/releases/00/file", "sha256": "00"}


@dataclass
class Post:
    """A registry, edges that are online, and what was sent to them."""

    registry: Registry
    fleet: Fleet
    clock: list[int]
    sent: list[Command] = field(default_factory=list)
    works: bool = True

    def step(self) -> list[tuple[str, str]]:
        """Carry what is due; to whom what was sent."""
        before = len(self.sent)
        Courier(self.registry, self.fleet, lambda edge: edge != "not-mine").step(self._send)
        return [(one.edge, one.kind) for one in self.sent[before:]]

    def _send(self, topic: str, payload: bytes) -> bool:
        if self.works:
            command = verify_command(payload, (self.registry.key.private.public_key(),))
            address = parse(topic)
            assert (address.kind, address.edge) == ("cmd", command.edge)
            self.sent.append(command)
        return self.works

    def answer(self, outcome: Any, edge: str = "", **details: Any) -> None:
        of = [one for one in self.sent if one.edge == edge] if edge else self.sent
        result = CommandResult(of[-1].edge, of[-1].number, of[-1].kind, outcome, "why", details)
        self.registry.commands.answered(result)

    def state(self, edge: str = "edge-1") -> str:
        return self.registry.commands.newest()[edge].state

    def roll_out(self, at_a_time: int, *edges: str) -> None:
        self.registry.commands.roll_out(
            edges or EDGES, "2", UPDATE, at_a_time=at_a_time, actor="test"
        )


@pytest.fixture
def post(tmp_path: Path) -> Iterator[Post]:
    clock = [1_780_272_000_000_000]
    registry = Registry(tmp_path, lambda: clock[0])
    registry.open()
    fleet = Fleet((PilotSettings("pilot-a", "A", "home", "Espoo", EDGES, "simulated"),))
    for edge in EDGES:
        fleet.state(state(edge))
    yield Post(registry, fleet, clock)
    registry.close()


def test_a_command_goes_once_and_its_answer_is_kept(post: Post) -> None:
    commands = post.registry.commands
    asked = commands.ask("edge-1", "rate_cap", {"bytes_per_s": 5}, actor="test")
    assert (post.step(), post.step()) == ([("edge-1", "rate_cap")], [])
    assert post.sent[0].arguments == {"bytes_per_s": 5}
    assert commands.get(asked.id).arguments == {}, "what was sent is not kept"
    post.answer("done", queue=3)
    post.answer("refused")
    kept = commands.get(asked.id)
    assert (kept.state, kept.details, kept.is_open) == ("done", {"queue": 3}, False)
    commands.ask("edge-1", "resend", {}, actor="test")
    post.step()
    assert post.sent[1].number > post.sent[0].number >= post.clock[0] // 1_000_000
    rows = [(row.kind, row.facts.get("command")) for row in post.registry.audit.rows()]
    assert rows[:2] == [("edge.command", "rate_cap"), ("edge.answer", "rate_cap")]


def test_it_waits_for_its_edge_and_for_the_broker(post: Post) -> None:
    commands = post.registry.commands
    commands.ask("edge-1", "config", {"text": "edge = 1"}, actor="test")
    post.fleet.state(state("edge-1", online=False))
    assert post.step() == []
    post.fleet.state(state("edge-1"))
    post.works = False
    assert (post.step(), post.state()) == ([], "asked")
    post.works = True
    assert (post.step(), post.sent[0].arguments) == ([("edge-1", "config")], {"text": "edge = 1"})


def test_a_configuration_that_names_who_was_erased_is_not_sent(post: Post) -> None:
    commands = post.registry.commands
    commands.ask("edge-1", "config", {"text": 'person = "p-7f3a"'}, actor="test")
    commands.ask("edge-2", "config", {"text": 'person = "p-9999"'}, actor="test")
    commands.forget("p-7f3a")
    assert post.step() == [("edge-2", "config")]
    assert commands.newest()["edge-1"].arguments == {}


def test_numbers_rise_above_those_of_a_registry_that_was_restored(post: Post) -> None:
    for _ in range(3):
        post.registry.commands.ask("edge-1", "resend", {}, actor="test")
    post.step()
    assert [c.number - post.sent[0].number for c in post.sent] == [0, 1, 2]
    with post.registry.database.write() as con:
        con.execute("DELETE FROM command")
    post.clock[0] += 60_000_000
    post.registry.commands.ask("edge-1", "resend", {}, actor="test")
    post.step()
    assert post.sent[-1].number > post.sent[-2].number


def test_a_release_goes_to_a_few_at_a_time(post: Post) -> None:
    post.roll_out(2)
    assert [edge for edge, _ in post.step()] == ["edge-1", "edge-2"]
    assert post.step() == []
    post.registry.commands.fetched("edge-1", "00")
    assert (post.state("edge-1"), post.step()) == ("fetched", [])
    post.answer("done", "edge-1", version="0.2")
    assert [edge for edge, _ in post.step()] == ["edge-3"]
    with pytest.raises(ConflictError, match="edge-2 has an update before it"):
        post.roll_out(1, "edge-1", "edge-2")
    assert post.state("edge-1") == "done", "nothing of it was kept"
    assert post.registry.commands.wanted("00") == ["edge-2", "edge-3", "edge-4"]


@pytest.mark.parametrize(
    ("outcome", "details", "said"),
    [
        ("failed", {"rolled_back": True}, "rolled back"),
        ("failed", {}, "failed"),
        ("refused", {}, "refused"),
    ],
)
def test_the_rest_stops_when_one_does_not_serve(
    post: Post, outcome: str, details: dict[str, Any], said: str
) -> None:
    post.roll_out(1)
    post.step()
    post.answer(outcome, **details)
    assert (post.state("edge-1"), post.step()) == (said, [])
    newest = post.registry.commands.newest()
    assert {newest[edge].state for edge in EDGES[1:]} == {"stopped"}
    assert newest["edge-4"].reason == f"edge-1: {said}"
    post.roll_out(4)
    assert len(post.step()) == 4, "a new one begins anew"


def test_one_that_is_away_holds_nobody_up_and_one_that_is_silent_stops_the_rest(post: Post) -> None:
    post.fleet.state(state("edge-1", online=False))
    post.roll_out(1)
    assert [edge for edge, _ in post.step()] == ["edge-2"]
    post.clock[0] += (UPDATE_S + 1) * 1_000_000
    post.step()
    assert [post.state(edge) for edge in EDGES] == ["stopped", "unanswered", *["stopped"] * 2]
    post.registry.commands.ask("edge-1", "resend", {}, actor="test")
    post.clock[0] += (AWAY_S + 1) * 1_000_000
    post.step()
    assert post.state("edge-1") == "unanswered"


def test_what_was_not_begun_can_be_taken_back(post: Post) -> None:
    post.roll_out(1)
    post.step()
    assert post.registry.commands.stop(EDGES, actor="test") == 3
    assert [post.state(edge) for edge in EDGES] == ["sent", *["stopped"] * 3]


def test_what_an_edge_runs_is_kept_as_it_says(post: Post) -> None:
    commands = post.registry.commands
    for version in ("0.1", "0.1", "0.2"):
        commands.runs("edge-1", version)
    assert commands.versions() == {"edge-1": "0.2"}
    rows = post.registry.database.rows("SELECT * FROM edge_version")
    assert len(rows) == 1
