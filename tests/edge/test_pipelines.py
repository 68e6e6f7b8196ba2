"""Pipelines as data on the edge: steps, HRV, quality, and a memory that outlives a restart."""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from edge_parts import ECG_HZ as HZ
from edge_parts import ROOT, Hub, SetClock, ecg, frames, models
from vointi_contract.frame import Quality
from vointi_contract.metrics import by_code
from vointi_edge.catalogue import load_model
from vointi_edge.decoders.heart_rate import heart_rate
from vointi_edge.decoders.values import channel
from vointi_edge.errors import ConfigError
from vointi_edge.outbox.vault import OpenVault, SealedVault
from vointi_edge.pipelinenotes import PipelineNotes
from vointi_edge.pipelines import PipelineSpec
from vointi_edge.processing.processor import Processor
from vointi_edge.processing.stream import StreamPipeline
from vointi_edge.reading import Reading
from vointi_edge.sources.ports import Context
from vointi_edge.sources.scalars import scalar_reading

STRAP = models()["polar-h10"]
VAULT = SealedVault([bytes(range(32))])
BEATS = PipelineSpec(
    "ecg", "beats", ({"stage": "qrs"},), (), 60.0, ("beat", "rr_interval"), "event"
)


def values(reading: Reading) -> dict[str, list[float]]:
    return {by_code(one.metric).name: one.physical().tolist() for one in reading.channels}


def walk(seconds: float, hz: float = 50.0) -> list[Reading]:
    """A walk of 108 steps a minute in milli-g, in frames of 25."""
    rng = np.random.default_rng(1)
    t = np.arange(round(seconds * hz)) / hz
    bounce = 300 * np.abs(np.sin(np.pi * 1.8 * t)) - 190
    axes = np.stack([0.2 * bounce, 0.1 * bounce, 1000 + bounce])
    axes = np.rint(axes + 5 * rng.standard_normal(axes.shape)).astype(np.int32)
    return [
        Reading(
            "strap-1", "acc", round(start / hz * 1e6), None, hz, round(start / hz * 1e9),
            tuple(channel(f"acc_{axis}", axes[n, start : start + 25])
                  for n, axis in enumerate("xyz")),
        )
        for start in range(0, len(t), 25)
    ]  # fmt: skip


def run(readings: list[Reading], states: Any = None) -> list[Reading]:
    processor = Processor({"strap-1": STRAP}, "boot", states)
    return [made for one in readings for made in processor.push(one)]


def test_a_walk_is_told_minute_by_minute() -> None:
    made = run(walk(181))
    assert [one.stream for one in made] == ["steps"] * 3
    assert [round(one.mono_us / 1e6) for one in made] == [60, 120, 180]
    for one in made:
        assert one.quality == Quality.OK
        assert values(one)["cadence"][0] == pytest.approx(108, abs=2)
    assert sum(values(one)["steps"][0] for one in made) == pytest.approx(324, abs=6)


def test_a_minute_that_was_hardly_seen_says_nothing() -> None:
    still = [
        replace(one, channels=tuple(replace(c, values=np.full(25, 577)) for c in one.channels))
        for one in walk(240)
    ]
    seen = [one for one in still if not 70e6 <= one.mono_us < 150e6]
    made = run(seen)
    assert [round(one.mono_us / 1e6) for one in made] == [60, 180, 240]
    assert [one.quality for one in made] == [Quality.OK, Quality.GAP_BEFORE, Quality.OK]
    assert [values(one) for one in made] == [{"steps": [0.0]}] * 3


def test_five_clean_minutes_make_a_variability() -> None:
    signal, _ = ecg(400)
    made = [one for one in run(frames(signal)) if one.stream == "hrv"]
    assert len(made) == 2
    told = values(made[0])
    assert told["rmssd"][0] == pytest.approx(0, abs=8)  # 7.7 ms are one sample
    assert set(told) == {"rmssd", "sdnn"}
    assert made[0].mono_us / 1e6 - 9 == pytest.approx(300, abs=3)


def test_a_lead_that_is_off_is_told_with_the_beats() -> None:
    signal, _ = ecg(40)
    noise = np.random.default_rng(2).normal(0, 400, len(signal))
    noisy = signal + np.where(np.arange(len(signal)) > 15 * HZ, noise, 0)
    made = [one for one in run(frames(np.rint(noisy).astype(np.int32))) if one.stream == "beats"]
    early = [one for one in made if one.mono_us < 23e6]
    assert not any(one.quality & Quality.NOISY for one in early)
    assert any(one.quality & Quality.NOISY for one in made if one.mono_us > 32e6)


