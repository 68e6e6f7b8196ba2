"""Acceleration of people who do not walk, from physics: ground truth is zero steps.

Every function returns ``(n, 3)`` in m/s2, gravity included, in a random orientation.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import signal

G = 9.80665
Array = NDArray[np.float64]


def rotation(rng: np.random.Generator) -> Array:
    """A uniformly random orientation of the sensor."""
    q, r = np.linalg.qr(rng.normal(size=(3, 3)))
    return np.asarray(q * np.sign(np.diag(r)))


def _reach(t: Array, start: float, seconds: float, distance: float) -> Array:
    """Acceleration of a minimum-jerk movement (Flash & Hogan 1985)."""
    s = (t - start) / seconds
    profile = (60 * s - 180 * s**2 + 120 * s**3) * distance / seconds**2
    return np.where((s >= 0) & (s <= 1), profile, 0.0)


def _finish(acc: Array, rng: np.random.Generator, noise: float) -> Array:
    """Turn the sensor into a random orientation and add its white noise."""
    return acc @ rotation(rng).T + rng.normal(0, noise, acc.shape)


def sitting(fs: float, seconds: float, rng: np.random.Generator) -> Array:
    """Breathing tilt, heart beat and a change of posture every 20 s or so."""
    t = np.arange(int(fs * seconds)) / fs
    tilt = np.deg2rad(0.6) * np.sin(2 * np.pi * 0.25 * t)
    acc = np.zeros((t.size, 3))
    start = 0.0
    while start < seconds:
        start += rng.exponential(20.0)
        length = rng.uniform(0.7, 2.0)
        turn = np.deg2rad(rng.uniform(-30, 30))
        s = np.clip((t - start) / length, 0, 1)
        tilt = tilt + turn * (10 * s**3 - 15 * s**4 + 6 * s**5)
        acc += np.outer(_reach(t, start, length, rng.uniform(0.05, 0.3)), rng.normal(0, 0.6, 3))
    acc[:, 0] += G * np.sin(tilt)
    acc[:, 2] += G * np.cos(tilt) + 0.02 * np.sin(2 * np.pi * 1.15 * t)
    return _finish(acc, rng, 0.03)


def typing(fs: float, seconds: float, rng: np.random.Generator) -> Array:
    """Wrist at a keyboard: bursts of damped key strokes, and reaches for the mouse."""
    t = np.arange(int(fs * seconds)) / fs
    acc = np.zeros((t.size, 3))
    acc[:, 2] = G
    start = 0.0
    while start < seconds:
        end = start + rng.uniform(2, 12)
        rate = rng.uniform(2.0, 7.0)
        while start < end:
            start += rng.gamma(6.0, 1 / (6.0 * rate))
            late = t - start
            ring = np.exp(-np.maximum(late, 0) / 0.03) * np.sin(2 * np.pi * 22 * late)
            acc += np.outer(np.where(late >= 0, ring, 0), rng.normal(0, 1.2, 3))
            acc += np.outer(_reach(t, start, 0.14, rng.uniform(0, 0.008)), rng.normal(0, 0.6, 3))
        acc += np.outer(_reach(t, start, rng.uniform(0.4, 0.8), 0.25), rng.normal(0, 0.5, 3))
        start += rng.exponential(4.0)
    return _finish(acc, rng, 0.03)


def _quarter_car(
    velocity: Array, fs: float, sprung: float, unsprung: float, bounce_hz: float, damping: float
) -> Array:
    """Body acceleration from the road's vertical velocity (two masses on springs)."""
    k = sprung * (2 * np.pi * bounce_hz) ** 2
    c = 2 * damping * np.sqrt(k * sprung)
    tyre = 10.0 * k
    damper = np.array([c, k])
    den = np.polysub(
        np.polymul([sprung, c, k], [unsprung, c, k + tyre]), np.polymul(damper, damper)
    )
    num = np.polymul([1.0, 0.0], tyre * damper)
    b, a = signal.bilinear(num, den, fs)
    return np.asarray(signal.lfilter(b, a, velocity))


def _road(n: int, fs: float, speed: Array, roughness: float, rng: np.random.Generator) -> Array:
    """Vertical velocity of an ISO 8608 road: white, 4 pi2 n0^2 Gd(n0) v (single-sided)."""
    density = 4 * np.pi**2 * 0.1**2 * roughness * speed
    return rng.normal(size=n) * np.sqrt(density * fs / 2)


def _speed(t: Array, top: float, stop_every: float, rng: np.random.Generator) -> Array:
    """Drive and stop: a speed profile with limited acceleration, m/s."""
    phase = (t + rng.uniform(0, stop_every)) % stop_every
    return np.clip(np.minimum(1.3 * (phase - 8), 1.6 * (stop_every - phase)), 0, top)


def riding(
    fs: float, seconds: float, rng: np.random.Generator, *, bus: bool = False, rough: float = 1.0
) -> Array:
    """A seat in a car (ISO 8608 class B, 80 km/h) or a city bus (class C, 45 km/h)."""
    over = int(np.ceil(400 / fs))
    high = fs * over
    t = np.arange(int(high * seconds)) / high
    speed = _speed(t, 12.5 if bus else 22.0, 50.0 if bus else 90.0, rng)
    roughness = rough * (256e-6 if bus else 64e-6)
    road = _road(t.size, high, speed, roughness, rng)
    masses = (4500.0, 500.0, 1.25, 0.2) if bus else (320.0, 40.0, 1.3, 0.3)
    acc = np.zeros((t.size, 3))
    acc[:, 2] = G + _quarter_car(road, high, *masses)
    acc[:, 2] += (0.3 if bus else 0.1) * np.sin(2 * np.pi * (18 if bus else 27) * t)
    acc[:, 0] += np.gradient(speed, t)
    sway = signal.butter(2, [0.3, 1.0], "band", fs=high, output="sos")
    side = signal.sosfilt(sway, rng.normal(size=t.size))
    acc[:, 1] += (0.6 if bus else 0.35) * side / side.std()
    low = signal.butter(4, 0.4 * fs, fs=high, output="sos")
    for axis in range(3):
        acc[:, axis] = signal.sosfiltfilt(low, acc[:, axis])
    return _finish(acc[::over][: int(fs * seconds)], rng, 0.03)
