"""Heart beats, intervals and respiration from the ECG, against gqrs and sleepecg."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from vointi_signals.ecg_quality import EcgQuality
from vointi_signals.edr import EcgRespiration
from vointi_signals.qrs import QrsDetector, detect_qrs

from benchmarks.rows import ROOT, Row, Settings
from benchmarks.timing import best_of

sys.path.insert(0, str(ROOT / "tests" / "signals" / "reference"))
import beat_match
import ecg_sim

NAME = "signals_ecg"
BEATS = frozenset("NLRBAaJSVrFejnE/fQ?")
TOLERANCE_S = 0.15
NOISES = ("wander", "muscle", "motion", "mains")
RATES = (130, 250, 360, 512)
QUICK = ("101", "108", "203", "207")

Array = NDArray[np.float64]
Detect = Callable[[Array, float], NDArray[np.int64]]


@dataclass(frozen=True)
class Record:
    """One lead in microvolts with its reference beats; ``normal`` marks those labelled N."""

    name: str
    x: Array
    fs: float
    beats: NDArray[np.int64]
    normal: NDArray[np.bool_]


def run(settings: Settings) -> list[Row]:
    """Measure speed on a simulated lead, accuracy on the recordings."""
    rows = _speed(settings)
    if settings.recordings is None:
        return [*rows, Row("MIT-BIH", "no recordings")]
    records = read_records(settings.recordings, QUICK if settings.quick else None)
    scores = score_all(records, ours)
    return [
        *rows,
        *_accuracy(records, scores, score_all(records, gqrs)),
        *_delay(records),
        *_rmssd(records),
        *_robustness(records, 120.0 if settings.quick else 600.0),
        *_breathing(settings.recordings),
    ]


def read_records(recordings: Path, names: tuple[str, ...] | None = None) -> list[Record]:
    """Read lead 0 of the MIT-BIH records that are there."""
    import wfdb

    folder, records = recordings / "ecg" / "mitdb", []
    for path in sorted(folder.glob("*.hea")):
        if names and path.stem not in names:
            continue
        raw = wfdb.rdrecord(str(path.with_suffix("")), channels=[0])
        marks = wfdb.rdann(str(path.with_suffix("")), "atr")
        kind = np.array(marks.symbol)
        beat = np.isin(kind, list(BEATS))
        x = raw.p_signal[:, 0] * 1000.0
        records.append(Record(path.stem, x, float(raw.fs), marks.sample[beat], kind[beat] == "N"))
    return records


def ours(x: Array, fs: float) -> NDArray[np.int64]:
    """Return our beats."""
    return np.asarray(detect_qrs(x, fs)["index"])


def gqrs(x: Array, fs: float) -> NDArray[np.int64]:
    """Return the beats of wfdb's gqrs."""
    from wfdb.processing import gqrs_detect

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = gqrs_detect(d_sig=np.round(x / 5), fs=fs, adc_gain=200, adc_zero=0)
    return np.asarray(found, np.int64)


def score_all(records: list[Record], detect: Detect) -> dict[str, beat_match.Score]:
    """Return the score of every record."""
    return {
        r.name: beat_match.score(r.beats, detect(r.x, r.fs), int(TOLERANCE_S * r.fs))
        for r in records
    }


def overall(scores: dict[str, beat_match.Score]) -> float:
    """Return F1 (%) over all beats of all records."""
    hits, missed, false = (
        sum(getattr(s, part) for s in scores.values()) for part in ("hits", "missed", "false")
    )
    return 200.0 * hits / (2 * hits + missed + false)


