"""The kernel's sensors: found by name and bus, read in the ABI's units, healed by themselves."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from edge_parts import Hub
from vointi_contract.frame import Quality
from vointi_edge.config_wired import Place
from vointi_edge.errors import SourceError
from vointi_edge.sources.iio.sensor import IioSensor
from vointi_edge.sources.iio.tree import IioTree, read
from vointi_edge.sources.ports import Assigned
from vointi_sim.service_point.iio_tree import IioTree as Twin
from wired_parts import assigned, context, running, until, values

SCALES = {
    "in_concentration_co2_scale": "0.000100", "in_temp_scale": "2.670288085",
    "in_temp_offset": "-16852.114286", "in_humidityrelative_scale": "1.525878906",
}  # fmt: skip
RAW = {
    "in_concentration_co2_raw": "612",
    "in_temp_raw": "26215",
    "in_humidityrelative_raw": "24249",
}
BUS = "1-0062"


@pytest.fixture
def twin(tmp_path: Path) -> Iterator[Twin]:
    twin = Twin(tmp_path)
    twin.open("--dir")
    yield twin
    twin.close()


def quick(model: str = "sensirion-scd4x", where: str = "any") -> Assigned:
    """The model's own period is the sensor's: too slow for a test."""
    one = assigned(model, Place(iio=where))
    specs = [replace(s, wired=replace(s.wired, period_s=0.01)) for s in one.model.streams]
    return replace(one, model=replace(one.model, streams=tuple(specs)))


async def test_a_sensor_that_appears_later_is_read_vanishes_and_comes_back(twin: Twin) -> None:
    hub = Hub()
    twin.plug("1-0077", "bme280", {})
    async with running(IioSensor(quick(), context(hub), twin.links).run()):
        await until(lambda: hub.links[-1:] == [("it-1", "lost",
            "the kernel sees no scd40 or scd41; check cable and device-tree overlay")])  # fmt: skip
        twin.plug(BUS, "scd41", {**SCALES, **RAW})
        await until(lambda: len(hub.readings) > 2)
        assert hub.links[-1] == ("it-1", "connected", "")
        found = values(hub.readings[0])
        assert found["co2"] == 612
        assert found["room_temperature"] == pytest.approx(25.0016, abs=1e-4)
        assert found["room_humidity"] == pytest.approx(37.0010, abs=1e-4)
        assert [one.quality for one in hub.readings[:2]] == [Quality.GAP_BEFORE, Quality.OK]
        twin.unplug(BUS)
        await until(lambda: hub.links[-1][1] == "lost")
        before = len(hub.readings)
        twin.unplug("1-0077")
        twin.plug(BUS, "scd41", {**SCALES, **RAW})  # with another number than before
        await until(lambda: len(hub.readings) > before)
        assert hub.readings[before].quality == Quality.GAP_BEFORE


async def test_a_value_that_cannot_be_read_is_left_out_and_said(twin: Twin) -> None:
    hub = Hub()
    twin.plug(BUS, "scd41", {**SCALES, **RAW})
    async with running(IioSensor(quick(), context(hub), twin.links).run()):
        await until(lambda: len(hub.readings) > 0)
        twin.write(BUS, "in_temp_raw", "262\x07!")
        await until(lambda: "is no number" in hub.links[-1][2])
        assert hub.links[-1] == ("it-1", "connected", "in_temp_raw: '262?!' is no number")
        count = len(hub.readings)
        await until(lambda: len(hub.readings) > count)
        assert values(hub.readings[-1]).keys() == {"co2", "room_humidity"}
        twin.drop(BUS, "in_temp_raw")
        await until(lambda: "neither in_temp_input nor in_temp_raw" in hub.links[-1][2])
        twin.write(BUS, "in_temp_raw", "26215")
        await until(lambda: hub.links[-1] == ("it-1", "connected", ""))


async def test_an_impossible_value_is_no_measurement(twin: Twin) -> None:
    hub = Hub()
    twin.plug(BUS, "scd41", {**SCALES, **RAW, "in_temp_raw": "65535000"})
    async with running(IioSensor(quick(), context(hub), twin.links).run()):
        await until(lambda: len(hub.readings) > 0)
    assert "room temperature of 174952 Cel is impossible" in hub.links[-1][2]
    assert values(hub.readings[0]).keys() == {"co2", "room_humidity"}
    assert Quality.NOISY in hub.readings[0].quality


async def test_when_nothing_can_be_read_the_sensor_is_lost_and_says_why(twin: Twin) -> None:
    hub = Hub()
    twin.plug(BUS, "scd41", SCALES)
    async with running(IioSensor(quick(), context(hub), twin.links).run()):
        await until(lambda: len(hub.links) > 0)
    assert hub.links == [
        ("it-1", "lost",
         "co2: the sensor has neither in_concentration_co2_input nor in_concentration_co2_raw"),
    ]  # fmt: skip
    assert hub.readings == []


def test_two_of_a_kind_are_told_apart_by_bus_or_label(twin: Twin) -> None:
    twin.plug("1-0062", "scd41", {"label": "hall"})
    twin.plug("3-0062", "scd41", {"label": "door"})
    tree = IioTree(twin.links)
    names = ("scd40", "scd41")
    assert tree.find("it-1", names, "any").name == "iio:device0"
    assert tree.find("it-1", names, "3-0062").name == "iio:device1"
    assert tree.find("it-1", names, "door").name == "iio:device1"
    with pytest.raises(SourceError, match="no scd40 or scd41 at 4-0062; there is one at 1-0062, 3"):
        tree.find("it-1", names, "4-0062")


def test_the_kernels_refusals_are_said_in_plain_words(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="in_temp_input vanished"):
        read("it-1", tmp_path / "in_temp_input")
    with pytest.raises(SourceError, match=r"cannot be read \(Is a directory\)"):
        read("it-1", tmp_path)


async def test_a_sensor_that_hangs_in_the_kernel_holds_up_nobody_else(
    twin: Twin, monkeypatch: pytest.MonkeyPatch
) -> None:
    import os
    import threading

    monkeypatch.setattr("vointi_edge.sources.iio.sensor._PATIENCE_S", 0.1)
    twin.plug(BUS, "scd41", {**SCALES, **RAW})
    twin.plug("1-0077", "bh1750", {"in_illuminance_input": "480.5"})
    twin.drop(BUS, "in_temp_raw")
    stuck = (twin.links / "iio:device0").resolve() / "in_temp_raw"
    os.mkfifo(stuck)  # opening it for reading waits, as a driver does for its sensor
    hung, well = Hub(), Hub()
    jobs = (
        IioSensor(quick(), context(hung), twin.links).run(),
        IioSensor(quick("rohm-bh1750"), context(well), twin.links).run(),
    )
    async with running(*jobs):
        await until(lambda: bool(hung.links))
        assert "has not answered" in hung.links[-1][2]
        count = len(well.readings)
        await until(lambda: len(well.readings) > count + 3)
        assert values(well.readings[0]) == {"illuminance": 480.5}
        releasing = threading.Thread(target=lambda: stuck.open("wb").close())
        releasing.start()
        await asyncio.to_thread(releasing.join)
        twin.write(BUS, "in_temp_raw", "26215")
        await until(lambda: hung.links[-1] == ("it-1", "connected", ""))
