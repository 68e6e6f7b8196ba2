"""Devices that a scenario adds: asked for rightly or refused, and telling what is so."""

from __future__ import annotations

import asyncio
import struct
from pathlib import Path

import numpy as np
import pytest
from sim_central import wired
from vointi_sim import extras, scenario
from vointi_sim.clock import PacedClock
from vointi_sim.errors import ArgumentError
from vointi_sim.extras import Surroundings
from vointi_sim.physiology import Person
from vointi_sim.radio import Radio
from vointi_sim.service_point.room import Room, RoomSize
from vointi_sim.wearables import polar, wire_body, wire_room

ADDRESS = "C0:DE:00:00:00:11"
KEY = "231d39c1d7cc1ab1aee224cd096db932"


def table(**changes: object) -> dict[str, object]:
    base = {"kind": "ruuvi-air", "place": "home", "address": ADDRESS}
    return base | changes


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"kind": "toaster"}, "kind: 'toaster' is wrong; use one of body-scale"),
        ({"place": "garden"}, "place: 'garden' is wrong"),
        ({"kind": "arm-band", "place": "service_point"}, "place: a arm-band belongs to a person"),
        ({"address": "c0:de"}, "address: 'c0:de' is wrong; write C0:DE"),
        ({"key": KEY}, "key: is wrong; give 32 hex digits to bthome-sealed alone"),
        ({"kind": "bthome-sealed", "key": KEY[:-1]}, "key: is wrong"),
        ({"name": "x"}, "name: is unknown in a device; use kind, place"),
    ],
)
def test_what_is_wrong_is_said(changes: dict[str, object], said: str) -> None:
    with pytest.raises(ArgumentError, match=said):
        extras.parse(table(**changes))


def test_a_scenario_names_them_and_the_demo_has_none(tmp_path: Path) -> None:
    path = tmp_path / "s.toml"
    path.write_text(
        f'[[device]]\nkind = "bthome-sealed"\nplace = "service_point"\n'
        f'address = "{ADDRESS}"\nkey = "{KEY}"\n'
    )
    (extra,) = scenario.read(path).extras
    assert (extra.kind, extra.key.hex()) == ("bthome-sealed", KEY)
    path.write_text("seed = 3\n")
    assert scenario.read(path).extras == ()


def test_the_example_has_one_of_each_kind(root: Path) -> None:
    story = scenario.read(root / "firmware_sim" / "scenarios" / "more-devices.toml")
    assert sorted(extra.kind for extra in story.extras) == sorted(extras.KINDS)


async def test_every_kind_can_be_made_in_its_place() -> None:
    radio, clock = Radio(1), PacedClock()
    room = Room(1, RoomSize(50.0, 1.0), lambda _at_s: 1)
    wanted = [
        extras.parse(table(kind=kind, key=KEY if kind == "bthome-sealed" else ""))
        for kind in extras.KINDS
    ]
    made = extras.build(wanted, "home", Surroundings(radio, clock, room, Person(1)))
    assert len(made) == len(extras.KINDS)
    assert {device.address for device in made} == {ADDRESS}
    assert extras.build(wanted, "service_point", Surroundings(radio, clock, room)) == []


def test_format_6_is_ruuvi_s_published_vector() -> None:
    made = wire_room.ruuvi_6(
        temperature_cel=29.5,
        humidity_pct=55.3,
        pressure_hpa=1011.02,
        pm2_5=11.2,
        co2_ppm=201,
        voc_index=10,
        nox_index=2,
        light_lx=13026.67,
        sequence=205,
        address="CB:B8:33:4C:88:4F",
    )
    assert made.hex() == "06170c5668c79e007000c90501d9ffcd004c884f"


def test_encryption_is_that_of_the_published_example() -> None:
    plain = bytes.fromhex("4002ca0903bf13")
    made = wire_room.sealed_bthome(
        plain, key=bytes.fromhex(KEY), address="54:48:E6:8F:80:A5", counter=0x00112233
    )
    assert made.hex() == "41e445f3c9962b332211006c7c4519"


def test_light_is_packed_in_as_few_bits_as_it_needs() -> None:
    steady = np.full((30, 4), 470_000, dtype=np.int32)
    lively = steady + np.random.default_rng(1).integers(-300, 300, (30, 4)).astype(np.int32)
    assert len(wire_body.pmd_ppg(0, steady)) == 10 + 12 + 2 + 15  # one bit a difference
    assert len(wire_body.pmd_ppg(0, lively)) == 10 + 12 + 2 + (29 * 4 * 11 + 7) // 8
    assert wire_body.pmd_ppg(5, steady[:1])[1:9] == struct.pack("<Q", 5)


async def test_an_arm_band_offers_light_and_intervals() -> None:
    radio = Radio(3)
    (band,) = extras.build(
        [extras.parse(table(kind="arm-band"))],
        "home",
        Surroundings(radio, PacedClock(20.0), Room(3, RoomSize(50.0, 1.0), lambda _: 1), Person(3)),
    )
    await band.start()
    try:
        link = await (await wired(radio)).connect(ADDRESS, 517)
        answers, data = (
            await link.subscribe(polar.CONTROL_POINT),
            await link.subscribe(polar.DATA),
        )
        offer = await link.ask(polar.CONTROL_POINT, answers, "0101")
        assert offer == "f001010000" + "00013700" + "01011600" + "040104"
        start = "0201" + "00013700" + "01011600" + "040104"
        assert await link.ask(polar.CONTROL_POINT, answers, start) == "f002010000"
        assert await link.ask(polar.CONTROL_POINT, answers, start) == "f0020106"
        assert await link.ask(polar.CONTROL_POINT, answers, "0201" + "040103") == "f002010b"
        assert await link.ask(polar.CONTROL_POINT, answers, "0100") == "f0010002"
        assert await link.ask(polar.CONTROL_POINT, answers, "0203") == "f002030000"
        seen: set[int] = set()
        async with asyncio.timeout(10):
            while seen != {1, 3}:
                seen.add((await data.get())[0])
        assert await link.ask(polar.CONTROL_POINT, answers, "0301") == "f003010000"
    finally:
        await band.stop()
