"""PulseOximeter: exact where the answer is known, silent where there is none."""

from __future__ import annotations

import numpy as np
import pulse_sim
import pytest
from numpy.typing import NDArray
from vointi_signals.errors import ParameterError
from vointi_signals.oximetry import PulseOximeter

Array = NDArray[np.float64]


def light(ratio: float, fs: float = 100.0, seconds: float = 20, pi: float = 0.02) -> Array:
    """Red and infrared whose ratio of ratios is ``ratio`` exactly; ``pi`` is a share."""
    pulse, _ = pulse_sim.pulse(fs, seconds, np.random.default_rng(1), noise=0.0)
    pulse = pulse - pulse.mean()
    return np.column_stack([40_000 * (1 - pi * ratio * pulse), 60_000 * (1 - pi * pulse)])


@pytest.mark.parametrize("ratio", [0.45, 0.5, 0.8, 1.2])
def test_the_ratio_is_exact(ratio: float) -> None:
    rows = PulseOximeter(100.0).push(light(ratio))
    # The mean of 4 s of a pulse is not the mean of all of it: one part in a thousand.
    np.testing.assert_allclose(rows["ratio"], ratio, rtol=3e-3)
    np.testing.assert_allclose(rows["spo2"], 110 - 25 * ratio, atol=0.1)
    assert (rows["quality"] > 0.9999).all()


def test_ratio_equals_its_definition() -> None:
    """Over one window: slope of the band-passed red on infrared, times the means' quotient."""
    from scipy import signal

    x = light(0.7) + np.random.default_rng(2).normal(0, 20, (2000, 2))
    rows = PulseOximeter(100.0).push(x)
    sos = np.vstack(
        [
            signal.butter(1, 0.5, "high", fs=100, output="sos"),
            signal.butter(2, 5, fs=100, output="sos"),
        ]
    )
    zi = signal.sosfilt_zi(sos)
    y = [signal.sosfilt(sos, c, zi=zi * c[0])[0] for c in x.T]
    for row in rows:
        cut = slice(row["index"] - 400, row["index"])
        slope = (y[0][cut] @ y[1][cut]) / (y[1][cut] @ y[1][cut])
        assert row["ratio"] == pytest.approx(slope * x[cut, 1].mean() / x[cut, 0].mean(), rel=1e-9)
        high, low = y[1][cut].max(), y[1][cut].min()
        pi = 100 * (high - low) / x[cut, 1].mean()
        assert row["perfusion_index"] == pytest.approx(pi, rel=1e-9)


def test_the_calibration_is_data() -> None:
    curve = [(0.3, 100.0), (1.0, 85.0), (2.0, 50.0)]
    rows = PulseOximeter(100.0, curve).push(light(1.0))
    np.testing.assert_allclose(rows["spo2"], 85, atol=0.2)


@pytest.mark.parametrize(
    "curve", [[], [(1, 2)], [(1, 90), (0.5, 80)], [(0, 101), (1, 90)], "x", [(np.nan, 1), (2, 3)]]
)
def test_a_bad_calibration_is_refused(curve: object) -> None:
    with pytest.raises(ParameterError, match="calibration"):
        PulseOximeter(100.0, curve)  # type: ignore[arg-type]


def test_nothing_is_said_without_a_pulse() -> None:
    rng = np.random.default_rng(3)
    noise = rng.normal(50_000, 100, (2000, 2))
    for x in (noise, np.full((2000, 2), 5.0), np.zeros((2000, 2)), -light(0.7)):
        rows = PulseOximeter(100.0).push(x)
        assert len(rows) > 0
        assert np.isnan(rows["spo2"]).all()
    weak = light(0.7, pi=0.00002)
    assert np.isnan(PulseOximeter(100.0).push(weak)["spo2"]).all()


def test_out_of_the_calibration_is_not_a_number() -> None:
    rows = PulseOximeter(100.0).push(light(2.5))
    assert np.isnan(rows["spo2"]).all()
    assert np.isfinite(rows["ratio"]).all()


def test_a_missing_sample_starts_the_window_anew() -> None:
    x = light(0.6)
    x[1050] = np.nan
    rows = PulseOximeter(100.0).push(x)
    assert not ((rows["time_s"] > 10.5) & (rows["time_s"] < 16.5)).any()