def _accuracy(
    records: list[Record],
    scores: dict[str, beat_match.Score],
    peer: dict[str, beat_match.Score],
) -> list[Row]:
    mine, its = overall(scores), overall(peer)
    worst = sorted((s.f1, name) for name, s in scores.items())[:4]
    hers = min((s.f1, name) for name, s in peer.items())
    jitter = [1e3 * np.std(scores[r.name].offsets) / r.fs for r in records]
    every = np.concatenate([1e3 * scores[r.name].offsets / r.fs for r in records])
    median = float(np.median(jitter))
    names = ", ".join(f"{name} {f1:.2f}" for f1, name in worst)
    return [
        Row("QRS F1, all beats", mine, "%", its, "gqrs", None, "above gqrs", mine > its),
        Row("QRS missed + false", sum(s.missed + s.false for s in scores.values())),
        Row("QRS worst records", names, "%", f"{hers[1]} {hers[0]:.2f}", "gqrs"),
        Row("QRS worst F1", worst[0][0], "%", hers[0], "gqrs", None, ">= 95", worst[0][0] >= 95),
        Row("R jitter SD, median record", median, "ms", goal="<= 3", met=median <= 3.0),
        Row("R jitter SD, all beats", float(every.std()), "ms"),
    ]


def _delay(records: list[Record]) -> list[Row]:
    delays, late = [], []
    for record in records:
        detector = QrsDetector(record.fs)
        for i in range(0, len(record.x), 4):
            for event in detector.push(record.x[i : i + 4]):
                # Frames of four samples: the event came 1.5 samples before the frame's end.
                delays.append((i + 2.5 - event["index"]) / record.fs * 1e3)
                late.append(event["late"])
    median, p99 = np.percentile(delays, [50, 99])
    return [
        Row("QRS delay, median", float(median), "ms", goal="<= 150", met=bool(median <= 150)),
        Row("QRS delay, p99", float(p99), "ms", goal="<= 250", met=bool(p99 <= 250)),
        Row("QRS late beats", 100.0 * float(np.mean(late)), "%"),
    ]


def _rmssd(records: list[Record]) -> list[Row]:
    errors, shares = [], []
    for r in records:
        if r.normal.mean() < 0.95:
            continue
        found, pairs = ours(r.x, r.fs), []
        near = found[np.abs(found[None, :] - r.beats[:, None]).argmin(1)]
        good = r.normal & (np.abs(near - r.beats) <= TOLERANCE_S * r.fs)
        three = good[2:] & good[1:-1] & good[:-2]
        for beats in (r.beats, near):
            steps = np.diff(beats / r.fs * 1e3, 2)[three]
            pairs.append(float(np.sqrt(np.mean(steps**2))))
        errors.append(abs(pairs[1] - pairs[0]))
        shares.append(100 * abs(pairs[1] / pairs[0] - 1))
    if not errors:
        return []
    error = float(np.median(errors))
    return [
        Row("RMSSD error, median record", error, "ms", goal="<= 0.1", met=error <= 0.1),
        Row("RMSSD error, median record", float(np.median(shares)), "%"),
    ]


def _robustness(records: list[Record], seconds: float) -> list[Row]:
    rows = []
    for kind in NOISES:
        for snr_db in (24, 12, 6, 0):
            worse = [_noisy(r, seconds, kind, snr_db) for r in records]
            rows.append(Row(f"F1, {kind} {snr_db} dB", overall(score_all(worse, ours)), "%"))
    for rate in RATES:
        other = [_resampled(_cut(r, seconds), rate) for r in records]
        rows.append(Row(f"F1 at {rate} Hz", overall(score_all(other, ours)), "%"))
    for name, change in (("inverted", np.negative), ("clipped", _clipped), ("8 bit", _coarse)):
        changed = [_with(_cut(r, seconds), change(_cut(r, seconds).x)) for r in records]
        rows.append(Row(f"F1, {name}", overall(score_all(changed, ours)), "%"))
    return rows


def _cut(r: Record, seconds: float) -> Record:
    n = int(seconds * r.fs)
    inside = r.beats < n
    return Record(r.name, r.x[:n], r.fs, r.beats[inside], r.normal[inside])


def _with(r: Record, x: Array) -> Record:
    return Record(r.name, x, r.fs, r.beats, r.normal)


def _noisy(r: Record, seconds: float, kind: str, snr_db: float) -> Record:
    r = _cut(r, seconds)
    seed = int.from_bytes(f"{r.name}{kind}".encode(), "little") % 2**32
    return _with(r, ecg_sim.with_noise(r.x, r.beats, r.fs, kind, snr_db, seed))


