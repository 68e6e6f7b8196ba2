"""Devices that pair: the bond is made, kept, and made again where one side lost it."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest
from dbus_fast import Message, Variant
from radio_home import Scene
from virtual_time import run_virtual
from vointi_edge.config import DeviceConfig
from vointi_edge.sources.ble.bonds import Bonds
from vointi_edge.sources.ble.gatt import _PAIR_AFTER, GattDevice
from vointi_edge.sources.ble.pairing import PATH, PairingAgent
from vointi_sim.clock import PacedClock
from vointi_sim.extras import Extra
from vointi_sim.places import home

CUFF = "C0:DE:00:00:00:1B"
DEVICE = "/org/bluez/hci0/dev_C0_DE_00_00_00_1B"


def test_a_cuff_is_paired_and_paired_again_when_it_forgot() -> None:
    async def story() -> None:
        clock = PacedClock(1.0, asyncio.get_running_loop().time)
        place = home(clock, 1, [Extra("bonding-cuff", "home", CUFF, b"")])
        cuff: Any = next(device for device in place.devices if device.address == CUFF)
        only = (DeviceConfig("cuff-1", "ble-bp-cuff", CUFF, None, None),)
        async with Scene(place=place, devices=only) as scene:
            await scene.more("cuff-1", "pressure", by=1)
            keys = await cuff.device.keystore.get_all()
            assert len(keys) == 1
            await scene.fault("drop", device=CUFF)
            await scene.more("cuff-1", "pressure", by=1)
            assert str(await cuff.device.keystore.get_all()) == str(keys)  # known by its key
            await scene.fault("bond", device=CUFF, does="lose")
            await scene.fault("bond", device=CUFF, does="refuse")
            await scene.fault("drop", device=CUFF)
            await scene.until(lambda: scene.hub.note("cuff-1")[0] == "lost")
            counted = scene.hub.counts["cuff-1", "pressure"]
            await asyncio.sleep(120)
            assert scene.hub.counts["cuff-1", "pressure"] == counted
            await scene.fault("bond", device=CUFF, does="accept")
            await scene.more("cuff-1", "pressure", timeout_s=120, by=1)
            assert len(await cuff.device.keystore.get_all()) == 1

    run_virtual(story())


def asked(member: str, path: str = DEVICE, interface: str = "org.bluez.Agent1") -> Message:
    return Message(
        destination=":1.2", path=PATH, interface=interface, member=member, signature="o",
        body=[path], serial=7, sender=":1.1",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("message", "error"),
    [
        (asked("RequestAuthorization"), None),
        (asked("RequestAuthorization", DEVICE.replace("1B", "1C")), "org.bluez.Error.Rejected"),
        (asked("RequestAuthorization", "/org/bluez/hci0"), "org.bluez.Error.Rejected"),
        (asked("RequestConfirmation"), "org.bluez.Error.Rejected"),  # nobody sees the number
        (asked("RequestPinCode"), "org.bluez.Error.Rejected"),
        (asked("Cancel"), None),
    ],
)
def test_only_assigned_devices_are_paired_and_only_without_a_number(
    message: Message, error: str | None
) -> None:
    agent = PairingAgent()
    agent.admit({CUFF}.__contains__)
    answer = agent.answer(message)
    assert answer is not None
    assert answer.error_name == error


def test_what_is_not_meant_for_the_agent_is_left_to_others() -> None:
    assert PairingAgent().answer(asked("Cancel", interface="org.bluez.Profile1")) is None


class FakeBluez:
    """Answers as bluetoothd does; `connects` are its answers to Connect, in order."""

    def __init__(self, bonded: bool, *connects: str) -> None:
        self.told: list[str] = []
        self._bonded = bonded
        self._connects = list(connects)

    async def call(self, _adapter: str, message: Message) -> Message:
        message.serial = len(self.told) + 1
        message.sender = ":1.1"
        if message.member == "Get":
            return Message.new_method_return(message, "v", [Variant("b", self._bonded)])
        self.told.append(str(message.member))
        if message.member == "Connect" and (text := self._connects.pop(0)):
            return Message.new_error(message, "org.bluez.Error.Failed", text)
        return Message.new_method_return(message)


ABORTED = "le-connection-abort-by-local"


@pytest.mark.parametrize(
    ("bluez", "refused", "told"),
    [
        (FakeBluez(True, *[ABORTED] * 3), True, ["Connect"] * 3 + ["Disconnect"]),
        (FakeBluez(True, ABORTED, ""), False, ["Connect", "Connect", "Disconnect"]),
        (FakeBluez(True, "br-connection-canceled"), False, ["Connect", "Disconnect"]),
        (FakeBluez(False), False, []),
    ],
)
async def test_a_bond_is_lost_where_every_link_is_ended_at_once(
    bluez: FakeBluez, refused: bool, told: list[str]
) -> None:
    assert await Bonds(bluez.call).refused("hci0", CUFF.lower()) is refused
    assert bluez.told == told


def test_one_link_that_ends_is_chance_two_or_a_silent_one_may_be_a_declined_pairing() -> None:
    for cuts, asked in (([True], False), ([True, True], True), ([False], True)):
        device = GattDevice(*assigned_cuff())
        for cut in cuts:
            link = SimpleNamespace(lost=asyncio.Event(), where="hci0 slot 1 of 5")
            if cut:
                link.lost.set()
            said = device._no_use(cast(Any, link), TimeoutError(), declined=False)
            assert ("link lost" in said) is cut
        assert (device._fruitless >= _PAIR_AFTER) is asked
        assert "declines" in device._no_use(cast(Any, link), TimeoutError(), declined=True)


def assigned_cuff() -> Any:
    config = SimpleNamespace(id="cuff-1", address=CUFF)
    return (
        SimpleNamespace(config=config),
        SimpleNamespace(watch=lambda *_: None),
        SimpleNamespace(hub=None),
    )
