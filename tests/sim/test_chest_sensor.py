"""The Movesense twin, read by the edge's own half over the virtual radio."""

from __future__ import annotations

import asyncio

import numpy as np
from radio_home import Scene
from virtual_time import run_virtual
from vointi_edge.config import DeviceConfig
from vointi_edge.reading import Reading
from vointi_sim.clock import PacedClock
from vointi_sim.extras import Extra
from vointi_sim.physiology import Person
from vointi_sim.places import home

ADDRESS = "C0:DE:00:00:00:19"


def joined(readings: list[Reading], channel: int = 0) -> np.ndarray:
    return np.concatenate([one.channels[channel].physical() for one in readings])


def test_ecg_and_movement_are_the_persons_own_and_go_on_after_a_lost_link() -> None:
    async def run() -> None:
        loop = asyncio.get_running_loop()
        place = home(PacedClock(1.0, loop.time), 3, [Extra("chest-sensor", "home", ADDRESS, b"")])
        scene = Scene(
            place=place, devices=(DeviceConfig("chest-1", "movesense", ADDRESS, None, None),)
        )
        scene.hub.kept = kept = {}
        async with scene:
            await scene.more("chest-1", "ecg", by=80)
            ecg = joined(kept["chest-1", "ecg"][:64])
            person = Person(3)
            true_hz = 128 * 130.045 / 130.0
            whole = person.heart.ecg_uv(np.arange(1, 4_000) / true_hz, 1)
            # One converter step is 0.38 µV.
            starts = [at for at in range(len(whole) - len(ecg)) if abs(whole[at] - ecg[0]) < 0.4]
            assert any(np.abs(whole[at : at + len(ecg)] - ecg).max() < 0.4 for at in starts)
            imu = kept["chest-1", "imu"]
            assert 900 < joined(imu, 0).mean() < 1_100  # upright: gravity down the body
            assert len(imu[0].channels) == 6
            place.devices[0].drop(8)
            await scene.more("chest-1", "ecg", by=20)
            await scene.more("chest-1", "imu", by=20)

    run_virtual(run())
