"""What every routine of vointi_signals answers to fixed input, to be compared between processors.

Needs NumPy and vointi_signals alone, so that it runs where only an edge is installed:

    python signal_answers.py INPUT.npz ANSWERS.npz
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import vointi_signals as vs
from numpy.typing import NDArray

Array = NDArray[Any]
Arrays = dict[str, Array]
FS = 130.0
SECONDS = 240
CUTS = (1, 7, 64, 500)
# From second to second, the acceleration of a fall.
FALL = (
    (160.0, 160.4, (0.0, 0.0, 1.0)),
    (160.4, 160.5, (0.0, 0.0, 50.0)),
    (160.5, 190.0, (9.81, 0.0, 0.0)),
)

# name: (input, stages)
CHAINS: dict[str, tuple[str, list[dict[str, Any]]]] = {
    "lowpass": ("ecg", [{"stage": "lowpass", "order": 4, "cutoff_hz": 20}]),
    "highpass": ("ecg", [{"stage": "highpass", "order": 2, "cutoff_hz": 0.5, "settle": True}]),
    "bandpass": ("axes", [{"stage": "bandpass", "order": 3, "cutoff_hz": [0.5, 15]}]),
    "bandstop": ("ecg", [{"stage": "bandstop", "order": 2, "cutoff_hz": [48, 52]}]),
    "sos": ("ecg", [{"stage": "sos", "sos": [[0.02, 0.04, 0.02, 1.0, -1.56, 0.64]]}]),
    "fir": ("ecg", [{"stage": "fir", "taps": [0.1, 0.25, 0.3, 0.25, 0.1]}]),
    "median": ("ecg", [{"stage": "median", "window_s": 0.2}]),
    "decimate": ("ecg", [{"stage": "decimate", "factor": 2}]),
    "resample": ("ecg", [{"stage": "resample", "rate_hz": 100}]),
    "notch": ("ecg", [{"stage": "notch", "mains": "auto"}]),
    "baseline": ("ecg", [{"stage": "baseline"}]),
    "qrs": ("ecg", [{"stage": "qrs"}]),
    "ecg_quality": ("ecg", [{"stage": "ecg_quality"}]),
    "rr_clean": ("ecg", [{"stage": "qrs"}, {"stage": "rr_clean"}]),
    "hrv": ("ecg", [{"stage": "qrs"}, {"stage": "rr_clean"}, {"stage": "hrv", "window_s": 60}]),
    "ecg_respiration": ("ecg", [{"stage": "qrs"}, {"stage": "ecg_respiration"}]),
    "ppg_beats": ("pulse", [{"stage": "ppg_beats"}]),
    "ppg_respiration": ("pulse", [{"stage": "ppg_beats"}, {"stage": "ppg_respiration"}]),
    "spo2": ("light", [{"stage": "spo2"}]),
    "steps": ("axes", [{"stage": "steps"}]),
    "epochs": ("axes", [{"stage": "epochs", "epoch_s": 5}]),
    "mad": ("axes", [{"stage": "mad", "epoch_s": 5}]),
    "enmo": ("axes", [{"stage": "enmo", "epoch_s": 5}]),
    "falls": ("axes", [{"stage": "falls", "enabled": True}]),
    "posture": ("axes", [{"stage": "mad"}, {"stage": "posture"}]),
    "wear": ("hour", [{"stage": "mad", "epoch_s": 5}, {"stage": "wear", "epoch_s": 5}]),
    "sleep": ("axes", [{"stage": "enmo", "epoch_s": 5}, {"stage": "sleep", "epoch_s": 5}]),
}


def make_input(seed: int = 7) -> Arrays:
    """Four minutes each of ECG (uV), pulse, red and infrared light, acceleration (m/s2).

    Made on one machine and carried to the others: its sines need not be the same everywhere.
    """
    rng = np.random.default_rng(seed)
    t = np.arange(int(FS * SECONDS)) / FS
    beats = np.cumsum(0.8 + 0.05 * np.sin(np.arange(0, SECONDS, 0.8) / 2))
    ecg = sum(1000 * np.exp(-(((t - at) / 0.012) ** 2)) for at in beats)
    ecg = ecg + 80 * np.sin(6.283 * 50 * t) + 200 * np.sin(6.283 * 0.2 * t)
    wave = sum(np.exp(-(((t - at) / 0.12) ** 2)) for at in beats) * (1 + 0.2 * np.sin(1.6 * t))
    light = np.stack([5e4 + 500 * wave, 6e4 + 900 * wave], axis=1)
    steps = 3 * np.sin(6.283 * 1.8 * t) * (t % 60 < 40)
    axes = np.stack([steps, 0.4 * steps, 9.81 + 0.5 * steps], axis=1)
    # a fall: weightless, impact, and rest on the side
    for start, end, way in (
        (160, 160.4, (0, 0, 1)),
        (160.4, 160.5, (0, 0, 50)),
        (160.5, 190, (9.81, 0, 0)),
    ):
        axes[int(start * FS) : int(end * FS)] = way
    return {
        "ecg": np.rint(ecg + 12 * rng.standard_normal(t.size)).astype(np.int32),
        "pulse": 1000 * wave + rng.standard_normal(t.size),
        "light": np.rint(light + 5 * rng.standard_normal(light.shape)).astype(np.int32),
        "axes": axes + 0.05 * rng.standard_normal(axes.shape),
    }


def answers(given: Arrays) -> Arrays:
    """Each chain's output for the input in uneven cuts and a gap, and the designs of filters."""
    given = {**given, "hour": np.tile(given["axes"], (15, 1))}
    found: Arrays = {name: _run(stages, given[of]) for name, (of, stages) in CHAINS.items()}
    found["butter_sos"] = np.asarray(vs.butter_sos(4, [0.5, 40.0], FS, "bandpass"))
    found["firwin"] = np.asarray(vs.firwin(101, 15.0, fs=FS))
    found["notch_sos"] = np.asarray(vs.notch_sos(50.0, 30.0, fs=FS))
    return found


