"""What every routine of PPG and movement promises about streams, states and bad input."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import motion_sim
import numpy as np
import pulse_sim
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from vointi_signals.errors import InputError, ParameterError, SignalError, StateError
from vointi_signals.falls import FallCandidates
from vointi_signals.motion import MotionEpochs
from vointi_signals.oximetry import PulseOximeter
from vointi_signals.ppg import PpgBeats
from vointi_signals.steps import StepCounter

FS = 50.0
MAKERS: dict[str, Callable[..., Any]] = {
    "ppg": PpgBeats,
    "oximetry": PulseOximeter,
    "steps": StepCounter,
    "motion": MotionEpochs,
    "falls": lambda fs: FallCandidates(fs, enabled=True),
}
every = pytest.mark.parametrize("name", sorted(MAKERS))


def _inputs() -> dict[str, NDArray[np.float64]]:
    rng = np.random.default_rng(1)
    pulse, _ = pulse_sim.pulse(FS, 30, rng)
    pulse[700:760] = np.nan
    t = np.arange(1500) / FS
    walk = np.zeros((1500, 3))
    walk[:, 2] = motion_sim.G + 2.5 * np.cos(2 * np.pi * 1.8 * t)
    walk[1200:1230] *= 4
    walk[900:960] = np.nan
    walk += rng.normal(0, 0.1, walk.shape)
    light = 50_000 - 500 * np.column_stack([0.6 * (pulse - 5), pulse - 5])
    return {"ppg": pulse, "oximetry": light, "steps": walk, "motion": walk, "falls": walk}


INPUTS = _inputs()


def run(routine: Any, chunks: list[NDArray[Any]]) -> NDArray[np.void]:
    return np.concatenate([*[routine.push(c) for c in chunks], routine.flush()])


@every
@settings(max_examples=25, deadline=None)
@given(cuts=st.lists(st.integers(0, 1500), max_size=30))
def test_how_the_input_is_cut_changes_nothing(name: str, cuts: list[int]) -> None:
    want = run(MAKERS[name](FS), [INPUTS[name]])
    got = run(MAKERS[name](FS), np.split(INPUTS[name], sorted(cuts)))
    assert got.tobytes() == want.tobytes()


@every
def test_one_sample_at_a_time(name: str) -> None:
    want = run(MAKERS[name](FS), [INPUTS[name]])
    got = run(MAKERS[name](FS), [INPUTS[name][i : i + 1] for i in range(1500)])
    assert got.tobytes() == want.tobytes()


@every
@settings(max_examples=15, deadline=None)
@given(at=st.integers(0, 1500))
def test_a_saved_state_goes_on_as_if_nothing_had_happened(name: str, at: int) -> None:
    want = run(MAKERS[name](FS), [INPUTS[name]])
    first, second = MAKERS[name](FS), MAKERS[name](FS)
    head = first.push(INPUTS[name][:at])
    saved = first.get_state()
    assert len(saved) <= 10_000
    assert first.state_size <= 10_000
    second.set_state(saved)
    got = np.concatenate([head, run(second, [INPUTS[name][at:]])])
    assert got.tobytes() == want.tobytes()


@every
def test_reset_forgets(name: str) -> None:
    routine = MAKERS[name](FS)
    want = run(routine, [INPUTS[name]])
    routine.reset()
    assert run(routine, [INPUTS[name]]).tobytes() == want.tobytes()
    assert routine.latency_s > 0


@every
def test_other_types_of_numbers(name: str) -> None:
    x = np.nan_to_num(INPUTS[name], nan=float(np.nanmean(INPUTS[name])))
    scaled = x * (100 if x.max() < 300 else 0.5)
    for kind in (np.float32, np.int16, np.int32):
        exact = scaled.astype(kind)
        want = run(MAKERS[name](FS), [exact.astype(np.float64)])
        assert run(MAKERS[name](FS), [exact]).tobytes() == want.tobytes()
    backwards = np.ascontiguousarray(x[::-1])[::-1]
    backwards.flags.writeable = False
    assert not backwards.flags.c_contiguous
    assert run(MAKERS[name](FS), [backwards]).tobytes() == run(MAKERS[name](FS), [x]).tobytes()


@every
@pytest.mark.parametrize(
    "bad",
    [None, "x", [["a"]], np.zeros((2, 2, 2)), np.zeros((5, 7)), np.zeros(5, complex), [[True]]],
)
def test_bad_input_raises_one_clear_error(name: str, bad: object) -> None:
    routine = MAKERS[name](FS)
    with pytest.raises(InputError, match="x"):
        routine.push(bad)
    assert run(routine, [INPUTS[name]]).tobytes() == run(MAKERS[name](FS), [INPUTS[name]]).tobytes()


@every
@pytest.mark.parametrize("fs", [0, -1, np.nan, np.inf, "50", None, True, 3.0, 1e6])
def test_bad_rates_are_named(name: str, fs: object) -> None:
    with pytest.raises(ParameterError, match="fs"):
        MAKERS[name](fs)


@every
@pytest.mark.parametrize("n", [-1, 1.5, None, True, 1 << 50])
def test_bad_gaps_are_named(name: str, n: object) -> None:
    with pytest.raises(ParameterError, match="n_missing"):
        MAKERS[name](FS).gap(n)


@every
def test_bad_states_are_refused_and_change_nothing(name: str) -> None:
    routine = MAKERS[name](FS)
    routine.push(INPUTS[name][:400])
    saved = routine.get_state()
    broken = bytearray(saved)
    broken[-5] ^= 0x10
    others = [MAKERS[n](FS).get_state() for n in MAKERS if n != name]
    slower = MAKERS[name](FS + 1).get_state()
    for bad in (None, b"", {}, saved[:-1], saved + b"x", bytes(broken), slower, *others):
        with pytest.raises(StateError):
            routine.set_state(bad)
    assert routine.get_state() == saved


@every
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_any_numbers_do_no_harm(name: str, data: st.DataObject) -> None:
    width = 1 if name == "ppg" else 2 if name == "oximetry" else 3
    wild = st.floats(width=64) | st.sampled_from([0.0, 1e300, -1e300, 5e-324, np.inf])
    row = data.draw(st.lists(wild, min_size=1, max_size=40))
    repeat = data.draw(st.integers(1, 200))
    x = np.tile(np.array(row), repeat * width)[: len(row) * repeat // width * width]
    routine = MAKERS[name](FS)
    routine.push(x if width == 1 else x.reshape(-1, width))
    routine.gap(data.draw(st.integers(0, 500)))
    after = run(routine, [INPUTS[name]])
    assert np.isfinite(after["time_s"]).all()
    assert (np.diff(after["index"]) >= 0).all()


@every
def test_every_error_is_of_one_root(name: str) -> None:
    with pytest.raises(SignalError):
        MAKERS[name]("fast")
