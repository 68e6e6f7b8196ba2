"""What every streaming filter promises: chunks, gaps, state, memory and clear errors."""

from __future__ import annotations

import json
import tracemalloc
from typing import Any

import numpy as np
import pytest
import vointi_signals as vs
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.signals.filter_kit import MAKERS, WIDE, cuts, in_chunks, signals

SHORT = settings(max_examples=12, deadline=None)
each = pytest.mark.parametrize("name", MAKERS)


@each
@SHORT
@given(x=signals(), at=cuts)
def test_output_does_not_depend_on_the_cuts(name: str, x: np.ndarray, at: list[int]) -> None:
    whole = in_chunks(MAKERS[name](), x, [])
    assert in_chunks(MAKERS[name](), x, at).tobytes() == whole.tobytes()


@each
@SHORT
@given(x=signals(), at=st.integers(0, 1500))
def test_a_saved_state_goes_on_as_if_nothing_had_happened(
    name: str, x: np.ndarray, at: int
) -> None:
    first, second = MAKERS[name](), MAKERS[name]()
    first.process(x[:at])
    second.set_state(first.get_state())
    assert second.gaps == first.gaps
    rest = [in_chunks(stream, x[at:], []) for stream in (first, second)]
    assert rest[0].tobytes() == rest[1].tobytes()


@each
@SHORT
@given(x=signals())
def test_a_gap_is_seen_and_nothing_after_it_is_touched(name: str, x: np.ndarray) -> None:
    clean = np.where(np.isfinite(x), x, 1.0)
    # Half a minute: longer than any memory of a filter that is linear and stable.
    late = np.sin(np.arange(4000) / 7.0) * 100
    gapped, fresh = MAKERS[name](), MAKERS[name]()
    gapped.process(clean)
    before = gapped.gaps
    answer = gapped.process(np.concatenate(([np.nan] * 5, late[:200])))
    assert gapped.gaps == before + 1
    assert np.isnan(answer).any()
    after, alone = gapped.process(late[200:]), fresh.process(late)
    assert np.isfinite(after).all()
    if not hasattr(gapped, "outputs"):
        same = alone[-len(after) :]
        assert np.allclose(after[-1000:], same[-1000:], rtol=0, atol=1e-3)


@each
def test_reset_is_like_new(name: str) -> None:
    x = np.random.default_rng(1).standard_normal(700)
    used, new = MAKERS[name](), MAKERS[name]()
    used.process(np.concatenate((x, [np.nan], x)))
    used.reset()
    assert used.gaps == 0
    assert used.get_state() == new.get_state()
    assert in_chunks(used, x, []).tobytes() == in_chunks(new, x, []).tobytes()


@each
@pytest.mark.parametrize("dtype", [np.float32, np.int16, np.int32, ">f8", np.uint8, np.int64])
def test_every_kind_of_number_gives_the_same(name: str, dtype: Any) -> None:
    x = np.random.default_rng(2).integers(0, 200, 900).astype(dtype)
    doubles = MAKERS[name]().process(x.astype(np.float64))
    assert MAKERS[name]().process(x).tobytes() == doubles.tobytes()


@each
def test_strided_and_read_only_input_is_read(name: str) -> None:
    x = np.random.default_rng(3).standard_normal(1200)
    plain = MAKERS[name]().process(x[::3].copy())
    strided = x[::3]
    strided.flags.writeable = False
    assert MAKERS[name]().process(strided).tobytes() == plain.tobytes()
    assert MAKERS[name]().process(strided.tolist()).tobytes() == plain.tobytes()


@each
def test_out_is_filled_and_nothing_is_allocated(name: str) -> None:
    x = np.random.default_rng(4).standard_normal(2048)
    plain = MAKERS[name]().process(x)
    stream = MAKERS[name]()
    out = np.zeros(plain.shape, plain.dtype)
    given_back = stream.process(x, out)
    assert np.shares_memory(given_back, out)
    assert out.tobytes() == plain.tobytes()
    room = np.zeros(stream.outputs(len(x)) if hasattr(stream, "outputs") else len(x), out.dtype)
    tracemalloc.start()
    stream.process(x, room)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # Less than the samples themselves: a few small Python objects at most.
    assert peak < 1024


