"""Filter design against SciPy's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import signal
from vointi_signals import ParameterError, butter_sos, firwin, mains_notch_sos, notch_sos
from vointi_signals.design import group_delay, response, sos_rest

RATES = [52.0, 130.0, 360.0, 512.0]


@pytest.mark.parametrize("fs", RATES)
@pytest.mark.parametrize("order", range(1, 11))
@pytest.mark.parametrize(
    ("btype", "cutoff"),
    [
        ("lowpass", 10.0),
        ("lowpass", 25.0),
        ("highpass", 0.5),
        ("highpass", 20.0),
        ("bandpass", [5.0, 15.0]),
        ("bandpass", [0.5, 20.0]),
        ("bandstop", [8.0, 14.0]),
    ],
)
def test_butterworth_equals_scipy(fs: float, order: int, btype: Any, cutoff: Any) -> None:
    ours = butter_sos(order, cutoff, fs, btype)
    expected = signal.butter(order, cutoff, btype, fs=fs, output="sos")
    np.testing.assert_allclose(ours, expected, rtol=1e-11, atol=1e-12)


@settings(max_examples=200, deadline=None)
@given(order=st.integers(1, 8), low=st.floats(0.02, 0.4), width=st.floats(0.05, 0.5))
def test_butterworth_has_scipys_response(order: int, low: float, width: float) -> None:
    edges = [low, min(low + width, 0.97)]
    hz = np.linspace(0.001, 0.999, 301)
    for btype in ("bandpass", "bandstop"):
        ours = response(butter_sos(order, edges, 2.0, btype), hz, 2.0)  # type: ignore[arg-type]
        sos = signal.butter(order, edges, btype, fs=2.0, output="sos")
        np.testing.assert_allclose(ours, signal.sosfreqz(sos, hz, fs=2.0)[1], atol=1e-7)


@pytest.mark.parametrize("fs", [110.0, 130.0, 360.0])
@pytest.mark.parametrize("q", [1.0, 30.0, 200.0])
def test_notch_equals_scipy(fs: float, q: float) -> None:
    b, a = signal.iirnotch(50.0, q, fs=fs)
    np.testing.assert_allclose(notch_sos(50.0, q, fs), [[*b, *a]], rtol=0, atol=1e-12)


def test_harmonics_stop_below_half_the_rate() -> None:
    assert len(mains_notch_sos(50.0, 30.0, 500.0, harmonics=9)) == 4
    assert len(mains_notch_sos(50.0, 30.0, 130.0, harmonics=3)) == 1


@pytest.mark.parametrize("taps", [1, 2, 31, 64, 65])
def test_firwin_equals_scipy(taps: int) -> None:
    expected = signal.firwin(taps, 20.0, window=("kaiser", 5.0), fs=130.0)
    np.testing.assert_allclose(firwin(taps, 20.0, 130.0), expected, rtol=0, atol=1e-15)


def test_rest_equals_scipy_and_group_delay_is_the_phases_slope() -> None:
    sos = butter_sos(5, 12.0, 130.0)
    np.testing.assert_allclose(sos_rest(sos), signal.sosfilt_zi(sos), rtol=1e-12, atol=1e-12)
    for hz in (0.5, 5.0, 12.0):
        step = 1e-4
        phase = np.unwrap(np.angle(response(sos, [hz - step, hz + step], 130.0)))
        slope = -(phase[1] - phase[0]) / (2 * np.pi * 2 * step)
        assert group_delay(sos, 130.0, hz) == pytest.approx(slope, rel=1e-5)
    with pytest.raises(ParameterError, match="integrates"):
        sos_rest([[1, 0, 0, 1, -1, 0]])


@pytest.mark.parametrize(
    ("args", "field"),
    [
        ((0, 10.0, 130.0), "order"),
        ((25, 10.0, 130.0), "order"),
        ((2.0, 10.0, 130.0), "order"),
        ((2, 65.0, 130.0), "cutoff_hz"),
        ((2, 0.0, 130.0), "cutoff_hz"),
        ((2, "10", 130.0), "cutoff_hz"),
        ((2, float("nan"), 130.0), "cutoff_hz"),
        ((2, [1.0, 2.0], 130.0), "cutoff_hz"),
        ((2, 10.0, 130.0, "bandpass"), "cutoff_hz"),
        ((2, [20.0, 10.0], 130.0, "bandpass"), "cutoff_hz"),
        ((2, 10.0, 130.0, "notch"), "btype"),
        ((2, 10.0, 0.0), "fs"),
        ((2, 10.0, None), "fs"),
        ((2, 10.0, float("inf")), "fs"),
    ],
)
def test_wrong_parameters_are_named(args: tuple[Any, ...], field: str) -> None:
    with pytest.raises(ParameterError) as caught:
        butter_sos(*args)
    assert caught.value.field == field
    assert str(caught.value).startswith(f"{field}: ")
