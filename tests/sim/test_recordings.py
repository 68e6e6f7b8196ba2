"""Reading recordings: exact microvolts, or one line that says what is wrong."""

from __future__ import annotations

import builtins
from pathlib import Path
from typing import Any

import edfio
import numpy as np
import pytest
import wfdb
from vointi_sim.errors import MissingExtraError, RecordingError
from vointi_sim.recordings import read
from vointi_sim.recordings.peaks import peaks_s


def write_wfdb(folder: Path, name: str, digital: np.ndarray, **changes: Any) -> Path:
    wfdb.wrsamp(
        name,
        **{
            "fs": 250,
            "units": ["mV"] * digital.shape[1],
            "sig_name": ["I", "II"][: digital.shape[1]],
            "d_signal": digital,
            "fmt": ["16"] * digital.shape[1],
            "adc_gain": [200.0] * digital.shape[1],
            "baseline": [0] * digital.shape[1],
            "write_dir": str(folder),
            **changes,
        },
    )
    return folder / name


def test_a_wfdb_record_is_rounded_as_promised(tmp_path: Path) -> None:
    digital = np.arange(-500, 500).reshape(-1, 1)
    path = write_wfdb(tmp_path, "r", digital, adc_gain=[163.84], baseline=[-7])
    recording = read(path)
    expected = [round((int(adc) + 7) * 1000 / 163.84) for adc in digital[:, 0]]
    assert recording.microvolts.tolist() == expected
    assert (recording.rate_hz, recording.lead, recording.invalid) == (250, "I", 0)
    assert read(tmp_path / "r.hea").microvolts.tolist() == expected


def test_the_lead_and_the_length_are_chosen(tmp_path: Path) -> None:
    path = write_wfdb(tmp_path, "r", np.stack([np.arange(1000), -np.arange(1000)], axis=1))
    recording = read(path, lead=1, seconds=2)
    assert recording.lead == "II"
    assert recording.microvolts.tolist() == [-5 * n for n in range(500)]
    assert len(read(path, seconds=99).microvolts) == 1000
    with pytest.raises(RecordingError, match=r"--lead: there is no lead 2; .* 0 \(I\), 1 \(II\)"):
        read(path, lead=2)


def test_samples_marked_invalid_are_counted(tmp_path: Path) -> None:
    digital = np.full((100, 1), 10)
    digital[5:8] = -32_768
    recording = read(write_wfdb(tmp_path, "r", digital))
    assert recording.invalid == 3
    assert recording.microvolts[4:9].tolist() == [50, 0, 0, 0, 50]


def test_an_edf_file(tmp_path: Path) -> None:
    wave = np.round(np.sin(np.arange(1280) / 20) * 1000) / 1000
    signal = edfio.EdfSignal(
        wave, sampling_frequency=128, label="ECG", physical_dimension="mV",
        physical_range=(-32.768, 32.767),
    )  # fmt: skip
    edfio.Edf([signal]).write(tmp_path / "r.edf")
    recording = read(tmp_path / "r.edf", seconds=5)
    assert recording.rate_hz == 128
    assert recording.microvolts.tolist() == np.rint(wave[:640] * 1000).astype(int).tolist()


def test_a_lead_that_is_no_voltage(tmp_path: Path) -> None:
    path = write_wfdb(tmp_path, "r", np.zeros((100, 1), dtype=int), units=["mmHg"])
    with pytest.raises(RecordingError, match="--lead: the lead's unit is 'mmHg'"):
        read(path)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("photo.hea", b"\xff\xd8\xff\xe0 not a recording"),
        ("photo", b"\xff\xd8\xff\xe0 not a recording"),
        ("empty.hea", b""),
        ("empty.edf", b""),
        ("cut.edf", b"0       " + b" " * 100),
        ("alone.hea", b"alone 1 250 1000\nalone.dat 16 200 16 0 0 0 0 I\n"),
    ],
)
def test_what_is_no_recording(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(RecordingError) as caught:
        read(tmp_path / name)
    said = str(caught.value)
    assert said.startswith("RECORD: ")
    assert Path(name).stem in said
    assert "give a WFDB record" in said
    assert "\n" not in said


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match=r"RECORD: there is no .*/nowhere and no nowhere.hea"):
        read(tmp_path / "nowhere")


def test_a_missing_library_names_its_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_wfdb(tmp_path, "r", np.zeros((100, 1), dtype=int))
    real = builtins.__import__

    def without(name: str, *args: Any) -> Any:
        if name == "wfdb":
            raise ImportError(name)
        return real(name, *args)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingExtraError, match=r"pip install 'vointi-sim\[play\]'"):
        read(path)


def test_beats_are_found_well_enough_for_a_rate() -> None:
    from vointi_sim.physiology import Person

    person = Person(2)
    times = np.arange(60 * 250) / 250
    found = peaks_s(person.heart.ecg_uv(times, 0).astype(np.int32), 250)
    beats = [beat.time_s for beat in person.heart.beats(0.3, 59.8)]
    matched = [beat for beat in beats if min(abs(beat - one) for one in found) < 0.1]
    assert len(matched) == len(beats)
    assert abs(len(found) - len(beats)) <= 1
    assert peaks_s(np.zeros(5000, dtype=np.int32), 250) == []


@pytest.mark.recordings
def test_record_101_of_mit_bih(recordings: Path) -> None:
    path = recordings / "ecg" / "mitdb" / "101"
    recording = read(path)
    record = wfdb.rdrecord(str(path), channels=[0], physical=False)
    gain, baseline = record.adc_gain[0], record.baseline[0]
    assert recording.rate_hz == 360
    back = recording.microvolts * gain / 1000 + baseline
    assert np.array_equal(back, record.d_signal[:, 0])
    found = np.array(peaks_s(recording.microvolts, 360))
    marks = wfdb.rdann(str(path), "atr")
    beats = [s / 360 for s, y in zip(marks.sample, marks.symbol, strict=True) if y in "NAVQ"]
    near = [np.abs(found - beat).min() < 0.15 for beat in beats]
    assert np.mean(near) > 0.98
    assert len(found) < 1.02 * len(beats)
