"""Measure bytes per value of live and backlog payloads on recordings (needs wfdb).

    python contract/tools/measure_size.py RECORDINGS [DICTIONARY]

RECORDINGS holds `ecg/mitdb` (WFDB) and `steps/oxford/validation_*.npz`. ECG is taken to 130 Hz and
the converter steps of a chest strap, acceleration of walks to 52 Hz and whole milli-g: what a strap
would have sent. For rest, acceleration is drawn: a slow drift and 4 mg of sensor noise. Nothing of
it is in the training of the dictionary.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import numpy as np
import numpy.typing as npt
import wfdb
from vointi_contract import codec
from vointi_contract.frame import Batch, Channel, ClockState, Frame, Quality
from vointi_contract.metrics import by_name

ECG_HZ, ACC_HZ = 130, 52
SECONDS = 60
_UV_PER_CODE = 37_400 / 16_384
_STANDARD_GRAVITY = 9.80665
Ints = npt.NDArray[np.int32]


def strap_ecg(record: Path) -> Ints:
    """Both leads' first seconds, one after the other, in microvolts at 130 Hz."""
    signal = wfdb.rdrecord(str(record), sampto=360 * SECONDS).p_signal
    at = np.arange(SECONDS * ECG_HZ) / ECG_HZ
    times = np.arange(len(signal)) / 360
    lead = np.interp(at, times, signal[:, 0]) * 1_000
    return np.array(np.trunc(np.round(lead / _UV_PER_CODE) * _UV_PER_CODE), np.int32)


def strap_acc(walk: Path) -> Ints:
    """The first seconds of a walk, (samples, 3) in milli-g at 52 Hz."""
    with np.load(walk) as data:
        at = data["t_s"][0] + np.arange(SECONDS * ACC_HZ) / ACC_HZ
        axes = [np.interp(at, data["t_s"], axis) for axis in data["acc_ms2"].T]
    return np.round(np.array(axes).T / _STANDARD_GRAVITY * 1_000).astype(np.int32)


def resting_acc(rng: np.random.Generator) -> Ints:
    """A body at rest, (samples, 3) in milli-g at 52 Hz."""
    drift = np.zeros((SECONDS * ACC_HZ, 3))
    for index in range(1, len(drift)):
        drift[index] = 0.95 * drift[index - 1] + rng.normal(0, 6, 3)
    noisy = np.array([300, -200, 930]) + drift + rng.normal(0, 4, drift.shape)
    return np.array(np.round(noisy), np.int32)


class Strap:
    """Numbers readings as an edge does."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng
        self.boot = int(rng.integers(1, 2**63))
        self.mono_us = int(rng.integers(10**8, 10**12))
        self.seq = int(rng.integers(1, 10**6))

    def frame(self, stream: str, rate_hz: float, channels: tuple[Channel, ...]) -> Frame:
        """The next reading."""
        self.seq += 1
        self.mono_us += int(self.rng.integers(10_000, 400_000))
        return Frame(
            device="strap-1",
            stream=stream,
            boot=self.boot,
            seq=self.seq,
            mono_us=self.mono_us,
            wall_us=1_790_000_000_000_000 + self.mono_us,
            clock=ClockState.NTP,
            uncertainty_us=1_500,
            rate_hz=rate_hz,
            dev_ts_ns=800_000_000_123_456_789 + self.mono_us * 1_000 if rate_hz else None,
            channels=channels,
            offsets_us=None,
            quality=Quality.OK,
        )


def frames_of(ecg: Ints, acc: Ints, second: int, strap: Strap) -> tuple[Frame, ...]:
    """ECG, acceleration and heart rate of one second: 289 values."""
    part = ecg[second * ECG_HZ : (second + 1) * ECG_HZ]
    moves = acc[second * ACC_HZ : (second + 1) * ACC_HZ]
    names = ("acc_x", "acc_y", "acc_z")
    axes = tuple(Channel(by_name(n).code, moves[:, i]) for i, n in enumerate(names))
    beat = strap.rng.integers(700, 1_000, 1).astype(np.int32)
    rhythm = (
        Channel(by_name("heart_rate").code, 61_440 // beat),
        Channel(by_name("rr_interval").code, beat, 1_000 / 1_024),
    )
    return (
        strap.frame("ecg", 130.045, (Channel(by_name("ecg").code, part),)),
        strap.frame("acc", 51.9934, axes),
        strap.frame("hr", 0, rhythm),
    )


def values_of(frames: tuple[Frame, ...]) -> int:
    """How many values the frames carry."""
    return sum(len(channel.values) for frame in frames for channel in frame.channels)


def rows(root: Path, every: int = 1) -> Iterator[tuple[str, int, int]]:
    """(kind of payload, bytes, values) of every payload of every n-th record."""
    records = sorted((root / "ecg" / "mitdb").glob("*.hea"))[::every]
    walks = sorted((root / "steps" / "oxford").glob("validation_*.npz"))
    for index, record in enumerate(records):
        ecg = strap_ecg(record.with_suffix(""))
        rng = np.random.default_rng(index)
        yield from sizes(ecg, resting_acc(rng), "at rest", Strap(rng))
        yield from sizes(ecg, strap_acc(walks[index % len(walks)]), "walking", Strap(rng))


def sizes(ecg: Ints, acc: Ints, what: str, strap: Strap) -> Iterator[tuple[str, int, int]]:
    """Sizes of one person's minute, live and as backlog."""
    seconds = [frames_of(ecg, acc, second, strap) for second in range(SECONDS)]
    for frames in seconds:
        yield _row(f"live 1 s, {what}", frames)
        yield _row("live ECG, 1 s", frames[:1])
        yield _row(f"live acceleration 1 s, {what}", frames[1:2])
        yield _row("live heart rate", frames[2:])
    for start in range(0, SECONDS, 20):
        yield _row(f"backlog 20 s, {what}", tuple(chain(*seconds[start : start + 20])))


def _row(what: str, frames: tuple[Frame, ...]) -> tuple[str, int, int]:
    return what, len(codec.encode(Batch(frames))), values_of(frames)


def main() -> None:
    """Print a table."""
    if len(sys.argv) > 2:
        chosen = Path(sys.argv[2]).read_bytes()
        codec.dictionary = lambda: chosen  # type: ignore[assignment]
    totals: dict[str, list[tuple[int, int]]] = {}
    for kind, size, values in rows(Path(sys.argv[1])):
        totals.setdefault(kind, []).append((size, values))
    for kind, pairs in totals.items():
        sizes, values = np.array(pairs).T
        sys.stdout.write(
            f"{kind:36}{len(pairs):6} payloads  {sizes.mean():7.1f} B"
            f"  {sizes.sum() / values.sum():.3f} B/value\n"
        )


if __name__ == "__main__":
    main()
