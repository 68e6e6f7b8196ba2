"""The one table of metrics is consistent, and its outside codes can be right."""

from __future__ import annotations

import math
import re

import pytest
from vointi_contract.errors import ContractError, UnknownMetricError
from vointi_contract.metrics import METRICS, Kind, Metric, by_code, by_name

# Names and wire codes that have been given; nothing is ever taken away or changed here.
GIVEN = {
    "ecg": 1, "acc_x": 2, "acc_y": 3, "acc_z": 4, "ppg_red": 5, "ppg_infrared": 6,
    "heart_rate": 10, "rr_interval": 11, "hr_contact": 12, "beat": 13, "spo2": 14,
    "pulse_rate": 15, "perfusion_index": 16, "body_temperature": 17, "body_weight": 18,
    "bp_systolic": 19, "bp_diastolic": 20, "bp_mean": 21, "steps": 22, "cadence": 23,
    "respiratory_rate": 24, "rmssd": 25, "sdnn": 26, "battery_level": 30,
    "room_temperature": 40, "room_humidity": 41, "air_pressure": 42, "co2": 43, "voc": 44,
    "pm2_5": 45, "illuminance": 46, "people_in": 60, "people_out": 61, "people_present": 62,
    "feedback": 63, "motion": 64, "contact": 65,
    "gyro_x": 70, "gyro_y": 71, "gyro_z": 72, "ppg_green": 73, "ppg_green_2": 74,
    "ppg_green_3": 75, "ppg_ambient": 76, "pp_interval": 77, "pp_error": 78,
    "body_mass_index": 80, "body_fat": 81, "muscle_percentage": 82, "muscle_mass": 83,
    "fat_free_mass": 84, "soft_lean_mass": 85, "body_water": 86, "body_impedance": 87,
    "basal_metabolism": 88, "cuff_pressure": 89, "blood_glucose": 90, "temperature_site": 91,
    "user_index": 92, "energy_expended": 93, "dew_point": 100, "pm1": 101, "pm4": 102,
    "pm10": 103, "voc_index": 104, "nox_index": 105, "tvoc": 106, "radon": 107,
    "radon_long_term": 108, "sound_level": 109, "uv_index": 110, "occupancy": 111,
}  # fmt: skip

# UCUM has no bpm, mmHg, degC, ppm without brackets, or percent in words.
UCUM = {
    "uV", "m[g]", "1", "/min", "ms", "%", "Cel", "kg", "mm[Hg]", "hPa", "[ppm]", "[ppb]",
    "ug/m3", "lx", "deg/s", "kg/m2", "Ohm", "kJ", "mmol/L", "Bq/m3", "dB[SPL]",
}  # fmt: skip


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_each_metric_is_found_both_ways(metric: Metric) -> None:
    assert by_name(metric.name) is metric
    assert by_code(metric.code) is metric


def test_names_and_codes_stay_as_they_were_given() -> None:
    assert {metric.name: metric.code for metric in METRICS} == GIVEN
    assert len({metric.code for metric in METRICS}) == len(METRICS)


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_units_and_ranges_are_sound(metric: Metric) -> None:
    assert metric.unit in UCUM
    assert math.isfinite(metric.low) and math.isfinite(metric.high)
    assert metric.low < metric.high
    assert metric.accepts(metric.low) and metric.accepts(metric.high)
    assert not metric.accepts(math.nan)
    assert not metric.accepts(math.nextafter(metric.high, math.inf))
    assert metric.label and metric.label.isprintable()
    assert re.fullmatch(r"[a-z][a-z0-9_]*", metric.name)


@pytest.mark.parametrize(
    "metric", [m for m in METRICS if m.loinc is not None], ids=lambda metric: metric.name
)
def test_loinc_check_digits_are_right(metric: Metric) -> None:
    digits, check = str(metric.loinc).split("-")
    total = 0
    for index, digit in enumerate(reversed(digits)):
        doubled = int(digit) * (2 if index % 2 == 0 else 1)
        total += doubled // 10 + doubled % 10
    assert int(check) == -total % 10


def test_mdc_codes_lie_in_the_partitions_for_measurements() -> None:
    # 2 vital signs, 129 health and fitness, 130 ageing independently.
    assert {m.mdc >> 16 for m in METRICS if m.mdc is not None} <= {2, 129, 130}


def test_waveforms_are_what_has_a_rate() -> None:
    waveforms = {metric.name for metric in METRICS if metric.kind is Kind.WAVEFORM}
    assert waveforms == {
        *("ecg", "acc_x", "acc_y", "acc_z", "gyro_x", "gyro_y", "gyro_z"),
        *("ppg_red", "ppg_infrared", "ppg_green", "ppg_green_2", "ppg_green_3", "ppg_ambient"),
    }


def test_an_unknown_name_gets_the_closest_one() -> None:
    with pytest.raises(UnknownMetricError, match="did you mean heart_rate") as caught:
        by_name("heartrate")
    assert caught.value.metric == "heartrate"
    assert isinstance(caught.value, ContractError)


@pytest.mark.parametrize("name", ["", "x" * 400, "\x00\n"])
def test_a_hostile_name_makes_one_short_line(name: str) -> None:
    with pytest.raises(UnknownMetricError) as caught:
        by_name(name)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 200


def test_an_unknown_code_is_named() -> None:
    with pytest.raises(UnknownMetricError, match="4000000"):
        by_code(4_000_000)
