"""A real recording goes in at the strap and comes out of the store, sample for sample."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import wfdb
from playing import playing, wait_until_stored

pytestmark = [pytest.mark.network, pytest.mark.slow]

TOLERANCE_S = 0.150
FLOAT = npt.NDArray[np.float64]


def ecg_in_order(series: dict[str, Any]) -> FLOAT:
    order = np.lexsort((series["t_us"],))
    return np.asarray(series["value"], dtype=np.float64)[order]


def f1_score(found_s: FLOAT, reference_s: FLOAT) -> float:
    """Return F1 in percent, each reference beat matched by the nearest free detection."""
    taken: set[int] = set()
    for moment in reference_s:
        near = np.flatnonzero(np.abs(found_s - moment) <= TOLERANCE_S)
        near = near[np.argsort(np.abs(found_s[near] - moment))]
        free = next((int(one) for one in near if int(one) not in taken), None)
        if free is not None:
            taken.add(free)
    hits = len(taken)
    return 200.0 * hits / (len(found_s) + len(reference_s))


@pytest.mark.timeout(120)
def test_a_synthetic_record_arrives_exactly(module_tmp: Path) -> None:
    """Also where no recordings are at hand: 40 s of ramps and pulses at 250 Hz, 20 times faster."""
    rng = np.random.default_rng(1)
    adc = (200 * np.sin(np.arange(10_000) / 40) + rng.integers(-300, 300, 10_000)).astype(int)
    wfdb.wrsamp(
        "ramp", fs=250, units=["mV"], sig_name=["I"], d_signal=adc[:, None], fmt=["16"],
        adc_gain=[200.0], baseline=[0], write_dir=str(module_tmp),
    )  # fmt: skip
    with playing(module_tmp / "a", module_tmp / "ramp", speed=20) as played:
        series = wait_until_stored(played, len(adc), 60)
    assert np.array_equal(ecg_in_order(series), adc * 5.0)


@pytest.fixture(scope="module")
def record_101(recordings: Path, module_tmp: Path) -> dict[str, Any]:
    """MIT-BIH record 101, whole, at 20 times real speed."""
    path = recordings / "ecg" / "mitdb" / "101"
    record = wfdb.rdrecord(str(path), channels=[0], physical=False)
    notes = wfdb.rdann(str(path), "atr")
    beats = [
        i for i, s in zip(notes.sample, notes.symbol, strict=True) if s in "NLRBAaJSVrFejnE/fQ?"
    ]
    with playing(module_tmp / "mit", path, speed=20) as played:
        series = wait_until_stored(played, record.sig_len, 200)
        begin, end = min(series["t_us"]) / 1e6 - 1, max(series["t_us"]) / 1e6 + 1
        found = played.series("home-1.strap-1", "beat", begin, end)
        counts = played.get("/api/v1/health")["counts"]
    return {"record": record, "beats": beats, "series": series, "found": found, "counts": counts}


@pytest.mark.recordings
@pytest.mark.timeout(280)
def test_every_adc_value_of_record_101_is_in_the_store(record_101: dict[str, Any]) -> None:
    record = record_101["record"]
    adc = record.d_signal[:, 0].astype(np.int64)
    microvolts = ecg_in_order(record_101["series"])
    gain, baseline = record.adc_gain[0], record.baseline[0]
    assert np.array_equal(microvolts * gain / 1000 + baseline, adc)
    counts = record_101["counts"]
    assert counts["quarantined"] == counts["lost"] == 0


@pytest.mark.recordings
@pytest.mark.timeout(280)
def test_the_edge_found_the_beats_of_record_101(record_101: dict[str, Any]) -> None:
    start_us = min(record_101["series"]["t_us"])
    found = (np.sort(np.asarray(record_101["found"]["t_us"])) - start_us) / 1e6
    reference = np.asarray(record_101["beats"]) / record_101["record"].fs
    assert f1_score(found, reference) >= 99.0


def test_f1_notices_misses_and_extras() -> None:
    reference = np.arange(100) * 0.8
    assert f1_score(reference + 0.1, reference) == 100.0
    assert f1_score(reference[:90], reference) == pytest.approx(94.7, abs=0.1)
    assert f1_score(np.concatenate([reference, reference[:10] + 0.4]), reference) < 96
