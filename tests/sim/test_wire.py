"""Bytes on the air, against the documents' own examples and against independent decoders."""

from __future__ import annotations

import numpy as np
import pytest
from bleakheart import HeartRate, PolarMeasurementData
from polar_python.parsers import parse_hr_data, parse_polar_data
from vointi_sim.wearables import wire


@pytest.mark.parametrize(
    ("value", "exponent", "expected"),
    [(97.5, -1, "cff3"), (120, 0, "7800"), (-1.2, -1, "f4ff"), (3.25, -2, "45e1"), (0, 0, "0000")],
)
def test_sfloat(value: float, exponent: int, expected: str) -> None:
    assert wire.sfloat(value, exponent).hex() == expected


@pytest.mark.parametrize("value", [204.6, 2047, -250])
def test_sfloat_never_gives_a_reserved_value_by_accident(value: float) -> None:
    with pytest.raises(ValueError, match="does not fit"):
        wire.sfloat(value)


def test_float_as_in_the_health_thermometer_service() -> None:
    # 36.4 °C is FF 00 01 6C in the Personal Health Devices Transcoding white paper.
    assert wire.float32(36.4, -1).hex() == "6c0100ff"
    assert wire.temperature(36.85).hex() == "04650e00fe02"


def test_heart_rate_with_contact_and_intervals() -> None:
    assert wire.heart_rate(72, [853, 840], contact=True).hex() == "164855034803"
    assert wire.heart_rate(0, [], contact=False).hex() == "0400"


def test_heart_rate_is_understood_elsewhere() -> None:
    value = bytearray(wire.heart_rate(61, [1007, 998], contact=True))
    decoded = HeartRate(None, callback=print)._decode(value)
    assert decoded == {"hr": 61, "contact": True, "rr": [983, 975]}
    other = parse_hr_data(value)
    assert other.heartrate == 61
    assert other.rr_intervals == pytest.approx([983.398, 974.609], abs=0.001)


def test_ecg_frames_are_understood_elsewhere() -> None:
    samples = [0, 1, -1, 1180, -230, 18_697, -18_700] + [5] * 66
    frame = bytearray(wire.pmd_ecg(599_616_000_123_456_789, samples))
    assert len(frame) == 229
    assert frame[:10].hex() == "00" + (599_616_000_123_456_789).to_bytes(8, "little").hex() + "00"
    assert PolarMeasurementData(None, callback=print)._decode_ecg_data(frame) == samples
    parsed = parse_polar_data(frame, lambda _kind: None)
    assert list(parsed.data) == samples


def test_acceleration_frames_are_understood_elsewhere() -> None:
    samples = np.array([[990, 15, -90], [-1, 0, 1], [32_000, -32_000, 7]], dtype=np.int16)
    frame = bytearray(wire.pmd_acceleration(10**18, samples))
    expected = [tuple(row) for row in samples.tolist()]
    assert PolarMeasurementData(None, callback=print)._decode_acc_data(frame) == expected
    parsed = parse_polar_data(frame, lambda _kind: None)
    assert [tuple(row) for row in parsed.data] == expected


def test_profiles_byte_for_byte() -> None:
    assert wire.plx_continuous(97.5, 64.2, 3.25).hex() == "10" + "cff3" + "82f2" + "45e1"
    assert wire.weight(74.205).hex() == "00f939"
    assert wire.blood_pressure(121, 78, 92, 64.2).hex() == "04" + "7900" + "4e00" + "5c00" + "82f2"


def test_ruuvi_as_in_the_vendor_s_own_test_vector() -> None:
    payload = wire.ruuvi_5(
        temperature_cel=24.3,
        humidity_pct=53.49,
        pressure_hpa=1000.44,
        acceleration_mg=(4, -4, 1036),
        battery_mv=2977,
        movements=66,
        sequence=205,
        address="CB:B8:33:4C:88:4F",
    )
    assert payload.hex() == "0512fc5394c37c0004fffc040cac364200cdcbb8334c884f"


def test_bthome_as_in_the_format_s_own_examples() -> None:
    payload = wire.bthome_2(
        packet=9, battery_pct=97, temperature_cel=25.06, humidity_pct=50.55, co2_ppm=1250
    )
    assert payload.hex() == "40" + "0009" + "0161" + "02ca09" + "03bf13" + "12e204"
