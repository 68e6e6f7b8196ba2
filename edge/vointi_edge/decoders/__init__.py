"""Bytes → values, as pure functions; the tables hold the names that a catalogue file may use."""

from __future__ import annotations

from collections.abc import Callable

from vointi_edge.decoders import (
    airthings,
    aranet,
    body,
    bthome,
    environment,
    glucose,
    heart_rate,
    movesense,
    oximeter,
    polar_frames,
    ruuvi,
    scale,
    service_point,
)
from vointi_edge.decoders.values import Decoded
from vointi_edge.decoders.waveform import RawFrame

GATT: dict[str, Callable[[bytes], Decoded]] = {
    "heart_rate": heart_rate.heart_rate,
    "plx_continuous": oximeter.plx_continuous,
    "plx_spot_check": oximeter.plx_spot_check,
    "temperature_measurement": body.temperature_measurement,
    "temperature_type": body.temperature_type,
    "blood_pressure": body.blood_pressure,
    "cuff_pressure": body.cuff_pressure,
    "weight_measurement": scale.weight_measurement,
    "body_composition": scale.body_composition,
    "glucose_measurement": glucose.glucose_measurement,
    "battery_level": body.battery_level,
    "airthings_wave_plus": airthings.airthings_wave_plus,
    "airthings_wave_2": airthings.airthings_wave_2,
    "airthings_wave_mini": airthings.airthings_wave_mini,
    **environment.DECODERS,
}
ADVERTISEMENT: dict[str, Callable[[bytes], Decoded]] = {
    "ruuvi_5": ruuvi.ruuvi_5,
    "ruuvi_air": ruuvi.ruuvi_air,
    "bthome_2": bthome.bthome_2,
    "aranet": aranet.aranet,
}
# Raw samples of Polar's protocol: (frame, factor of the answer to START).
PMD: dict[str, Callable[[bytes, float], RawFrame]] = {
    "polar_ecg": polar_frames.polar_ecg,
    "polar_acc": polar_frames.polar_acc,
    "polar_ppg": polar_frames.polar_ppg,
}
# Polar's measurements that are no regular samples.
PMD_VALUES: dict[str, Callable[[bytes], Decoded]] = {"polar_ppi": polar_frames.polar_ppi}
# Raw samples of Movesense's protocol: (content, rate in Hz), and bytes of one sample.
GSP: dict[str, tuple[Callable[[bytes, float], RawFrame], int]] = {
    "movesense_ecg": (movesense.movesense_ecg, 4),
    "movesense_acc": (movesense.movesense_acc, 12),
    "movesense_imu6": (movesense.movesense_imu6, 24),
    "movesense_imu9": (movesense.movesense_imu9, 36),
}
SERIAL: dict[str, Callable[[service_point.BoxMessage], Decoded]] = {
    "box_air": service_point.box_air,
    "box_people": service_point.box_people,
    "box_button": service_point.box_button,
}