def _resampled(r: Record, rate: int) -> Record:
    from scipy.signal import resample_poly

    common = np.gcd(rate, int(r.fs))
    x = resample_poly(r.x, rate // common, int(r.fs) // common)
    beats = np.round(r.beats * rate / r.fs).astype(np.int64)
    return Record(r.name, x, float(rate), beats, r.normal)


def _clipped(x: Array) -> Array:
    """Cut at half of the height that all but one sample in 200 stay under."""
    middle = float(np.median(x))
    half = 0.5 * float(np.percentile(np.abs(x - middle), 99.5))
    return np.clip(x, middle - half, middle + half)


def _coarse(x: Array) -> Array:
    return np.round(x / np.ptp(x) * 255)


def _breathing(recordings: Path) -> list[Row]:
    file = recordings / "ppg" / "bidmc_01" / "bidmc_01_Signals.csv"
    if not file.is_file():
        return []
    table = np.loadtxt(file, delimiter=",", skiprows=1)
    rows = EcgRespiration().push(detect_qrs(table[:, 5] * 1000, 125.0))
    true = np.array([_true_rate(table[:, 1], end) for end in rows["time_s"]])
    told = np.isfinite(rows["breaths_per_min"])
    error = float(np.abs(rows["breaths_per_min"] - true)[told].mean()) if told.any() else np.nan
    return [
        Row("EDR error, BIDMC 01", error, "/min", goal="<= 1.5", met=error <= 1.5),
        Row("EDR told", 100.0 * float(told.mean()), "%"),
    ]


def _true_rate(breath: Array, end_s: float, fs: float = 125.0) -> float:
    """Return breaths per minute in the 32 s before, by the spectrum of the breathing signal."""
    part = breath[max(0, int((end_s - 32) * fs)) : int(end_s * fs)]
    power = np.abs(np.fft.rfft(np.hanning(len(part)) * (part - part.mean()), 65536)) ** 2
    hz = np.fft.rfftfreq(65536, 1 / fs)
    inside = (hz > 0.1) & (hz < 0.7)
    return 60.0 * float(hz[inside][np.argmax(power[inside])])


def _speed(settings: Settings) -> list[Row]:
    import sleepecg

    fs, seconds = 360.0, 300.0
    times = ecg_sim.beat_times(seconds, np.random.default_rng(1))
    x = ecg_sim.ecg(times, seconds, fs) + np.random.default_rng(2).normal(0, 8, int(seconds * fs))

    def peer() -> Any:
        return sleepecg.detect_heartbeats(x, fs, backend="c")

    calls: list[Callable[[], object]] = [lambda: detect_qrs(x, fs), peer]
    calls += [_framed(x, fs, 73), _framed(x, fs, 16), lambda: EcgQuality(fs).push(x)]
    budget = 0.5 if settings.quick else 3.0
    ns = best_of(calls, budget, 5 if settings.quick else 15)
    one, its, long, short, quality = (seconds * 1e9 / t for t in ns)
    state = len(QrsDetector(fs).get_state())
    return [
        Row("QRS, one call", one, "x", its, "sleepecg C", one / its, ">= 2x", one >= 2 * its),
        Row("QRS, 73-sample frames", long, "x", goal=">= 150,000", met=long >= 150_000),
        Row("QRS, 16-sample frames", short, "x", goal=">= 60,000", met=short >= 60_000),
        Row("QRS state", state, "B", goal="<= 10,000", met=state <= 10_000),
        Row("ECG quality, one call", quality, "x"),
    ]


def _framed(x: Array, fs: float, size: int) -> Callable[[], object]:
    frames = [x[i : i + size] for i in range(0, len(x), size)]

    def call() -> None:
        push = QrsDetector(fs).push
        for frame in frames:
            push(frame)

    return call


def figures(settings: Settings, folder: Path) -> list[Path]:
    """Draw what the pages of the ECG routines show, from simulated signals."""
    from benchmarks import ecg_figures

    return ecg_figures.draw(folder)
