"""Pipelines as data: what they compute, how they name mistakes, how they survive a restart."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import vointi_signals as vs
from hypothesis import given, settings
from hypothesis import strategies as st
from vointi_signals.errors import PipelineError, StateError
from vointi_signals.pipeline import build
from vointi_signals.stages import STAGES

FS = 130
SECONDS = 40
Spec = list[dict[str, Any]]


def _ecg() -> np.ndarray:
    rng = np.random.default_rng(0)
    t = np.arange(FS * SECONDS) / FS
    beats = np.arange(0.5, SECONDS - 1, 0.8)
    x = sum(1000 * np.exp(-(((t - at) / 0.012) ** 2)) for at in beats)
    return np.asarray(x + 10 * rng.standard_normal(len(t)) + 500)


ECG = _ecg()
AXES = np.random.default_rng(1).standard_normal((FS * SECONDS, 3)) * 0.1 + [0, 0, 9.81]

CHAINS: dict[str, tuple[Spec, np.ndarray]] = {
    "hrv": (
        [
            {"stage": "notch", "mains": "auto"},
            {"stage": "qrs"},
            {"stage": "rr_clean"},
            {"stage": "hrv", "window_s": 20, "step_s": 5},
        ],
        ECG,
    ),
    "filters": (
        [
            {"stage": "resample", "rate_hz": 100},
            {"stage": "bandpass", "order": 2, "cutoff_hz": [5, 15]},
            {"stage": "median", "window_s": 0.05},
            {"stage": "decimate", "factor": 2},
        ],
        ECG,
    ),
    "baseline": ([{"stage": "baseline"}, {"stage": "qrs"}], ECG),
    "respiration": ([{"stage": "qrs"}, {"stage": "ecg_respiration"}], ECG),
    "quality": ([{"stage": "ecg_quality"}], ECG),
    "pulse": ([{"stage": "ppg_beats"}, {"stage": "ppg_respiration"}], ECG),
    "light": ([{"stage": "spo2"}], AXES[:, :2] + 5),
    "steps": ([{"stage": "lowpass", "order": 4, "cutoff_hz": 20}, {"stage": "steps"}], AXES),
    "sleep": ([{"stage": "enmo", "epoch_s": 5}, {"stage": "sleep"}], AXES),
    "posture": ([{"stage": "mad"}, {"stage": "posture"}], AXES),
    "wear": ([{"stage": "epochs", "epoch_s": 5}, {"stage": "wear", "epoch_s": 5}], AXES),
    "falls": ([{"stage": "falls", "enabled": True}], AXES),
}
each = pytest.mark.parametrize("name", CHAINS)


def _built(name: str) -> Any:
    spec, x = CHAINS[name]
    return build(spec, FS, 1 if x.ndim == 1 else x.shape[1])


def _run(pipeline: Any, parts: list[np.ndarray]) -> bytes:
    rows = [pipeline.push(part) for part in parts] + [pipeline.flush()]
    return np.concatenate(rows).tobytes()


@each
@settings(max_examples=6, deadline=None)
@given(at=st.lists(st.integers(0, FS * SECONDS), max_size=20))
def test_output_does_not_depend_on_the_cuts(name: str, at: list[int]) -> None:
    x = CHAINS[name][1]
    assert _run(_built(name), np.split(x, sorted(at))) == _run(_built(name), [x])


@each
def test_a_restart_costs_nothing(name: str) -> None:
    x = CHAINS[name][1]
    first, second = _built(name), _built(name)
    first.push(x[:2000])
    first.gap(65)
    second.set_state(first.get_state())
    assert _run(second, [x[2000:]]) == _run(first, [x[2000:]])


@each
def test_reset_is_like_new(name: str) -> None:
    x = CHAINS[name][1]
    used = _built(name)
    used.push(x)
    used.gap(5)
    used.reset()
    assert _run(used, [x]) == _run(_built(name), [x])


def test_a_chain_is_its_stages_one_after_the_other() -> None:
    spec: Spec = [{"stage": "highpass", "order": 2, "cutoff_hz": 0.5}, {"stage": "qrs"}]
    detector = import_module("vointi_signals.qrs").QrsDetector(FS)
    high = vs.SosFilter(vs.butter_sos(2, 0.5, FS, "highpass"), settle=True)
    expected = np.concatenate([detector.push(high.process(ECG)), detector.flush()])
    chain = build(spec, FS)
    assert chain.gives == "beats"
    assert _run(chain, [ECG]) == expected.tobytes()
    assert len(expected) >= 40
    assert chain.latency_s == pytest.approx(high.latency_s(FS) + detector.latency_s)


def test_rates_and_channels_are_followed() -> None:
    chain = build(
        [{"stage": "resample", "rate_hz": 125.0}, {"stage": "decimate", "factor": 5}], 130.045, 3
    )
    assert chain.rate_hz == 25.0
    assert chain.gives == "signal"
    assert len(chain.push(np.zeros((1300, 3)))[0]) == 3


def test_every_stage_of_the_table_can_be_imported() -> None:
    for stage in STAGES:
        module, _, name = stage.target.partition(":")
        made = getattr(import_module(module), name)
        assert callable(made), stage.name


WRONG: list[tuple[Any, str]] = [
    ([{"stage": "qsr"}], "stages[0].stage: no stage 'qsr'; did you mean qrs?"),
    (
        [{"stage": "notch"}, {"stage": "lowpass", "cutof_hz": 3}],
        "stages[1].cutof_hz: unknown key; did you mean cutoff_hz?",
    ),
    (
        [{"stage": "lowpass", "order": 2, "cutoff_hz": 900}],
        "stages[0].cutoff_hz: 900; use a frequency between 0 and 65 Hz",
    ),
    ([{"stage": "lowpass", "order": 2}], "stages[0].cutoff_hz: missing; lowpass needs it"),
    (
        [{"stage": "lowpass", "order": "2", "cutoff_hz": 9}],
        "stages[0].order: '2' is not a whole number",
    ),
    (
        [{"stage": "bandpass", "order": 2, "cutoff_hz": 9}],
        "stages[0].cutoff_hz: 9 is not a list of numbers",
    ),
    (
        [{"stage": "lowpass", "order": True, "cutoff_hz": 9}],
        "stages[0].order: True is not a whole number",
    ),
    ([{"stage": "notch", "mains": 55}], '"auto", 50 or 60'),
    (
        [{"stage": "hrv"}],
        "stages[0].stage: hrv takes rr, but a pipeline begins with samples",
    ),
    (
        [{"stage": "qrs"}, {"stage": "hrv"}],
        "stages[1].stage: hrv takes rr, but qrs gives beats",
    ),
    (
        [{"stage": "qrs"}, {"stage": "notch"}],
        "stages[1].stage: notch takes samples, but qrs gives beats",
    ),
    ([{"stage": "steps"}], "stages[0].stage: steps takes 3 channels, the input has 1"),
    ([{"stage": "decimate", "factor": 0}], "stages[0].factor: 0"),
    ([{"stage": "resample", "rate_hz": 1e5}], "stages[0].rate_hz: 100000.0"),
    ([{"stage": "median", "window_s": 0}], "stages[0].window_s: 0"),
    ([{"stage": "qrs", "q": 1}], "stages[0].q: unknown key; it takes none"),
    ([{}], "stages[0].stage: missing"),
    ([{"stage": 3}], "stages[0].stage: not a text"),
    (["qrs"], "stages[0]: a str"),
    ([], "stages: 0 stages"),
    ("qrs", "stages: a str"),
    ({"stage": "qrs"}, "stages: a dict"),
    (None, "stages: a NoneType"),
]


@pytest.mark.parametrize(("spec", "message"), WRONG)
def test_mistakes_are_named_by_their_key(spec: Any, message: str) -> None:
    with pytest.raises(PipelineError) as caught:
        build(spec, FS)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_wrong_rate_and_state_are_named() -> None:
    with pytest.raises(vs.ParameterError, match=r"^fs: "):
        build([{"stage": "qrs"}], 0)
    one, other = build([{"stage": "qrs"}], FS), build([{"stage": "ecg_quality"}], FS)
    for raw in (b"", b"{}", other.get_state()):
        with pytest.raises(StateError):
            one.set_state(raw)


def test_the_documentation_lists_every_stage_and_key(root: Path) -> None:
    page = (root / "docs" / "signals" / "pipelines.md").read_text()
    for stage in STAGES:
        assert f"`{stage.name}`" in page
        for param in stage.params:
            assert param.name in page
    index = (root / "docs" / "signals" / "index.md").read_text()
    for path in (root / "docs" / "signals").glob("*.md"):
        assert path.name == "index.md" or f"({path.name})" in index
