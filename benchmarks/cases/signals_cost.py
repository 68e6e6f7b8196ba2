"""What the signal core costs a machine: to import, and to run for twenty wearables."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
from vointi_signals.pipeline import build

from benchmarks.rows import Row, Settings
from benchmarks.timing import best_of

NAME = "signals_cost"

ECG_STAGES: list[dict[str, Any]] = [
    {"stage": "notch"},
    {"stage": "baseline"},
    {"stage": "qrs"},
    {"stage": "rr_clean"},
    {"stage": "hrv"},
]
ECG_SIDE: list[list[dict[str, Any]]] = [
    [{"stage": "ecg_quality"}],
    [{"stage": "qrs"}, {"stage": "ecg_respiration"}],
]
ACC_STAGES: list[list[dict[str, Any]]] = [
    [{"stage": "lowpass", "order": 4, "cutoff_hz": 20}, {"stage": "steps", "unit": "mg"}],
    [{"stage": "epochs", "epoch_s": 5, "unit": "mg"}, {"stage": "posture"}],
    [{"stage": "epochs", "epoch_s": 5, "unit": "mg"}, {"stage": "wear", "epoch_s": 5}],
    [{"stage": "epochs", "epoch_s": 5, "unit": "mg"}, {"stage": "sleep"}],
]
PROBE = """
import sys, time
{before}
start, cpu = time.perf_counter(), time.process_time()
{what}
wall, used = time.perf_counter() - start, time.process_time() - cpu
lines = open("/proc/self/status").read().splitlines()
peak = next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024
print(wall, used, peak, sum(name.partition(".")[0] == "scipy" for name in sys.modules))
"""


def run(settings: Settings) -> list[Row]:
    """Measure import and running cost."""
    return _imports() + _running(60.0 if settings.quick else 300.0)


def _probe(what: str, before: str = "") -> tuple[float, float, float, float]:
    """Return wall s, CPU s, peak MB and the number of SciPy modules; the best of five, warm."""
    script = PROBE.format(what=what, before=before)
    runs = [
        tuple(map(float, subprocess.check_output([sys.executable, "-I", "-c", script]).split()))
        for _ in range(5)
    ]
    wall, cpu, peak, scipy = (min(values) for values in zip(*runs, strict=True))
    return wall, cpu, peak, scipy


_FIRST = "import numpy; from vointi_signals import QrsDetector; QrsDetector(130)"
_ALL = "import vointi_signals as v; [getattr(v, name) for name in v.__all__]"


def _imports() -> list[Row]:
    """Tell what the package costs alone, and what with the numpy that every routine needs."""
    bare, _, bare_peak, _ = _probe("import vointi_signals")
    first, first_cpu, peak, scipy = _probe(_FIRST)
    numpy, numpy_cpu, numpy_peak, _ = _probe("import numpy")
    _, all_cpu, all_peak, all_scipy = _probe(_ALL, "import numpy")
    _, _, scipy_peak, _ = _probe("import scipy.signal")
    goal = "≤ 100 ms"
    return [
        Row("import of the package alone (numpy comes with the first routine)", bare * 1e3, "ms",
            goal=goal, met=bare <= 0.1),
        Row("import with numpy, to the first QrsDetector", first * 1e3, "ms",
            numpy * 1e3, "numpy alone", None, goal, first <= 0.1),
        Row("the same, CPU time", first_cpu * 1e3, "ms", numpy_cpu * 1e3, "numpy alone"),
        Row("every routine imported, numpy before, CPU time", all_cpu * 1e3, "ms"),
        Row("memory after import of the package alone", bare_peak, "MB"),
        Row("memory with numpy, after the first QrsDetector", peak, "MB",
            scipy_peak, "scipy.signal", scipy_peak / peak, "≤ 30 MB", peak <= 30),
        Row("memory with every routine imported", all_peak, "MB",
            numpy_peak, "numpy alone", None, "≤ 30 MB", all_peak <= 30),
        Row("SciPy modules at run time", int(scipy + all_scipy), goal="0",
            met=scipy + all_scipy == 0),
    ]  # fmt: skip


def _ecg(fs: float, seconds: float) -> np.ndarray:
    """Return beats, wander, noise and hum as a strap sends them: whole µV."""
    rng = np.random.default_rng(0)
    t = np.arange(int(fs * seconds)) / fs
    beats = np.cumsum(0.8 + 0.05 * rng.standard_normal(int(seconds / 0.8) + 2))
    phase = t[:, None] - beats[None, :] if seconds <= 60 else None
    if phase is None:
        index = np.searchsorted(beats, t).clip(1, len(beats) - 1)
        nearest = np.minimum(np.abs(t - beats[index]), np.abs(t - beats[index - 1]))
    else:
        nearest = np.abs(phase).min(axis=1)
    x = 1000 * np.exp(-((nearest / 0.012) ** 2)) + 150 * np.sin(2 * np.pi * 0.2 * t)
    x += 15 * rng.standard_normal(len(t)) + 20 * np.sin(2 * np.pi * 50 * t)
    return np.rint(x).astype(np.int32)


def _acc(fs: float, seconds: float) -> np.ndarray:
    """Return a walk in milli-g."""
    rng = np.random.default_rng(1)
    t = np.arange(int(fs * seconds)) / fs
    bounce = 300 * np.abs(np.sin(np.pi * 1.8 * t)) - 190
    axes = np.stack([0.2 * bounce, 0.1 * bounce, 1000 + bounce], axis=1)
    return np.rint(axes + 20 * rng.standard_normal(axes.shape)).astype(np.int32)


def _feed(
    specs: list[list[dict[str, Any]]], x: np.ndarray, fs: float, frame: int
) -> Callable[[], object]:
    """Return a call that runs a stream through all its pipelines, a frame at a time."""
    channels = 1 if x.ndim == 1 else x.shape[1]
    frames = [x[i : i + frame] for i in range(0, len(x), frame)]

    def call() -> None:
        chains = [build(spec, fs, channels) for spec in specs]
        for part in frames:
            for chain in chains:
                chain.push(part)

    return call


def _running(seconds: float) -> list[Row]:
    ecg = _feed([ECG_STAGES, *ECG_SIDE], _ecg(130.0, seconds), 130.0, 73)
    acc = _feed(ACC_STAGES, _acc(52.0, seconds), 52.0, 36)
    ns = best_of([ecg, acc], seconds=3.0)
    share = [100 * t / 1e9 / seconds for t in ns]
    total = 10 * sum(share)
    stages = len(ECG_STAGES) + sum(map(len, ECG_SIDE)), sum(map(len, ACC_STAGES))
    return [
        Row(f"one ECG at 130 Hz, {stages[0]} stages, frames of 73", share[0], "% of a core"),
        Row(f"one ACC at 52 Hz x 3, {stages[1]} stages, frames of 36", share[1], "% of a core"),
        Row("ten ECG and ten ACC", total, "% of a core", goal="≤ 1 %", met=total <= 1.0),
    ]
