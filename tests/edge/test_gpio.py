"""Buttons, beams, doors and motion: edges in, readings out, faults in plain words."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from edge_parts import Hub
from hypothesis import given
from hypothesis import strategies as st
from vointi_contract.frame import Quality
from vointi_edge.catalogue_wired import GPIO_LINES, WIRED_DECODERS
from vointi_edge.config_wired import Place
from vointi_edge.decoders.values import Decoded
from vointi_edge.sources.gpio.device import GpioDevice
from vointi_edge.sources.gpio.watchers import WATCHERS, Beams, Buttons, Switch
from vointi_edge.sources.ports import Assigned
from vointi_sim.service_point.gpio_pipe import GpioPipe
from wired_parts import FUZZED, assigned, context, running, until, values

BUTTONS = {"button_1": 17, "button_2": 27}
BEAMS = {"outer": 5, "inner": 6}
MS = 1_000_000


@pytest.fixture
def panel(tmp_path: Path) -> Iterator[GpioPipe]:
    pipe = GpioPipe(tmp_path / "panel.gpio", tuple(BUTTONS.values()))
    yield pipe
    pipe.close()


def device(
    pipe: GpioPipe, model: str = "gpio-feedback", lines: dict[str, int] = BUTTONS
) -> Assigned:
    return assigned(model, Place(gpio=pipe.path, lines=lines))


def test_every_decoder_of_the_catalogue_has_its_watcher() -> None:
    assert set(WIRED_DECODERS["gpio"]) == set(WATCHERS) == set(GPIO_LINES)


async def test_a_panel_that_appears_later_is_pressed_and_unplugged(panel: GpioPipe) -> None:
    hub = Hub()
    async with running(GpioDevice(device(panel), context(hub)).run()):
        await until(lambda: len(hub.links) > 0)
        said = "panel.gpio is not there; check the name and the device tree"
        assert hub.links[0] == ("it-1", "lost", said)
        panel.open("--dir")
        await until(lambda: hub.links[-1] == ("it-1", "connected", ""))
        panel.edge(27, True, age_ns=250 * MS)
        panel.edge(27, False)
        await until(lambda: len(hub.readings) == 1)
        (press,) = hub.readings
        assert (press.stream, values(press)) == ("feedback", {"feedback": 2})
        # Stamped when it happened, not when it was read.
        assert 250_000 <= 7_200_000_000 - press.mono_us < 3_000_000
        panel.close()
        await until(lambda: hub.links[-1][1] == "lost")
        panel.open("--dir")
        await until(lambda: hub.links[-1][1] == "connected")
        panel.edge(17, True)
        await until(lambda: len(hub.readings) == 2)
        assert hub.readings[1].quality == Quality.GAP_BEFORE


async def test_missed_edges_and_nonsense_are_counted_and_said(
    panel: GpioPipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vointi_edge.sources.gpio.device._CHECK_S", 0.02)
    hub = Hub()
    panel.open("--dir")
    async with running(GpioDevice(device(panel), context(hub)).run()):
        await until(lambda: len(hub.links) > 0)
        panel.edge(17, True)
        panel.skip(17, 4)
        panel.edge(17, False)
        panel.noise(bytes(48) + b"\xff" * 48)
        panel.edge(27, True, age_ns=-3600 * 1000 * MS)  # from the future
        await until(lambda: "missed" in hub.links[-1][2])
        await until(lambda: len(hub.refused) == 3)
        assert hub.links[-1] == ("it-1", "connected", "4 edges were missed")
        refused = "event: is no edge of these lines, or has no time"
        assert set(hub.refused) == {("it-1", "feedback", refused)}
        panel.edge(27, False)
        panel.edge(27, True)
        await until(lambda: len(hub.readings) == 2)
    assert [values(one)["feedback"] for one in hub.readings] == [1, 2]
    assert hub.readings[1].quality == Quality.GAP_BEFORE


async def test_a_door_that_is_open_at_the_start_is_told(tmp_path: Path) -> None:
    pipe = GpioPipe(tmp_path / "door.gpio", (13,))
    pipe.open("--dir")
    pipe.edge(13, True)
    hub = Hub()
    door = device(pipe, "gpio-contact", {"contact": 13})
    async with running(GpioDevice(door, context(hub)).run()):
        await until(lambda: bool(hub.links))
        pipe.listen()
        await until(lambda: len(hub.readings) == 1)
        pipe.edge(13, False)
        await until(lambda: len(hub.readings) == 2)
    assert [values(one)["contact"] for one in hub.readings] == [1, 0]
    pipe.close()


def test_a_press_counts_once_and_a_held_button_is_said() -> None:
    buttons = Buttons()
    assert buttons.start({"button_1": True, "button_2": False}, 0) is None
    at_ms = ((100, True), (103, False), (105, True), (300, False), (900, True), (950, False))
    told = [buttons.edge("button_2", active, 1000 * at) for at, active in at_ms]
    assert [one is not None for one in told] == [True, False, False, False, False, False]
    assert buttons.edge("button_2", True, 1_200_000) is not None
    assert buttons.trouble(59_000_000) == ""
    assert buttons.trouble(61_000_000) == "button 1 has been down for over a minute; free it"
    buttons.edge("button_1", False, 61_500_000)
    buttons.edge("button_2", False, 61_500_000)
    assert buttons.trouble(200_000_000) == ""


def people(beams: Beams, *edges: tuple[str, bool, int]) -> tuple[int, int]:
    last = beams.start({}, 0)
    for name, active, at_ms in edges:
        last = beams.edge(name, active, 1000 * at_ms) or last
    assert last is not None
    came, went, present = (int(one.values[0]) for one in last.channels)
    assert present == max(0, came - went)
    return came, went


def passage(first: str, second: str, at_ms: int) -> tuple[tuple[str, bool, int], ...]:
    return (
        (first, True, at_ms), (second, True, at_ms + 100),
        (first, False, at_ms + 250), (second, False, at_ms + 350),
    )  # fmt: skip


def test_two_beams_tell_the_direction() -> None:
    assert people(Beams(), *passage("outer", "inner", 0)) == (1, 0)
    assert people(Beams(), *passage("inner", "outer", 0)) == (0, 1)
    slow = passage("outer", "inner", 0)[:3]
    assert people(Beams(), *slow, ("inner", False, 45_000)) == (1, 0)  # talks in the door
    slim = (("outer", True, 0), ("outer", False, 90), ("inner", True, 200), ("inner", False, 290))
    assert people(Beams(), *slim) == (1, 0)


def test_who_turns_round_or_only_reaches_in_is_not_counted() -> None:
    turned = (("outer", True, 0), ("inner", True, 99), ("inner", False, 200), ("outer", False, 300))
    assert people(Beams(), *turned) == (0, 0)
    reached = (
        ("outer", True, 0),
        ("outer", False, 90),
        ("inner", True, 5000),
        ("inner", False, 5090),
    )
    assert people(Beams(), *reached) == (0, 0)


def test_a_blocked_beam_counts_nothing_and_is_said() -> None:
    beams = Beams()
    blocked = (("outer", True, 0), *((("inner", n % 2 == 1, 1000 * n)) for n in range(1, 9)))
    assert people(beams, *blocked, ("outer", False, 70_000)) == (0, 0)
    beams.edge("outer", True, 80_000_000)
    wanted = "the outer beam has been broken for over a minute; clean or realign it"
    assert beams.trouble(141_000_000) == wanted
    # Blocked before the edge started: nobody knows who passed.
    fresh = Beams()
    fresh.start({"outer": True, "inner": False}, 0)
    assert fresh.edge("inner", True, 1) is None
    assert fresh.edge("outer", False, 2) is None
    assert fresh.edge("inner", False, 3) is None


@FUZZED
@given(st.lists(st.sampled_from(["in", "out", "turn"]), max_size=12), st.integers(0, 2))
def test_any_order_of_passages_is_counted_exactly(moves: list[str], bounces: int) -> None:
    edges: list[tuple[str, bool, int]] = []
    for number, move in enumerate(moves):
        first, second = ("inner", "outer") if move == "out" else ("outer", "inner")
        at_ms = 2000 * number
        whole = passage(first, second, at_ms)
        if move == "turn":
            whole = (*whole[:2], (second, False, at_ms + 200), (first, False, at_ms + 300))
        for edge in whole:
            edges += [edge] * (1 + bounces)  # the same edge told again changes nothing
    assert people(Beams(), *edges) == (moves.count("in"), moves.count("out"))


@FUZZED
@given(
    st.lists(st.tuples(st.sampled_from(["outer", "inner"]), st.booleans(), st.integers(0, 10**9)))
)
def test_no_order_of_edges_makes_counts_go_back(edges: list[tuple[str, bool, int]]) -> None:
    beams = Beams()
    told: list[Decoded | None] = [beams.start({}, 0)]
    told += [beams.edge(*edge) for edge in edges]
    counts = [[int(c.values[0]) for c in one.channels] for one in told if one]
    assert all(sum(b[:2]) == sum(a[:2]) + 1 for a, b in pairwise(counts))


def test_a_switch_tells_what_differs_only() -> None:
    switch = Switch("motion")
    told = [switch.edge("motion", active, n) for n, active in enumerate((True, True, False, True))]
    assert [one is not None for one in told] == [True, False, True, True]
    assert switch.start({"motion": True}, 9) is None
    assert switch.start({"motion": False}, 10) is not None
    assert switch.trouble(10**12) == ""