@each
def test_wrong_samples_are_one_clear_error(name: str) -> None:
    stream = MAKERS[name]()
    saved = stream.get_state()
    wrong: list[Any] = [
        np.zeros((4, 2)),
        np.float64(3.0),
        np.zeros(4, complex),
        np.zeros(4, bool),
        np.array(["a"]),
        np.array([object()]),
        [[1], [1, 2]],
        None,
        "text",
        {"a": 1},
    ]
    for x in wrong:
        with pytest.raises(vs.InputError, match=r"^x: "):
            stream.process(x)
    assert stream.get_state() == saved


@each
def test_wrong_out_is_one_clear_error(name: str) -> None:
    x = np.zeros(64)
    stream = MAKERS[name]()
    good = MAKERS[name]().process(x)
    locked = good.copy()
    locked.flags.writeable = False
    other = np.float32 if good.dtype == np.float64 else np.float64
    wrong: list[Any] = [good[:-1], good.astype(other), locked, list(good), np.zeros((64, 2))]
    wrong.append(np.zeros(2 * len(good), good.dtype)[::2])
    for out in wrong:
        with pytest.raises(vs.InputError, match=r"^out: "):
            stream.process(x, out)


@each
def test_a_state_that_is_not_ours_is_refused(name: str) -> None:
    stream = MAKERS[name]()
    stream.process(np.arange(300.0))
    saved = stream.get_state()
    body = json.loads(saved)
    foreign: list[Any] = [None, {}, b"", b"{}", b"[1]", saved[:-1], b"\xff\xfe", "text"]
    foreign += [json.dumps(body | {key: wrong}).encode() for key in body for wrong in (None, "x")]
    for raw in foreign:
        with pytest.raises(vs.SignalError):
            stream.set_state(raw)
    assert stream.get_state() == saved


@each
@pytest.mark.parametrize("x", [1e308, -1e308, 5e-324, 0.0, 32767.0])
def test_constant_and_extreme_values_never_poison(name: str, x: float) -> None:
    stream = MAKERS[name]()
    if stream.process(np.zeros(1)).dtype == np.float32 and abs(x) > 1e30:
        x = 1e30  # a float32 cannot hold the slow decay of more
    stream.process(np.full(400, x))
    for part in np.array_split(np.tile([x, -x], 200), 50):
        stream.process(part)
        MAKERS[name]().set_state(stream.get_state())  # finite at every moment
    calm = stream.process(np.ones(3000))
    assert np.isfinite(calm[-500:]).all()


@each
def test_empty_input_gives_empty_output(name: str) -> None:
    stream = MAKERS[name]()
    assert len(stream.process(np.zeros(0))) == 0
    assert len(stream.flush()) == 0


@pytest.mark.parametrize("channels", [2, 3, 4, 5, 8])
@pytest.mark.parametrize("name", WIDE)
@settings(max_examples=5, deadline=None)
@given(x=signals(), at=cuts)
def test_channels_are_independent(name: str, channels: int, x: np.ndarray, at: list[int]) -> None:
    rows = np.stack([np.roll(x, 7 * c) * (c + 1) for c in range(channels)], axis=1)
    wide = in_chunks(WIDE[name](channels), rows, at)
    for c in range(channels):
        alone = in_chunks(WIDE[name](1), rows[:, c], [])
        assert wide[:, c].tobytes() == alone.tobytes()


def test_gap_is_what_a_nan_is() -> None:
    x = np.random.default_rng(5).standard_normal(800)
    for name, make in MAKERS.items():
        told, seen = make(), make()
        for stream in (told, seen):
            stream.process(x)
        told.gap(1)
        seen.process(np.array([np.nan]))
        assert told.gaps == seen.gaps == 1, name
        if not hasattr(told, "outputs"):
            assert told.process(x).tobytes() == seen.process(x).tobytes(), name
