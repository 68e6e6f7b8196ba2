"""The one table of metrics: wire code, name, UCUM unit, range and outside codes.

A range holds everything that a working sensor on a person or in a room can deliver; a value
outside it comes from a wrong decoder or a broken sensor, so the gateway quarantines it. "No value"
codes of a sensor (NaN, a heart rate of 0) are not values: its decoder leaves them out.

LOINC and MDC (ISO/IEEE 11073-10101, partition * 65536 + term) codes stand where a published mapping
has them; None means that none was found, never that one may be guessed. This material contains
content from LOINC (http://loinc.org), copyright Regenstrief Institute, free under its licence.
"""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum
from typing import Final

from vointi_contract.errors import UnknownMetricError, shown


class Kind(StrEnum):
    """How values of a metric follow each other in time."""

    SCALAR = "scalar"
    WAVEFORM = "waveform"
    EVENT = "event"


@dataclass(frozen=True, slots=True)
class Metric:
    """One measured quantity; `low` and `high` are inclusive and in `unit` (UCUM)."""

    code: int
    name: str
    label: str
    unit: str
    kind: Kind
    low: float
    high: float
    loinc: str | None = None
    mdc: int | None = None

    def accepts(self, value: float) -> bool:
        """Whether a physical value lies within the range (NaN does not)."""
        return self.low <= value <= self.high


_S, _W, _E = Kind.SCALAR, Kind.WAVEFORM, Kind.EVENT

# ±300 mV of electrode offset must pass an ECG input (IEC 60601-2-25), and the heart rides on it.
_ECG_UV = 320_000.0
# 24-bit converters, some of them signed.
_PPG_LOW, _PPG_HIGH = -8_388_608.0, 16_777_215.0
# The widest wearable IMUs measure ±32 g and ±4000 deg/s.
_ACC_MG = 32_768.0
_GYRO_DEG_S = 4_000.0
_COUNT = 1e9