def _run(stages: list[dict[str, Any]], x: Array) -> Array:
    chain = vs.build(stages, fs=FS, channels=1 if x.ndim == 1 else x.shape[1])
    parts, at, turn = [], 0, 0
    while at < len(x):
        size = CUTS[turn % len(CUTS)]
        parts.append(chain.push(x[at : at + size]))
        at, turn = at + size, turn + 1
        if turn == 500:
            parts.append(chain.gap(40))
    parts.append(chain.flush())
    return np.concatenate([part for part in parts if len(part)] or parts[:1])


def differing(ours: Array, theirs: Array) -> str:
    """Empty where two answers are equal bit for bit (any NaN equals any NaN), else how not."""
    if ours.shape != theirs.shape or ours.dtype != theirs.dtype:
        return f"{ours.shape} {ours.dtype} and {theirs.shape} {theirs.dtype}"
    names = ours.dtype.names
    if names is not None:
        fields = {name: differing(ours[name], theirs[name]) for name in names}
        return "; ".join(f"{name}: {said}" for name, said in fields.items() if said)
    if ours.dtype.kind != "f":
        return "" if np.array_equal(ours, theirs) else f"{int((ours != theirs).sum())} differ"
    bits = f"u{ours.dtype.itemsize}"
    unequal = ours.view(bits) != theirs.view(bits)
    unequal &= ~(np.isnan(ours) & np.isnan(theirs))
    if not unequal.any():
        return ""
    apart = np.abs(ours - theirs)[unequal].max()
    return f"{int(unequal.sum())} of {ours.size} differ, by {apart:.2g} at most"


def close(ours: Array, theirs: Array) -> bool:
    """Whether two answers are equal but for the last bits of sums: 1e-12, absolute or relative."""
    if ours.shape != theirs.shape or ours.dtype != theirs.dtype:
        return False
    if ours.dtype.names is not None:
        return all(close(ours[name], theirs[name]) for name in ours.dtype.names)
    if ours.dtype.kind != "f":
        return np.array_equal(ours, theirs)
    return np.allclose(ours, theirs, rtol=1e-12, atol=1e-12, equal_nan=True)


def load(path: Path) -> Arrays:
    """Read what `np.savez` wrote."""
    with np.load(path, allow_pickle=False) as file:
        return {name: file[name] for name in file.files}


def main() -> None:
    """Answer the input of the first file into the second."""
    given, out = map(Path, sys.argv[1:])
    np.savez(out, **answers(load(given)))  # type: ignore[arg-type]


if __name__ == "__main__":
    main()
