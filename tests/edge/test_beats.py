"""ECG frames to beats: right moments, right intervals, and no interval across a gap."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from edge_parts import ECG_FRAME as FRAME
from edge_parts import ECG_HZ as HZ
from edge_parts import MONO_US, ecg, frames, models
from vointi_contract.frame import Quality
from vointi_contract.metrics import by_code
from vointi_edge.decoders.values import channel
from vointi_edge.pipelines import PipelineSpec
from vointi_edge.processing.processor import Processor
from vointi_edge.processing.stream import StreamPipeline
from vointi_edge.reading import Reading

BEATS = PipelineSpec(
    "ecg", "beats", ({"stage": "qrs"},), (), 60.0, ("beat", "rr_interval"), "event"
)


def run(readings: list[Reading]) -> list[Reading]:
    pipeline = StreamPipeline("strap-1", BEATS, "boot")
    return [made for reading in readings for made in pipeline.push(reading)]


def beat_times_s(beats: list[Reading]) -> np.ndarray:
    return np.array(
        [(one.mono_us + offset - MONO_US) / 1e6 for one in beats for offset in one.offsets_us or ()]
    )


def intervals_ms(beats: list[Reading]) -> np.ndarray:
    return np.concatenate(
        [
            one.physical()
            for beat in beats
            for one in beat.channels
            if by_code(one.metric).name == "rr_interval"
        ]
    )


def test_beats_stand_at_the_times_of_the_samples_that_hold_them() -> None:
    signal, peaks = ecg(60)
    beats = run(frames(signal))
    found = beat_times_s(beats)
    matched = [found[np.argmin(np.abs(found - peak))] - peak for peak in peaks[:-1]]
    assert len(found) == pytest.approx(len(peaks), abs=1)
    assert np.max(np.abs(matched)) < 0.010
    assert np.allclose(intervals_ms(beats), 800, atol=2e3 / HZ)
    for beat in beats:
        assert beat.rate_hz == 0
        assert beat.offsets_us is not None
        assert beat.offsets_us[0] == 0
        assert len(beat.channels[0].values) == len(beat.offsets_us)
        assert beat.dev_ts_ns is not None
        assert beat.channels[0].physical()[0] == pytest.approx(1000, abs=250)


def test_a_gap_of_known_length_keeps_the_times_and_makes_no_interval() -> None:
    signal, peaks = ecg(60)
    beats = run(frames(signal, skip=(40, 41, 42)))
    found = beat_times_s(beats)
    after = peaks[peaks > 44 * FRAME / HZ + 2]
    for peak in after[:-1]:
        assert np.min(np.abs(found - peak)) < 0.010
    assert intervals_ms(beats).max() < 1000


def test_a_link_that_came_back_makes_no_interval_across_its_absence() -> None:
    """The first frame of a new link has no mark; the strap's clock tells of the gap."""
    signal, _ = ecg(60)
    readings = [
        replace(one, quality=Quality.RATE_ESTIMATED)
        for one in frames(signal, skip=tuple(range(40, 60)))
    ]
    assert intervals_ms(run(readings)).max() < 1000


def test_a_filter_before_the_detector_does_not_shift_the_beats() -> None:
    signal, _ = ecg(60)
    spec = replace(
        BEATS, stages=({"stage": "bandpass", "order": 2, "cutoff_hz": [0.5, 40]}, *BEATS.stages)
    )
    pipeline = StreamPipeline("strap-1", spec, "boot")
    made = [one for each in frames(signal) for one in pipeline.push(each)]
    found, plain = beat_times_s(made), beat_times_s(run(frames(signal)))
    assert len(found) == len(plain)
    assert np.abs(found - plain).max() < 0.010
    assert pipeline.push(replace(frames(signal)[0], rate_hz=50.0)) == []


def test_a_flat_line_has_no_beats_and_an_odd_rate_no_detector() -> None:
    assert run(frames(np.zeros(3000, dtype=np.int32))) == []
    slow = [
        Reading("x", "ecg", 0, None, 50.0, None, (channel("ecg", [1, 2, 3]),)),
    ]
    assert run(slow) == []


def test_the_catalogue_decides_what_is_processed() -> None:
    catalogue = models()
    processor = Processor(
        {"strap-1": catalogue["polar-h10"], "oxi-1": catalogue["ble-oximeter"]}, "boot"
    )
    signal, _ = ecg(20)
    made = [out for one in frames(signal) for out in processor.push(one)]
    assert {one.stream for one in made} == {"beats"}
    other = Reading("oxi-1", "spo2", 0, None, 0.0, None, (channel("spo2", [97]),))
    assert processor.push(other) == []


@pytest.mark.recordings
def test_beats_of_a_real_recording_match_its_annotations(recordings: object) -> None:
    """MIT-BIH 101, lead 0, in strap frames: F1 ≥ 99 % within 150 ms."""
    import wfdb

    path = f"{recordings}/ecg/mitdb/101"
    record = wfdb.rdrecord(path, channels=[0], physical=False)
    notes = wfdb.rdann(path, "atr")
    truth = np.array(
        [i for i, s in zip(notes.sample, notes.symbol, strict=True) if s in "NLRBAaJSVrFejnE/fQ?"]
    )
    gain = record.adc_gain[0]
    signal = np.rint((record.d_signal[:, 0] - record.baseline[0]) * 1000 / gain).astype(np.int32)
    readings = [
        Reading(
            "strap-1", "ecg", round(start / 360 * 1e6), None, 360.0, round(start / 360 * 1e9),
            (channel("ecg", signal[start : start + FRAME]),),
        )
        for start in range(0, len(signal), FRAME)
    ]  # fmt: skip
    found = beat_times_s(run(readings)) + MONO_US / 1e6
    hits = sum(np.min(np.abs(found - one / 360)) <= 0.150 for one in truth)
    assert 200 * hits / (len(found) + len(truth)) >= 99.0