# A wire code is never given to another metric, nor a metric another code: codes up to 127 take
# one byte, so they are not spent on reserve. Tens separate the families.
METRICS: Final[tuple[Metric, ...]] = (
    Metric(1, "ecg", "ECG", "uV", _W, -_ECG_UV, _ECG_UV, "11524-6", 131329),
    Metric(2, "acc_x", "Acceleration x", "m[g]", _W, -_ACC_MG, _ACC_MG),
    Metric(3, "acc_y", "Acceleration y", "m[g]", _W, -_ACC_MG, _ACC_MG),
    Metric(4, "acc_z", "Acceleration z", "m[g]", _W, -_ACC_MG, _ACC_MG),
    Metric(5, "ppg_red", "PPG red", "1", _W, _PPG_LOW, _PPG_HIGH),
    Metric(6, "ppg_infrared", "PPG infrared", "1", _W, _PPG_LOW, _PPG_HIGH),
    Metric(10, "heart_rate", "Heart rate", "/min", _S, 20, 300, "8867-4", 147842),
    Metric(11, "rr_interval", "R-R interval", "ms", _S, 100, 20_000, None, 147240),
    Metric(12, "hr_contact", "Skin contact", "1", _S, 0, 1),
    Metric(13, "beat", "Heart beat (R amplitude)", "uV", _E, -_ECG_UV, _ECG_UV),
    Metric(14, "spo2", "Oxygen saturation", "%", _S, 0, 100, "2708-6", 150456),
    Metric(15, "pulse_rate", "Pulse rate", "/min", _S, 20, 300, "8867-4", 149530),
    Metric(16, "perfusion_index", "Perfusion index", "%", _S, 0, 100, "61006-3", 150448),
    Metric(17, "body_temperature", "Body temperature", "Cel", _S, 10, 50, "8310-5", 150364),
    Metric(18, "body_weight", "Body weight", "kg", _S, 0.5, 500, "29463-7", 188736),
    Metric(19, "bp_systolic", "Systolic pressure", "mm[Hg]", _S, 20, 350, "8480-6", 150021),
    Metric(20, "bp_diastolic", "Diastolic pressure", "mm[Hg]", _S, 10, 300, "8462-4", 150022),
    Metric(21, "bp_mean", "Mean arterial pressure", "mm[Hg]", _S, 10, 320, "8478-0", 150023),
    Metric(22, "steps", "Steps", "1", _S, 0, _COUNT, "55423-8"),
    Metric(23, "cadence", "Cadence", "/min", _S, 0, 400),
    Metric(24, "respiratory_rate", "Respiratory rate", "/min", _S, 0, 150, "9279-1", 151562),
    Metric(25, "rmssd", "HRV, RMSSD", "ms", _S, 0, 10_000),
    Metric(26, "sdnn", "HRV, SDNN", "ms", _S, 0, 10_000, "80404-7"),
    Metric(30, "battery_level", "Battery", "%", _S, 0, 100),
    Metric(40, "room_temperature", "Room temperature", "Cel", _S, -60, 90, "60832-3"),
    Metric(41, "room_humidity", "Relative humidity", "%", _S, 0, 100),
    Metric(42, "air_pressure", "Air pressure", "hPa", _S, 300, 1_200),
    Metric(43, "co2", "Carbon dioxide", "[ppm]", _S, 0, 65_535),
    Metric(44, "voc", "Volatile organic compounds", "[ppb]", _S, 0, 65_535),
    Metric(45, "pm2_5", "Particles PM2.5", "ug/m3", _S, 0, 10_000),
    Metric(46, "illuminance", "Illuminance", "lx", _S, 0, 200_000),
    Metric(60, "people_in", "People in", "1", _S, 0, _COUNT),
    Metric(61, "people_out", "People out", "1", _S, 0, _COUNT),
    Metric(62, "people_present", "People present", "1", _S, 0, 1e6),
    Metric(63, "feedback", "Feedback button", "1", _E, 1, 5),
    Metric(64, "motion", "Motion", "1", _E, 0, 1, None, 8519687),
    Metric(65, "contact", "Door or window contact", "1", _E, 0, 1, None, 8519690),
    Metric(70, "gyro_x", "Angular velocity x", "deg/s", _W, -_GYRO_DEG_S, _GYRO_DEG_S),
    Metric(71, "gyro_y", "Angular velocity y", "deg/s", _W, -_GYRO_DEG_S, _GYRO_DEG_S),
    Metric(72, "gyro_z", "Angular velocity z", "deg/s", _W, -_GYRO_DEG_S, _GYRO_DEG_S),
    Metric(73, "ppg_green", "PPG green", "1", _W, _PPG_LOW, _PPG_HIGH),
    Metric(74, "ppg_green_2", "PPG green, second LED", "1", _W, _PPG_LOW, _PPG_HIGH),
    Metric(75, "ppg_green_3", "PPG green, third LED", "1", _W, _PPG_LOW, _PPG_HIGH),
    Metric(76, "ppg_ambient", "PPG ambient light", "1", _W, _PPG_LOW, _PPG_HIGH),
    Metric(77, "pp_interval", "Pulse-to-pulse interval", "ms", _S, 100, 20_000),
    Metric(78, "pp_error", "Pulse interval's error estimate", "ms", _S, 0, 65_535),
    Metric(80, "body_mass_index", "Body mass index", "kg/m2", _S, 3, 200, "39156-5", 188752),
    Metric(81, "body_fat", "Body fat", "%", _S, 0, 100, "41982-0", 188748),
    Metric(82, "muscle_percentage", "Muscle percentage", "%", _S, 0, 100),
    Metric(83, "muscle_mass", "Muscle mass", "kg", _S, 0, 400),
    Metric(84, "fat_free_mass", "Fat-free mass", "kg", _S, 0, 400, None, 188744),
    Metric(85, "soft_lean_mass", "Soft lean mass", "kg", _S, 0, 400),
    Metric(86, "body_water", "Body water mass", "kg", _S, 0, 400),
    Metric(87, "body_impedance", "Body impedance", "Ohm", _S, 0, 6_554),
    Metric(88, "basal_metabolism", "Basal metabolism", "kJ", _S, 0, 65_535),
    Metric(89, "cuff_pressure", "Cuff pressure while measuring", "mm[Hg]", _S, 0, 400),
    Metric(90, "blood_glucose", "Blood glucose", "mmol/L", _S, 0.1, 60, "15074-8"),
    Metric(91, "temperature_site", "Body temperature site (code)", "1", _S, 1, 9),
    Metric(92, "user_index", "User number on the device", "1", _S, 0, 254),
    Metric(93, "energy_expended", "Energy expended", "kJ", _S, 0, 65_535),
    Metric(100, "dew_point", "Dew point", "Cel", _S, -100, 90),
    Metric(101, "pm1", "Particles PM1", "ug/m3", _S, 0, 10_000),
    Metric(102, "pm4", "Particles PM4", "ug/m3", _S, 0, 10_000),
    Metric(103, "pm10", "Particles PM10", "ug/m3", _S, 0, 65_535),
    Metric(104, "voc_index", "VOC index", "1", _S, 0, 500),
    Metric(105, "nox_index", "NOx index", "1", _S, 0, 500),
    Metric(106, "tvoc", "Volatile organic compounds (mass)", "ug/m3", _S, 0, 65_535),
    Metric(107, "radon", "Radon, short term", "Bq/m3", _S, 0, 65_535),
    Metric(108, "radon_long_term", "Radon, long term", "Bq/m3", _S, 0, 65_535),
    Metric(109, "sound_level", "Sound level", "dB[SPL]", _S, 0, 200),
    Metric(110, "uv_index", "UV index", "1", _S, 0, 30),
    Metric(111, "occupancy", "Occupancy", "1", _E, 0, 1),
)

_BY_NAME: Final = {metric.name: metric for metric in METRICS}
_BY_CODE: Final = {metric.code: metric for metric in METRICS}


def by_name(name: str) -> Metric:
    """The metric of this name; raises UnknownMetricError with the closest known name."""
    metric = _BY_NAME.get(name)
    if metric is None:
        close = get_close_matches(name, _BY_NAME, n=1)
        hint = f"did you mean {close[0]}?" if close else "see the metrics table"
        raise UnknownMetricError(name, f"no metric is called {shown(name)}; {hint}")
    return metric


def by_code(code: int) -> Metric:
    """The metric of this wire code; raises UnknownMetricError."""
    metric = _BY_CODE.get(code)
    if metric is None:
        raise UnknownMetricError(code, f"no metric has the code {code}; the sender may be newer")
    return metric
