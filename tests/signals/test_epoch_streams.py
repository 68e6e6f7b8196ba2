"""Random cuts, restarts, holes and damage: routines on epochs, and the detectors of an ECG."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import ecg_sim
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from vointi_signals.ecg_quality import EcgQuality
from vointi_signals.errors import InputError, SignalError, StateError
from vointi_signals.motion import EPOCH_DTYPE, MotionEpochs
from vointi_signals.posture import PostureTracker
from vointi_signals.qrs import QrsDetector
from vointi_signals.sleep import SleepWake
from vointi_signals.wear import WearDetector

EPOCHS = 700
EPOCH_ROUTINES: dict[str, Callable[[], Any]] = {
    "posture": PostureTracker,
    "wear": lambda: WearDetector(6.0),
    "sleep": lambda: SleepWake(6.0),
    "sleep by direction": lambda: SleepWake(6.0, "direction"),
}
FS = 250.0
SAMPLES = 5000
ECG_ROUTINES: dict[str, Callable[[], Any]] = {
    "qrs": lambda: QrsDetector(FS),
    "ecg quality": lambda: EcgQuality(FS),
}
SHORT = settings(max_examples=15, deadline=None)


def _epochs() -> NDArray[np.void]:
    """Epochs of a person who walks, rests, lays the sensor down and loses it for a while."""
    rng = np.random.default_rng(8)
    acc = np.tile([0.2, 0.1, 0.9], (EPOCHS * 60, 1)) + rng.normal(0, 0.002, (EPOCHS * 60, 3))
    acc[3000:9000] += rng.normal(0, 0.3, (6000, 3))
    acc[9000:15000, 0] += np.repeat(rng.normal(0, 0.4, 100), 60)
    acc[20000:23500] = np.nan
    return MotionEpochs(10.0, 6.0, "g").push(acc)


def _ecg() -> NDArray[np.float64]:
    times = ecg_sim.beat_times(SAMPLES / FS, np.random.default_rng(9))
    x = ecg_sim.ecg(times, SAMPLES / FS, FS)[:SAMPLES]
    x[2000:2400] = np.nan
    return x


INPUTS: dict[str, Any] = dict.fromkeys(EPOCH_ROUTINES, _epochs()) | dict.fromkeys(
    ECG_ROUTINES, _ecg()
)
ROUTINES = EPOCH_ROUTINES | ECG_ROUTINES


def run(routine: Any, parts: list[NDArray[Any]]) -> bytes:
    return np.concatenate([*[routine.push(part) for part in parts], routine.flush()]).tobytes()


@pytest.mark.parametrize("name", ROUTINES)
@SHORT
@given(cuts=st.lists(st.integers(0, SAMPLES), max_size=20), at=st.integers(0, SAMPLES))
def test_cuts_and_restarts_change_nothing(name: str, cuts: list[int], at: int) -> None:
    x = INPUTS[name]
    at %= len(x)
    want = run(ROUTINES[name](), [x])
    first, second = ROUTINES[name](), ROUTINES[name]()
    head = [first.push(part) for part in np.split(x[:at], sorted(c for c in cuts if c < at))]
    second.set_state(first.get_state())
    rest = np.split(x[at:], sorted(c - at for c in cuts if at <= c < len(x)))
    got = np.concatenate(head).tobytes() + run(second, rest)
    assert got == want


@pytest.mark.parametrize("name", EPOCH_ROUTINES)
def test_reset_forgets_and_nothing_gives_nothing(name: str) -> None:
    routine = EPOCH_ROUTINES[name]()
    want = run(routine, [INPUTS[name]])
    routine.reset()
    assert len(routine.push(INPUTS[name][:0])) == 0
    assert run(routine, [INPUTS[name]]) == want


@pytest.mark.parametrize("name", EPOCH_ROUTINES)
@SHORT
@given(data=st.data())
def test_damaged_states_are_refused_or_harmless(name: str, data: st.DataObject) -> None:
    source, target = EPOCH_ROUTINES[name](), EPOCH_ROUTINES[name]()
    source.push(INPUTS[name][:300])
    raw = bytearray(source.get_state())
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.sampled_from(b"0159-.e,x"))
    with contextlib.suppress(StateError):
        target.set_state(bytes(raw))
    with contextlib.suppress(SignalError):
        target.push(INPUTS[name][300:])
    target.flush()


@pytest.mark.parametrize("name", EPOCH_ROUTINES)
@SHORT
@given(value=st.floats(), field=st.sampled_from(["mean_g", "mad_mg", "sd_mg", "low_g", "high_g"]))
def test_any_measure_does_no_harm(name: str, value: float, field: str) -> None:
    x = INPUTS[name].copy()
    x[field][100:103] = value
    routine = EPOCH_ROUTINES[name]()
    with np.errstate(all="ignore"):
        routine.push(x)
    routine.flush()


@pytest.mark.parametrize("time_s", [np.nan, np.inf, 1e300, 1e9])
def test_a_wrong_clock_is_one_clear_error(time_s: float) -> None:
    rows = np.zeros(2, EPOCH_DTYPE)
    rows["time_s"] = [0.0, time_s]
    with pytest.raises(InputError, match=r"^epochs: time_s"):
        WearDetector(6.0).push(rows)
