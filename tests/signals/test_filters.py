"""Filters against their twins in SciPy, and each one's own promises."""

from __future__ import annotations

import numpy as np
import pytest
import vointi_signals as vs
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import signal

from tests.signals.filter_kit import FS, SOS, TAPS, signals
from tests.signals.reference import filters as twin

SHORT = settings(max_examples=30, deadline=None)


@pytest.mark.parametrize("sections", [1, 2, 3, 4, 5, 6, 7, 8, 11])
@pytest.mark.parametrize("channels", [1, 2, 3, 4, 5, 7])
@pytest.mark.parametrize("n", [1, 2, 3, 7, 8, 9, 16, 73, 1200])
def test_sos_is_equal_to_scipy_to_the_last_bit(sections: int, channels: int, n: int) -> None:
    rng = np.random.default_rng(n)
    cascade = vs.butter_sos(2 * sections, 30.0, FS)
    x = rng.standard_normal((n, channels)) if channels > 1 else rng.standard_normal(n)
    zi = rng.standard_normal((len(cascade), 2, *x.shape[1:]))
    stream = vs.SosFilter(cascade, channels)
    stream.state = zi
    y, zf = twin.sos(cascade, x, zi)
    assert stream.process(x).tobytes() == y.tobytes()
    assert stream.state.tobytes() == np.ascontiguousarray(zf).tobytes()


@SHORT
@given(x=signals(), section=st.integers(1, 6))
def test_wide_vectors_change_no_bit(x: np.ndarray, section: int) -> None:
    rows = np.stack([x, 2 * x, -x], axis=1)
    cascade = vs.butter_sos(2 * section, 30.0, FS)
    makers = (lambda: vs.SosFilter(cascade, 3), lambda: vs.FirFilter(TAPS, 3))
    for make in makers:
        wide, narrow = make(), make()
        narrow._baseline()  # type: ignore[attr-defined]
        assert wide.process(rows).tobytes() == narrow.process(rows).tobytes()


@SHORT
@given(x=signals())
def test_gaps_match_the_twins(x: np.ndarray) -> None:
    sos = vs.SosFilter(SOS).process(x)
    assert sos.tobytes() == twin.sos_with_gaps(SOS, x).tobytes() or np.array_equal(
        sos, twin.sos_with_gaps(SOS, x), equal_nan=True
    )
    scale = 1e-12 * (1 + np.nanmax(np.abs(np.where(np.isfinite(x), x, 0))))
    fir = vs.FirFilter(TAPS).process(x)
    np.testing.assert_allclose(fir, twin.fir_with_gaps(TAPS, x), rtol=0, atol=scale)
    for window in (1, 2, 27):
        ours = vs.MovingMedian(window).process(x)
        np.testing.assert_allclose(ours, twin.median(x, window), rtol=1e-15)
    assert vs.SosFilter(SOS).gaps == 0
    counted = vs.SosFilter(SOS)
    counted.process(x)
    assert counted.gaps == len(twin.runs(~np.isfinite(x)))


def test_functional_twin_and_step() -> None:
    x = np.random.default_rng(0).standard_normal(300)
    zi = signal.sosfilt_zi(SOS) * x[0]
    y, zf = vs.sosfilt(SOS, x, zi)
    expected, after = signal.sosfilt(SOS, x, zi=zi)
    assert y.tobytes() == expected.tobytes()
    assert zf.tobytes() == after.tobytes()
    stream = vs.SosFilter(SOS)
    stream.state = zi
    assert np.array([stream.step(v) for v in x]).tobytes() == expected.tobytes()
    with pytest.raises(vs.InputError, match=r"^v: 2 channels"):
        vs.SosFilter(SOS, 2).step(1.0)


def test_step_and_process_share_one_state_across_gaps() -> None:
    stepped, processed = vs.SosFilter(SOS, settle=True), vs.SosFilter(SOS, settle=True)
    x = np.array([3.0, 4.0, np.nan, np.inf, 7.0, 8.0, 9.0] * 20)
    one = [stepped.step(v) if i % 3 else stepped.process(x[i : i + 1])[0] for i, v in enumerate(x)]
    np.testing.assert_array_equal(one, processed.process(x))
    assert stepped.gaps == processed.gaps == 20


def test_in_place_is_the_same() -> None:
    x = np.random.default_rng(0).standard_normal(3000)
    x[700:703] = np.nan
    for make in (lambda: vs.SosFilter(SOS), lambda: vs.FirFilter(TAPS), lambda: vs.Baseline(FS)):
        expected = make().process(x)
        own = x.copy()
        make().process(own, own)
        np.testing.assert_array_equal(own, expected)
    shared = np.zeros(100)
    with pytest.raises(vs.InputError, match="overlaps"):
        vs.SosFilter(SOS).process(shared[:60], shared[20:80])