def after_restart(path: Path, gap_frames: int = 4) -> list[Reading]:
    """Learn, save, load into a new processor, and return what it makes of the next seconds."""
    signal, _ = ecg(60)
    readings = frames(signal)
    first = Processor({"strap-1": STRAP}, "boot")
    for one in readings[:60]:
        first.push(one)
    notes = PipelineNotes(path, VAULT)
    notes.store(first.states())
    assert b"stages" not in path.read_bytes()
    again = Processor({"strap-1": STRAP}, "boot", notes.load())
    return [
        made
        for one in readings[60 + gap_frames : 66 + gap_frames]
        for made in again.push(replace(one, quality=Quality.RATE_ESTIMATED))
    ]


def test_a_restart_costs_no_learning_phase(tmp_path: Path) -> None:
    """Three seconds are learnt from, and their beats late; after a restart the first is in time."""
    beats = after_restart(tmp_path / "pipelines.sealed")
    signal, _ = ecg(60)
    assert not run(frames(signal)[64:68])
    first = 64 * 73 / HZ
    assert (beats[0].mono_us / 1e6 - 9) - first < 1.7
    assert all(one.quality == Quality.OK for one in beats)
    assert "rr_interval" not in values(beats[0])
    assert values(beats[1])["rr_interval"][0] == pytest.approx(800, abs=10)


def test_windows_and_open_minutes_go_on_after_a_restart(tmp_path: Path) -> None:
    signal, _ = ecg(310)
    both = sorted([*frames(signal), *walk(310)], key=lambda one: one.dev_ts_ns or 0)
    states: Any = None
    made: list[Reading] = []
    for part in (both[: len(both) // 2], both[len(both) // 2 :]):
        processor = Processor({"strap-1": STRAP}, "boot", states)
        made += [out for one in part for out in processor.push(one)]
        states = json.loads(json.dumps(processor.states()))
    assert sum(one.stream == "hrv" for one in made) == 1
    steps = [values(one)["steps"][0] for one in made if one.stream == "steps"]
    assert steps == pytest.approx([108] * 5, abs=9)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "Expecting value"),
        ('{"version": 7, "pipelines": {}}', "not of version 1"),
        ('{"version": 1, "pipelines": [1]}', "holds no states"),
    ],
)
def test_a_file_that_does_not_fit_is_one_line(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, content: str, said: str
) -> None:
    path = tmp_path / "pipelines.sealed"
    path.write_bytes(b" " * 8 + content.encode())
    assert PipelineNotes(path, OpenVault()).load() == {}
    (record,) = caplog.records
    assert record.getMessage().startswith("pipelines.sealed: ignored, all is learnt anew: ")
    assert said in record.getMessage()
    assert PipelineNotes(tmp_path / "none", OpenVault()).load() == {}


def test_a_file_of_another_box_is_one_line(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "pipelines.sealed"
    PipelineNotes(path, VAULT).store({"a/b": {"fs": 1}})
    assert PipelineNotes(path, VAULT).load() == {"a/b": {"fs": 1}}
    assert PipelineNotes(path, SealedVault([bytes(32)])).load() == {}
    path.write_bytes(path.read_bytes()[:-1])
    assert PipelineNotes(path, VAULT).load() == {}
    assert len(caplog.records) == 2


def test_what_is_not_agreed_is_forgotten_and_not_run() -> None:
    signal, _ = ecg(20)
    processor = Processor({"strap-1": STRAP}, "boot")
    for one in frames(signal):
        processor.push(one)
    assert set(processor.states()) == {"strap-1/beats", "strap-1/hrv"}
    processor.allow(lambda device, stream, class_: (device, stream) == ("strap-1", "hrv"))
    assert set(processor.states()) == {"strap-1/hrv"}
    assert [out for one in frames(signal) for out in processor.push(one)] == []
    processor.allow(lambda *_: True)
    assert [out for one in frames(signal) for out in processor.push(one)]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"fs": 360.0}, "saved at 360.0 Hz"),
        ({"stages": "AAAA"}, "not a saved state"),
        ({"output": None, "next": "x"}, "invalid literal"),
        ({"end_ns": 0}, "623 s before the first sample"),
        ({"end_ns": 10**13}, "-9381 s before the first sample"),
        ({"clock": "another boot"}, "started anew"),
        ({"stages": None}, "None"),
    ],
)
def test_a_state_that_does_not_fit_is_one_line_and_a_new_start(
    caplog: pytest.LogCaptureFixture, change: dict[str, Any], said: str
) -> None:
    signal, _ = ecg(30)
    readings = [replace(one, dev_ts_ns=(one.dev_ts_ns or 0) + 600 * 10**9)
                for one in frames(signal)]  # fmt: skip
    first = StreamPipeline("strap-1", BEATS, "boot")
    for one in readings[:30]:
        first.push(one)
    state = first.state()
    assert state is not None
    again = StreamPipeline("strap-1", BEATS, "boot", state | change)
    with caplog.at_level(logging.WARNING):
        made = [out for one in readings[31:] for out in again.push(one)]
    fresh = StreamPipeline("strap-1", BEATS, "boot")
    assert made == [out for one in readings[31:] for out in fresh.push(one)]
    (record,) = caplog.records
    assert record.getMessage().startswith("strap-1/beats: learns anew, its saved state does not")
    assert said in record.getMessage()


