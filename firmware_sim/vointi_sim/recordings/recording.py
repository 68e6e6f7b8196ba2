"""Reads one ECG lead of a WFDB record or an EDF file as whole microvolts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vointi_sim.errors import MissingExtraError, RecordingError

_FIELD = "RECORD"
_UV_PER_UNIT = {"uv": 1.0, "µv": 1.0, "μv": 1.0, "mv": 1e3, "v": 1e6}
# WFDB's "no valid sample here" by storage format (WFDB signal(5)).
_INVALID = {
    "80": -128,
    "212": -2048,
    "310": -512,
    "311": -512,
    "16": -32_768,
    "61": -32_768,
    "160": 0,
    "24": -(1 << 23),
    "32": -(1 << 31),
}
# A frame carries signed 24-bit microvolts.
_LIMIT_UV = (1 << 23) - 1


@dataclass(frozen=True, slots=True)
class Recording:
    """One lead: whole µV at `rate_hz`; `invalid` samples were marked as such and are 0 here."""

    name: str
    lead: str
    rate_hz: float
    microvolts: NDArray[np.int32]
    invalid: int


def read(path: Path, lead: int = 0, seconds: float | None = None) -> Recording:
    """Read lead number `lead` of the recording at `path`, at most its first `seconds`.

    A WFDB record is named as WFDB does, without extension, or by its header; an EDF file by its
    name. Raises RecordingError, or MissingExtraError when the reading library is absent.
    """
    header = path if path.suffix == ".hea" else path.with_name(path.name + ".hea")
    if header.is_file():
        return _guarded(_read_wfdb, header.with_suffix(""), lead, seconds)
    if path.is_file():
        return _guarded(_read_edf, path, lead, seconds)
    fix = "give a WFDB record (101 or 101.hea) or an EDF file"
    raise RecordingError(_FIELD, f"there is no {path} and no {header.name}", fix)


def _guarded(
    reader: Callable[[Path, int, float | None], Recording],
    path: Path,
    lead: int,
    seconds: float | None,
) -> Recording:
    try:
        return reader(path, lead, seconds)
    except (RecordingError, MissingExtraError):
        raise
    except Exception as error:
        said = " ".join(str(error).split())[:120]
        fix = "give a WFDB record (name without extension) or an EDF file"
        raise RecordingError(_FIELD, f"{path} cannot be read ({said})", fix) from error


def _read_wfdb(path: Path, lead: int, seconds: float | None) -> Recording:
    try:
        import wfdb
    except ImportError as error:
        raise MissingExtraError("wfdb", "play") from error
    header = wfdb.rdheader(str(path))
    _check_lead(lead, header.sig_name or [])
    stop = None if seconds is None else min(header.sig_len, round(seconds * header.fs))
    record = wfdb.rdrecord(
        str(path), channels=[lead], physical=False, smooth_frames=False, sampto=stop
    )
    digital = np.asarray(record.e_d_signal[0], dtype=np.int64)
    invalid = digital == _INVALID.get(str(record.fmt[0]), np.iinfo(np.int64).min)
    unit = _uv_per(record.units[0])
    microvolts = (digital - record.baseline[0]) * unit / record.adc_gain[0]
    rate_hz = float(record.fs) * record.samps_per_frame[0]
    return _recording(path, str(record.sig_name[0]), rate_hz, microvolts, invalid)


def _read_edf(path: Path, lead: int, seconds: float | None) -> Recording:
    with path.open("rb") as file:
        # EDF begins with its version, "0" and seven spaces (Kemp et al. 1992).
        if file.read(8) != b"0       ":
            fix = "give a WFDB record (name without extension) or an EDF file"
            raise RecordingError(_FIELD, f"{path} is neither WFDB nor EDF", fix)
    try:
        import edfio
    except ImportError as error:
        raise MissingExtraError("edfio", "play") from error
    signals: Any = edfio.read_edf(path).signals
    _check_lead(lead, [signal.label for signal in signals])
    signal = signals[lead]
    rate_hz = float(signal.sampling_frequency)
    count = None if seconds is None else round(seconds * rate_hz)
    microvolts = np.asarray(signal.data[:count], dtype=np.float64)
    microvolts = microvolts * _uv_per(signal.physical_dimension)
    return _recording(path, signal.label, rate_hz, microvolts, np.isnan(microvolts))


def _recording(
    path: Path,
    lead: str,
    rate_hz: float,
    microvolts: NDArray[np.float64],
    invalid: NDArray[np.bool_],
) -> Recording:
    if not len(microvolts):
        raise RecordingError(_FIELD, f"{path} has no samples", "give a recording that has some")
    whole = np.rint(np.where(invalid, 0.0, microvolts))
    if np.abs(whole).max() > _LIMIT_UV:
        fix = "choose another lead with --lead"
        raise RecordingError(_FIELD, f"{path}: {lead} exceeds ±8.39 V", fix)
    if not 1 <= round(rate_hz) <= 0xFFFF:
        fix = "choose another lead with --lead"
        raise RecordingError(_FIELD, f"{path}: {lead} has {rate_hz} samples a second", fix)
    return Recording(path.name, lead, rate_hz, whole.astype(np.int32), int(invalid.sum()))


def _check_lead(lead: int, names: list[str]) -> None:
    if not 0 <= lead < len(names):
        known = ", ".join(f"{number} ({name})" for number, name in enumerate(names)) or "no lead"
        raise RecordingError("--lead", f"there is no lead {lead}", f"the recording has {known}")


def _uv_per(unit: str) -> float:
    factor = _UV_PER_UNIT.get(unit.strip().lower())
    if factor is None:
        raise RecordingError(
            "--lead", f"the lead's unit is {unit!r}, not a voltage", "choose an ECG lead"
        )
    return factor
