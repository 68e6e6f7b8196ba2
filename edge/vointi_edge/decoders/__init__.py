"""Bytes → values, as pure functions; the tables hold the names that a catalogue file may use."""

from __future__ import annotations

from collections.abc import Callable

from vointi_edge.decoders import body, bthome, heart_rate, oximeter, polar, ruuvi, service_point
from vointi_edge.decoders.values import Decoded

GATT: dict[str, Callable[[bytes], Decoded]] = {
    "heart_rate": heart_rate.heart_rate,
    "plx_continuous": oximeter.plx_continuous,
    "plx_spot_check": oximeter.plx_spot_check,
    "temperature_measurement": body.temperature_measurement,
    "weight_measurement": body.weight_measurement,
    "blood_pressure": body.blood_pressure,
    "battery_level": body.battery_level,
}
ADVERTISEMENT: dict[str, Callable[[bytes], Decoded]] = {
    "ruuvi_5": ruuvi.ruuvi_5,
    "bthome_2": bthome.bthome_2,
}
PMD: dict[str, Callable[[bytes], polar.PmdFrame]] = {
    "polar_ecg": polar.polar_ecg,
    "polar_acc": polar.polar_acc,
}
SERIAL: dict[str, Callable[[service_point.BoxMessage], Decoded]] = {
    "box_air": service_point.box_air,
    "box_people": service_point.box_people,
    "box_button": service_point.box_button,
}
