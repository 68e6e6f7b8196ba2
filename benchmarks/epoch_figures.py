"""The figures of the pages on posture, wear and sleep, from simulated days."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from vointi_signals.motion import MotionEpochs
from vointi_signals.posture import Posture, PostureTracker
from vointi_signals.sleep import SleepWake
from vointi_signals.wear import WearDetector

Array = NDArray[np.float64]
RATE_HZ = 20.0
DARK = "#345"


def draw(folder: Path) -> list[Path]:
    """Write every figure; return their paths."""
    return [_posture(folder), _wear(folder), _sleep(folder)]


def still(seconds: float, down: Array, rng: np.random.Generator, noise_g: float = 0.003) -> Array:
    """A sensor that rests with gravity along ``down``, g."""
    n = int(seconds * RATE_HZ)
    return np.tile(down / np.linalg.norm(down), (n, 1)) + rng.normal(0, noise_g, (n, 3))


def restless(
    seconds: float, every_s: float, turn_deg: float, rng: np.random.Generator, start: Array
) -> Array:
    """A person who changes position about every ``every_s``, g."""
    parts, left, down = [], seconds, start
    while left > 0:
        length = min(left, max(2.0, rng.exponential(every_s)))
        parts.append(still(length, down, rng))
        axis = rng.normal(size=3)
        down = down + np.tan(np.deg2rad(turn_deg)) * np.cross(axis / np.linalg.norm(axis), down)
        down /= np.linalg.norm(down)
        left -= length
    return np.concatenate(parts)


def walking(seconds: float, rng: np.random.Generator) -> Array:
    """A trunk that walks, g."""
    t = np.arange(int(seconds * RATE_HZ)) / RATE_HZ
    acc = still(seconds, np.array([0.0, 0.0, 1.0]), rng, 0.03)
    acc[:, 2] += 0.25 * np.cos(2 * np.pi * 1.8 * t)
    return acc


def _figure(height: float) -> tuple[Any, Any, Any]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, height), layout="constrained")
    top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=(2, 1))
    return figure, top, bottom


def _save(figure: Any, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Date": None})
    return path


def _posture(folder: Path) -> Path:
    """Sitting, a walk, then leaning, sitting and lying, worn askew."""
    rng = np.random.default_rng(4)
    tilts = np.deg2rad([12, 40, 12, 85])
    parts = [still(60, np.array([np.sin(a), 0.0, np.cos(a)]), rng, 0.01) for a in tilts]
    parts.insert(1, walking(60, rng))
    askew, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    rows = MotionEpochs(RATE_HZ, 6.0, "g").push(np.concatenate(parts) @ askew.T)
    found = PostureTracker().push(rows)
    figure, top, bottom = _figure(3.6)
    top.step(rows["time_s"], rows["mean_g"], where="post", lw=0.9)
    top.set(ylabel="gravity (g), x y z", ylim=(-1.2, 1.2))
    for at, word in zip(
        (2, 62, 122, 182, 242), ("sits", "walks", "leans", "sits", "lies"), strict=True
    ):
        top.text(at, 1.02, word, fontsize=8)
    bottom.step(rows["time_s"], found, where="post", color=DARK)
    bottom.set_yticks(range(4), [p.name.lower() for p in Posture])
    bottom.set(xlabel="time (s)")
    return _save(figure, folder / "posture.svg")


def _wear(folder: Path) -> Path:
    """Two hours on the wrist, two on a table, one on the wrist."""
    rng = np.random.default_rng(5)
    up = np.array([0.0, 0.0, 1.0])
    parts = [restless(7200, 90, 20, rng, up), still(7200, up, rng), restless(3600, 90, 20, rng, up)]
    rows = MotionEpochs(RATE_HZ, 6.0, "g").push(np.concatenate(parts))
    wear = WearDetector(6.0)
    found = np.concatenate([wear.push(rows), wear.flush()])
    figure, top, bottom = _figure(3.6)
    top.plot(rows["time_s"] / 3600, rows["mean_g"], lw=0.6)
    top.set(ylabel="gravity (g), x y z")
    for at, word in ((0.02, "worn"), (2.02, "on a table"), (4.02, "worn")):
        top.text(at, 1.12, word, fontsize=8)
    top.set_ylim(-1.2, 1.3)
    ends = np.append(found["time_s"], found["time_s"][-1] + 900) / 3600
    bottom.stairs(found["worn"], ends, color=DARK, fill=True, alpha=0.5)
    bottom.set_yticks((0, 1), ("not worn", "worn"))
    bottom.set(xlabel="time (h); answers come at the end of each quarter")
    return _save(figure, folder / "wear.svg")


def _sleep(folder: Path) -> Path:
    """An hour awake, two of sleep with turns, a wakeful spell, an hour of sleep."""
    rng = np.random.default_rng(6)
    side = np.array([0.6, 0.3, 0.7])
    parts = [
        restless(3600, 20, 25, rng, side),
        restless(7200, 1200, 40, rng, side),
        restless(1200, 15, 25, rng, side),
        restless(3600, 1200, 40, rng, side),
    ]
    sleep = SleepWake(5.0)
    rows = sleep.push(MotionEpochs(RATE_HZ, 5.0, "g").push(np.concatenate(parts)))
    rows = np.concatenate([rows, sleep.flush()])
    figure, top, bottom = _figure(3.6)
    hours = rows["time_s"] / 3600
    top.plot(hours[::6], rows["angle_deg"][::6], lw=0.6, color=DARK)
    top.set(ylabel="angle of the arm (°)", ylim=(-95, 115))
    for at, word in ((0.02, "awake"), (1.02, "sleeps"), (3.02, "awake"), (3.36, "sleeps")):
        top.text(at, 98, word, fontsize=8)
    turns = np.flatnonzero(np.diff(rows["asleep"], prepend=False))
    for begin, end in zip(
        turns[::2], [*turns[1::2], len(hours) - 1][: len(turns[::2])], strict=True
    ):
        bottom.axvspan(hours[begin], hours[end], color=DARK, alpha=0.5, lw=0)
    bottom.set_yticks((0, 1), ("awake", "asleep"))
    bottom.set(xlabel="time (h)")
    return _save(figure, folder / "sleep.svg")
