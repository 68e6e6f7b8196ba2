"""QrsDetector on recorded arrhythmia: changes must not lead to worse results than these."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from beat_match import score
from numpy.typing import NDArray
from qrs_ref import Reference
from vointi_signals.qrs import detect_qrs

pytestmark = pytest.mark.recordings

BEAT_SYMBOLS = frozenset("NLRBAaJSVrFejnE/fQ?")
Record = tuple[NDArray[np.float64], float, NDArray[np.int64]]


def read(folder: Path, name: str) -> Record:
    wfdb = pytest.importorskip("wfdb")
    record = wfdb.rdrecord(str(folder / name), channels=[0])
    marks = wfdb.rdann(str(folder / name), "atr")
    beats = [s for s, k in zip(marks.sample, marks.symbol, strict=True) if k in BEAT_SYMBOLS]
    return record.p_signal[:, 0] * 1000.0, float(record.fs), np.array(beats, np.int64)


@pytest.fixture(scope="module")
def records(recordings: Path) -> dict[str, Record]:
    folder = recordings / "ecg" / "mitdb"
    names = sorted(path.stem for path in folder.glob("*.hea"))
    if not names:
        pytest.skip(f"no records in {folder}")
    return {name: read(folder, name) for name in names}


def test_beats_of_all_records(records: dict[str, Record]) -> None:
    scores = {}
    for name, (x, fs, beats) in records.items():
        scores[name] = score(beats, detect_qrs(x, fs)["index"], int(0.15 * fs))
    hits, missed, false = (
        sum(getattr(s, part) for s in scores.values()) for part in ("hits", "missed", "false")
    )
    assert 200.0 * hits / (2 * hits + missed + false) >= 99.65
    assert min((s.f1, name) for name, s in scores.items()) >= (95.0, "")
    jitter = [np.std(s.offsets) / records[name][1] for name, s in scores.items()]
    assert np.median(jitter) <= 0.0032


def test_the_twin_agrees_on_arrhythmia(records: dict[str, Record]) -> None:
    for name in ("108", "203", "207"):
        if name in records:
            x, fs, _ = records[name]
            part = x[: int(120 * fs)]
            assert detect_qrs(part, fs)["index"].tolist() == [
                b[0] for b in Reference(part, fs).run()
            ]