def test_settle_starts_without_a_transient() -> None:
    for stream in (
        vs.SosFilter(vs.butter_sos(4, 10.0, FS), settle=True),
        vs.FirFilter(TAPS, settle=True),
        vs.RationalResampler(3, 2, settle=True),
        vs.RateCorrector(130.045, FS),
        vs.MainsNotch(FS, 50),
        vs.MovingMedian(9),
    ):
        np.testing.assert_allclose(stream.process(np.full(500, 981.0)), 981.0, rtol=1e-3)
    high = vs.SosFilter(vs.butter_sos(4, 1.0, FS, "highpass"), settle=True)
    np.testing.assert_allclose(high.process(np.full(500, 1e4)), 0.0, atol=1e-6)


@pytest.mark.parametrize(("up", "down"), [(1, 4), (3, 2), (25, 13), (13, 25), (1, 1), (2, 1)])
def test_resampling_equals_upfirdn(up: int, down: int) -> None:
    x = np.random.default_rng(1).standard_normal(1703)
    stream = vs.RationalResampler(up, down)
    assert stream.outputs(len(x)) == len(stream.process(x[:0])) + -(-len(x) * up // down)
    y = np.concatenate((stream.process(x), stream.flush()))
    expected = twin.resampled(stream.taps, x, up, down)
    assert len(y) == len(expected)
    np.testing.assert_allclose(y, expected, rtol=0, atol=1e-13)


def test_resampler_designs_what_resample_poly_designs() -> None:
    x = np.random.default_rng(2).standard_normal(900)
    stream = vs.RationalResampler(3, 2)
    y = np.concatenate((stream.process(x), stream.flush()))
    late = round(stream.latency_s(FS) * FS * 3 / 2)
    expected = signal.resample_poly(x, 3, 2)
    np.testing.assert_allclose(y[late : late + len(expected)], expected, atol=1e-12)


def test_resampling_in_place_is_safe() -> None:
    x = np.random.default_rng(3).standard_normal(400)
    own = x.copy()
    with pytest.raises(vs.InputError, match="overlaps"):
        vs.Decimator(2).process(own, own[:200])
    expected = vs.RationalResampler(1, 1).process(x)
    assert vs.RationalResampler(1, 1).process(own, own).tobytes() == expected.tobytes()


def test_an_unchanged_rate_changes_nothing() -> None:
    x = np.random.default_rng(3).standard_normal(400)
    y = vs.RateCorrector(FS, FS).process(x)
    np.testing.assert_allclose(y, x[: len(y)], rtol=0, atol=1e-15)


@pytest.mark.parametrize("fs_out", [130.0, 125.0, 250.0, 100.0, 52.0])
@pytest.mark.parametrize("hz", [0.3, 5.0, 17.0])
def test_rate_corrector_follows_a_sine(fs_out: float, hz: float) -> None:
    fs = 130.045
    t = np.arange(20_000) / fs
    stream = vs.RateCorrector(fs, fs_out)
    y = np.concatenate((stream.process(np.sin(2 * np.pi * hz * t) + 3), stream.flush()))
    assert len(y) == int((len(t) - 1) / fs * fs_out) + 1
    expected = np.sin(2 * np.pi * hz * np.arange(len(y)) / fs_out) + 3
    inner = slice(200, -200)
    assert np.abs(y - expected)[inner].max() < (1e-4 if hz < fs_out / 3 else 0.05)


def test_rate_corrector_takes_a_better_rate_without_a_jump() -> None:
    stream = vs.RateCorrector(130.0, 130.0)
    t = np.arange(40_000) / 130.045
    x = np.sin(2 * np.pi * 1.0 * t)
    first = stream.process(x[:6500])
    stream.set_rate(130.045)
    y = np.concatenate((first, stream.process(x[6500:])))
    # A step in time would show as a step between neighbours steeper than the sine itself.
    assert np.abs(np.diff(y)).max() < 2 * np.pi / 130 * 1.01
    tail = y[10_000:]
    crossings = np.flatnonzero((tail[:-1] < 0) & (tail[1:] >= 0))
    assert np.diff(crossings).mean() == pytest.approx(130.0, abs=0.01)
    with pytest.raises(vs.ParameterError, match=r"^fs_in: "):
        stream.set_rate(140.0)


@pytest.mark.parametrize("fs", [125.0, 130.0, 250.0, 512.0])
def test_baseline_equals_its_twin_and_removes_wander(fs: float) -> None:
    t = np.arange(int(30 * fs)) / fs
    spikes = np.where((t % 0.8) < 0.06, 800.0, 0.0)
    wander = 600 * np.sin(2 * np.pi * 0.25 * t)
    stream = vs.Baseline(fs)
    y = np.concatenate((stream.process(spikes + wander), stream.flush()))
    late = round(stream.latency_s * fs)
    x = spikes + wander
    expected = twin.baseline(x, *stream.windows)
    np.testing.assert_allclose(y[late:][late:-late], expected[late:-late], atol=1e-9)
    left = np.abs((y[late:] - spikes)[2 * late : -2 * late])
    assert np.percentile(left, 95) < 0.2 * 600


@pytest.mark.parametrize("fs", [125.0, 130.0, 250.0, 360.0, 512.0])
@pytest.mark.parametrize("mains", [50, 60])
def test_notch_finds_and_loses_the_mains(fs: float, mains: int) -> None:
    rng = np.random.default_rng(int(fs) + mains)
    t = np.arange(int(20 * fs)) / fs
    noise = 1000 + 20 * rng.standard_normal(len(t))
    hum = 60 * np.sin(2 * np.pi * (mains + 0.1) * t)
    stream = vs.MainsNotch(fs)
    assert stream.detected is None
    clean = stream.process(noise)
    assert stream.detected is None
    np.testing.assert_array_equal(clean, noise)
    y = stream.process(noise + hum)
    assert stream.detected == mains
    tail = slice(int(10 * fs), None)
    assert np.std((y - noise)[tail]) < 0.25 * np.std(hum[tail])
    stream.process(noise)
    assert stream.detected is None


def test_notch_treats_what_it_can() -> None:
    assert vs.MainsNotch(130, 50).detected == 50
    assert vs.MainsNotch(500, 60, harmonics=3).detected == 60
    for fs, mains in ((100, "auto"), (104, 50), (120, 60)):
        with pytest.raises(vs.ParameterError, match=r"^fs: "):
            vs.MainsNotch(fs, mains)
    for wrong in (55, "50", None, True):
        with pytest.raises(vs.ParameterError, match=r"^mains: "):
            vs.MainsNotch(130, wrong)


def test_latencies_are_what_a_slow_change_takes() -> None:
    t = np.arange(3000) / FS
    x = np.sin(2 * np.pi * 0.5 * t)
    for stream in (vs.SosFilter(vs.butter_sos(4, 10.0, FS)), vs.FirFilter(TAPS)):
        y = stream.process(x)
        late = stream.latency_s(FS)
        moved = np.sin(2 * np.pi * 0.5 * (t - late))
        assert np.abs(y - moved)[1000:].max() < 0.01


BAD_SOS = [np.zeros((0, 6)), np.zeros((1, 5)), np.zeros(6), [[1, 0, 0, 2, 0, 0]], "x", None]


@pytest.mark.parametrize("sos", [*BAD_SOS, np.full((1, 6), np.nan), np.ones((65, 6))])
def test_wrong_sections_are_named(sos: object) -> None:
    with pytest.raises(vs.ParameterError, match=r"^sos: "):
        vs.SosFilter(sos)  # type: ignore[arg-type]


def test_wrong_parameters_are_named() -> None:
    cases = [
        (lambda: vs.SosFilter(SOS, 0), "channels"),
        (lambda: vs.SosFilter(SOS, 65), "channels"),
        (lambda: vs.SosFilter(SOS, True), "channels"),
        (lambda: vs.SosFilter(SOS, dtype=np.int16), "dtype"),
        (lambda: vs.SosFilter(SOS, dtype="nothing"), "dtype"),
        (lambda: vs.FirFilter([]), "taps"),
        (lambda: vs.FirFilter([np.inf]), "taps"),
        (lambda: vs.FirFilter(np.ones(9000)), "taps"),
        (lambda: vs.MovingMedian(0), "window"),
        (lambda: vs.Decimator(0), "factor"),
        (lambda: vs.RationalResampler(1001, 1), "up"),
        (lambda: vs.RationalResampler(1, 1.5), "down"),
        (lambda: vs.RationalResampler(997, 991), "up"),
        (lambda: vs.RateCorrector(0, 130), "fs_in"),
        (lambda: vs.RateCorrector(130, np.nan), "fs_out"),
        (lambda: vs.RateCorrector(130, 13000), "fs_out"),
        (lambda: vs.Baseline(-1), "fs"),
        (lambda: vs.Baseline(130, (1,)), "windows_s"),
        (lambda: vs.MainsNotch(130, 50, q=0), "q"),
        (lambda: vs.MainsNotch(130, 50, harmonics=0), "harmonics"),
    ]
    for make, field in cases:
        with pytest.raises(vs.ParameterError) as caught:
            make()  # type: ignore[no-untyped-call]
        assert caught.value.field == field
