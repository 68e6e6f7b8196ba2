"""Signal quality, intervals, variability and respiration once more: whole series, SciPy."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import signal

Floats = NDArray[np.float64]


def quality_rows(x: Floats, fs: float, window_s: float = 4.0) -> list[dict[str, float]]:
    """Return what EcgQuality says of each full window of a signal without missing samples."""
    bands = {"qrs": (5, 15), "band": (5, 40), "whole": (0.5, 40), "slow": (0.05, 1)}
    filtered = {}
    for name, edges in bands.items():
        sos = signal.butter(2, edges, "bandpass", fs=fs, output="sos")
        filtered[name], _ = signal.sosfilt(sos, x, zi=signal.sosfilt_zi(sos) * x[0])
    n = round(fs * window_s)
    return [_window(filtered, x, i, n) for i in range(0, len(x) - n + 1, n)]


def _window(filtered: dict[str, Floats], x: Floats, start: int, n: int) -> dict[str, float]:
    part = slice(start, start + n)
    energy = {name: float((y[part] ** 2).sum()) for name, y in filtered.items()}
    w = filtered["whole"][part]
    c = w - w.mean()
    same = np.diff(x, prepend=x[0] + 1)[part] == 0
    return {
        "kurtosis": float(np.mean(c**4) / np.mean(c**2) ** 2),
        "qrs_share": energy["qrs"] / energy["band"],
        "steady_share": 1 - energy["slow"] / (energy["slow"] + energy["whole"]),
        "flat": float(same.mean()),
    }


def rr_marks(times: Floats, limit: float = 0.2) -> list[int]:
    """Return 0 (normal), 1 (ectopic) or 2 (implausible) for each interval of a series."""
    rr = np.diff(times) * 1000
    marks: list[int] = []
    kept, rejected = 0.0, 0
    for i, value in enumerate(rr):
        following = rr[i + 1] if i + 1 < len(rr) else 0.0
        before = kept or following or value
        around = (before + (following or before)) / 2
        if not 300 <= value <= 2000:
            marks.append(2)
        elif abs(value / before - 1) > limit and abs(value / around - 1) > limit:
            marks.append(1)
        else:
            marks.append(0)
            kept, rejected = value, 0
            continue
        rejected += 1
        if rejected == 3:
            kept, rejected = 0.0, 0
    return marks


def hrv(times: Floats, rr_ms: Floats, normal: NDArray[np.bool_]) -> dict[str, float]:
    """Return the Task Force's measures of one window by its formulas."""
    nn = rr_ms[normal]
    steps = zip(np.diff(rr_ms), normal[1:], normal[:-1], strict=True)
    pairs = [step for step, this, before in steps if this and before]
    hz = np.arange(0.04, 0.40, 0.0025)
    t = times[normal]
    power = signal.lombscargle(t, nn - nn.mean(), 2 * np.pi * hz)
    psd = power * 2 * (t[-1] - t[0]) / (len(nn) - 1)
    low = float(psd[hz < 0.15].sum() * 0.0025)
    high = float(psd[hz >= 0.15].sum() * 0.0025)
    return {
        "mean_hr": 60_000 / float(nn.mean()),
        "rmssd_ms": float(np.sqrt(np.mean(np.square(pairs)))),
        "sdnn_ms": float(np.std(nn, ddof=1)),
        "pnn50": 100 * float(np.mean(np.abs(pairs) > 50)),
        "lf_ms2": low,
        "hf_ms2": high,
        "lf_hf": low / high,
    }


def breathing(times: Floats, height: Floats) -> tuple[float, float]:
    """Return (rate in Hz, share of the power in the line) from R heights and intervals."""
    rr = np.diff(times)
    hz = np.arange(0.1, 0.7, 0.005)
    hz = hz[hz * np.median(rr) < 0.48]
    total = np.zeros_like(hz)
    for t, y in ((times, height), (times[1:], rr)):
        kept = np.abs(y - np.median(y)) <= 3.5 * 1.4826 * np.median(np.abs(y - np.median(y)))
        flat = y[kept] - np.polyval(np.polyfit(t[kept], y[kept], 1), t[kept])
        power = signal.lombscargle(t[kept], flat - flat.mean(), 2 * np.pi * hz)
        total += power / power.sum()
    near = np.abs(hz - hz[np.argmax(total)]) <= 0.035
    weight = total[near]
    return float((hz[near] * weight).sum() / weight.sum()), float(weight.sum() / total.sum())