def test_no_room_for_the_file_is_one_line(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "pipelines.sealed"
    notes = PipelineNotes(path, VAULT)
    path.mkdir()
    notes.store({"a/b": {"fs": 2}})
    (record,) = caplog.records
    assert record.getMessage().startswith("pipelines.sealed: cannot be written (")


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        (
            "window_s = 300", "windows_s = 300",
            "pipeline[2].stages[3].windows_s: unknown key; did you mean window_s?",
        ),
        (
            "window_s = 300", "window_s = 5",
            "pipeline[2].stages[3].window_s: 5 is outside 10.0 to 3600.0",
        ),
        ('unit = "mg"', 'unit = "kg"', "pipeline[3].stages[1].unit: 'kg'; use one of m/s2, g, mg"),
        (
            '{ stage = "ecg_quality", window_s = 4 }', '{ stage = "qrs" }',
            "pipeline[1].quality: ends in beats; end it with stage ecg_quality",
        ),
        ("window_s = 4", "window_s = 400", "pipeline[1].quality[1].window_s: 400"),
        ('["rmssd", "sdnn"]', '["rmssd", "spo2"]', 'pipeline[2].metrics: "spo2" is not known'),
        ("rate_hz = 130", "rate_hz = 50", "pipeline[1].stages[1].fs: 50.0"),
        ('{ stage = "steps"', '{ stage = "epochs"', "pipeline[3].stages: give epochs, which"),
        ('stages = [{ stage = "qrs" }]', 'stages = "qrs"', "pipeline[1].stages: must be a list"),
        ("every_s = 60", "every_s = 0", "pipeline[3].every_s: must be at least 1"),
    ],
)  # fmt: skip
def test_a_mistake_in_a_pipeline_names_its_key(
    tmp_path: Path, old: str, new: str, line: str
) -> None:
    text = (ROOT / "hardware" / "catalogue" / "polar-h10.toml").read_text()
    assert old in text
    (tmp_path / "polar-h10.toml").write_text(text.replace(old, new, 1))
    with pytest.raises(ConfigError) as caught:
        load_model(tmp_path / "polar-h10.toml")
    assert str(caught.value.problems[0]).startswith(f"polar-h10.toml: {line}")


def test_a_strap_that_is_not_worn_says_so_and_no_rate() -> None:
    context = Context(Hub(), SetClock())
    spec = next(one for one in STRAP.streams if one.id == "hr")
    for message in (b"\x04\x00", b"\x04\x48", b"\x14\x48\x00\x04"):
        reading = scalar_reading(context, "strap-1", spec, heart_rate(message), 5)
        assert reading is not None
        assert reading.quality == Quality.NOT_WORN
        assert values(reading) == {"hr_contact": [0.0]}
    worn = scalar_reading(context, "strap-1", spec, heart_rate(b"\x06\x48"), 5)
    assert worn is not None
    assert worn.quality == Quality.OK
    assert values(worn) == {"heart_rate": [72.0], "hr_contact": [1.0]}
    unknown = scalar_reading(context, "strap-1", spec, heart_rate(b"\x00\x48"), 5)
    assert unknown is not None
    assert values(unknown) == {"heart_rate": [72.0]}
    assert scalar_reading(context, "strap-1", spec, heart_rate(b"\x00\x00"), 5) is None
