"""Bad input to every compiled routine: one clear error, a flag or NaN; never a crash.

``tools/sanitize.sh`` runs this file against a build with sanitizers.
"""

from __future__ import annotations

import contextlib
import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import vointi_signals as vs
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from vointi_signals.ecg_quality import EcgQuality
from vointi_signals.falls import FallCandidates
from vointi_signals.motion import MotionEpochs
from vointi_signals.oximetry import PulseOximeter
from vointi_signals.ppg import PpgBeats
from vointi_signals.qrs import QrsDetector
from vointi_signals.steps import StepCounter

from tests.signals.filter_kit import FS, MAKERS, WIDE

ROUTINES: dict[str, tuple[Callable[[], Any], int]] = {
    **{name: (make, 1) for name, make in MAKERS.items()},
    **{f"{name} x3": ((lambda make=make: make(3)), 3) for name, make in WIDE.items()},
    **{f"{name} x5": ((lambda make=make: make(5)), 5) for name, make in WIDE.items()},
    "qrs": (lambda: QrsDetector(FS), 1),
    "ecg quality": (lambda: EcgQuality(FS), 1),
    "ppg": (lambda: PpgBeats(FS), 1),
    "oximeter": (lambda: PulseOximeter(FS), 2),
    "steps": (lambda: StepCounter(FS), 3),
    "epochs": (lambda: MotionEpochs(FS), 3),
    "falls": (lambda: FallCandidates(FS, enabled=True), 3),
}
each = pytest.mark.parametrize("name", ROUTINES)
QUICK = settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))

SPECIAL = [0.0, -0.0, 1.0, -1.0, 5e-324, 1e-300, 1e12, 1e38, 1e300, 1.7e308, 32767, -32768]
LENGTHS = [0, 1, 2, 3, 7, 15, 16, 17, 63, 64, 65, 169, 170, 171, 255, 256, 257, 511, 512, 513, 2000]


def _shaped(channels: int, n: int) -> tuple[int, ...]:
    return (n,) if channels == 1 else (n, channels)


def test_the_build_under_test_is_the_one_meant() -> None:
    wanted = os.environ.get("VOINTI_FUZZ_PATH")
    if wanted is None:
        pytest.skip("only for tools/sanitize.sh")
    assert Path(vs.__file__).is_relative_to(wanted)


@each
@QUICK
@given(seed=st.integers(0, 2**32 - 1))
def test_any_numbers_in_any_cuts(name: str, seed: int) -> None:
    """Feed good, bad and extreme samples of all types, with gaps, flushes and restarts between."""
    make, channels = ROUTINES[name]
    stream, rng, pick = make(), np.random.default_rng(seed), random.Random(seed)
    for _ in range(pick.randint(1, 8)):
        x = rng.standard_normal(_shaped(channels, pick.choice(LENGTHS))) * 10 ** pick.uniform(-3, 6)
        bad = rng.random(x.shape) < pick.choice([0.0, 0.0, 0.01, 1.0])
        x[bad] = pick.choice([*SPECIAL, np.nan, np.inf, -np.inf])
        with np.errstate(all="ignore"):
            x = x.astype(pick.choice([np.float64, np.float32, np.int16, np.int32, ">f8", "<f2"]))
        stream.push(x[:: pick.choice([1, 1, 2, -1])])
        action = pick.randrange(6)
        if action == 0:
            with contextlib.suppress(vs.SignalError):  # more than a routine can count
                stream.gap(pick.choice([0, 1, 5, 1000, 10**9]))
        elif action == 1:
            stream.flush()
        elif action == 2:
            stream.reset()
        elif action == 3:
            fresh = make()
            fresh.set_state(stream.get_state())
            stream = fresh
    stream.flush()


@each
@pytest.mark.parametrize("value", [np.nan, np.inf, 0.0, 1e300, 32767.0])
def test_nothing_but_one_value(name: str, value: float) -> None:
    make, channels = ROUTINES[name]
    stream = make()
    stream.push(np.full(_shaped(channels, 5000), value))
    stream.push(np.random.default_rng(0).standard_normal(_shaped(channels, 3000)))
    stream.flush()


@each
@pytest.mark.parametrize(
    "x",
    [
        None,
        "text",
        b"bytes",
        object(),
        3.0,
        {},
        [[1], [1, 2]],
        np.zeros((2, 2, 2)),
        np.zeros((3, 9)),
        np.zeros((0, 9)),
        np.zeros(4, complex),
        np.zeros(4, bool),
        np.zeros(4, "M8[s]"),
        np.zeros(4, [("a", float)]),
        np.array(["a"]),
    ],
    ids=lambda x: "object" if type(x) is object else repr(x),  # no address: names stay the same
)
def test_what_is_no_signal_is_refused(name: str, x: Any) -> None:
    make, _ = ROUTINES[name]
    stream = make()
    before = stream.get_state()
    with pytest.raises(vs.SignalError) as caught:
        stream.push(x)
    assert "\n" not in str(caught.value)
    assert stream.get_state() == before


@each
@QUICK
@given(data=st.data())
def test_damaged_states_are_refused_or_harmless(name: str, data: st.DataObject) -> None:
    """A state whose bytes were damaged is refused, or still a state to go on from."""
    make, channels = ROUTINES[name]
    source = make()
    source.push(np.random.default_rng(3).standard_normal(_shaped(channels, 900)))
    raw = bytearray(source.get_state())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(raw) - 1))
        raw[at] = data.draw(st.one_of(st.integers(0, 255), st.sampled_from(list(b"0123456789-"))))
    cut = data.draw(st.sampled_from([len(raw), len(raw), len(raw) // 2, 0]))
    target = make()
    with contextlib.suppress(vs.SignalError):
        target.set_state(bytes(raw[:cut]))
    target.push(np.random.default_rng(4).standard_normal(_shaped(channels, 900)))
    target.flush()


@each
@QUICK
@given(fs=st.one_of(st.floats(), st.sampled_from([0, -1, None, "130", True, 1e-9, 1e9, [1]])))
def test_any_rate_is_taken_or_named(name: str, fs: Any) -> None:
    make, _ = ROUTINES[name]
    kind = type(make())
    if not hasattr(kind, "fs") or name.startswith(("sos", "fir")):
        return
    if isinstance(fs, float) and fs > 1e5:
        fs = 1e5
    try:
        kind(fs)
    except vs.SignalError as error:
        assert error.field in {"fs", "windows_s"}
