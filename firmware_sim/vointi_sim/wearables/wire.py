"""Values as bytes, as the Bluetooth and vendor documents lay them out; little-endian, pure."""

from __future__ import annotations

import struct
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

# IEEE 11073-20601 special values.
SFLOAT_NAN = 0x07FF
FLOAT_NAN = 0x007FFFFF


def sfloat(value: float, exponent: int = -1) -> bytes:
    """IEEE 11073 16-bit SFLOAT: 4-bit exponent, 12-bit mantissa.

    Raises ValueError when the mantissa does not fit beside the reserved values ±2046, ±2047.
    """
    mantissa = round(value / 10.0**exponent)
    if abs(mantissa) > 2045 or not -8 <= exponent <= 7:
        raise ValueError(f"sfloat: {value} does not fit with exponent {exponent}")
    return struct.pack("<H", (exponent & 0xF) << 12 | (mantissa & 0xFFF))


def float32(value: float, exponent: int = -2) -> bytes:
    """IEEE 11073 32-bit FLOAT: 8-bit exponent, 24-bit mantissa."""
    mantissa = round(value / 10.0**exponent)
    if abs(mantissa) > 0x7FFFFD:
        raise ValueError(f"float32: {value} does not fit with exponent {exponent}")
    return struct.pack("<I", (exponent & 0xFF) << 24 | (mantissa & 0xFFFFFF))


def heart_rate(rate_per_min: int, rr_1024: Sequence[int], contact: bool) -> bytes:
    """Heart Rate Measurement (0x2A37): 8-bit rate, contact supported, RR in 1/1024 s."""
    flags = 0x04 | (0x02 if contact else 0) | (0x10 if rr_1024 else 0)
    return struct.pack(f"<BB{len(rr_1024)}H", flags, min(255, rate_per_min), *rr_1024)


def plx_continuous(spo2_pct: float, pulse_per_min: float, perfusion_pct: float) -> bytes:
    """PLX Continuous Measurement (0x2A5F) with the pulse amplitude index."""
    values = sfloat(spo2_pct) + sfloat(pulse_per_min) + sfloat(perfusion_pct, -2)
    return b"\x10" + values


def temperature(celsius: float) -> bytes:
    """Temperature Measurement (0x2A1C): Celsius, with type 2 (body)."""
    return b"\x04" + float32(celsius) + b"\x02"


def weight(kilograms: float) -> bytes:
    """Weight Measurement (0x2A9D): SI, steps of 0.005 kg."""
    return struct.pack("<BH", 0x00, round(kilograms / 0.005))


def blood_pressure(systolic: float, diastolic: float, mean: float, pulse_per_min: float) -> bytes:
    """Blood Pressure Measurement (0x2A35): mm[Hg], with the pulse rate."""
    pressures = sfloat(systolic, 0) + sfloat(diastolic, 0) + sfloat(mean, 0)
    return b"\x04" + pressures + sfloat(pulse_per_min)


def pmd_ecg(last_ns: int, microvolts: Sequence[int]) -> bytes:
    """Polar measurement frame: type 0 (ECG), frame type 0, signed 24-bit µV.

    `last_ns` is the device's time of the last sample in ns since 2000-01-01.
    """
    samples = np.asarray(microvolts, dtype="<i4").view(np.uint8).reshape(-1, 4)[:, :3]
    return struct.pack("<BQB", 0, last_ns, 0) + samples.tobytes()


def pmd_acceleration(last_ns: int, milli_g: NDArray[np.int16]) -> bytes:
    """Polar measurement frame: type 2 (acceleration), frame type 1, three signed 16-bit milli-g."""
    return struct.pack("<BQB", 2, last_ns, 1) + milli_g.astype("<i2").tobytes()


def ruuvi_5(
    *,
    temperature_cel: float,
    humidity_pct: float,
    pressure_hpa: float,
    acceleration_mg: tuple[int, int, int],
    battery_mv: int,
    movements: int,
    sequence: int,
    address: str,
) -> bytes:
    """RuuviTag data format 5 (RAWv2), big-endian, without the company identifier 0x0499."""
    # 11 bits of battery above 1600 mV, 5 bits of transmit power in 2 dBm above -40: +4 dBm.
    power = (battery_mv - 1600) << 5 | (4 + 40) // 2
    return struct.pack(
        ">BhHHhhhHBH",
        5,
        round(temperature_cel / 0.005),
        round(humidity_pct / 0.0025),
        round(pressure_hpa * 100) - 50_000,
        *acceleration_mg,
        power,
        movements & 0xFF,
        sequence & 0xFFFF,
    ) + bytes.fromhex(address.replace(":", ""))


def bthome_2(
    *, packet: int, battery_pct: int, temperature_cel: float, humidity_pct: float, co2_ppm: int
) -> bytes:
    """BTHome v2 service data, unencrypted, without the UUID 0xFCD2; objects in ascending order."""
    return struct.pack(
        "<BBBBBBhBHBH",
        *(0x40, 0x00, packet & 0xFF, 0x01, battery_pct),
        *(0x02, round(temperature_cel * 100), 0x03, round(humidity_pct * 100), 0x12, co2_ppm),
    )
