"""One person: decided by the seed alone, and coherent in everything that is measured."""

from __future__ import annotations

import numpy as np
import pytest
from vointi_sim.physiology import Person
from vointi_sim.physiology.activity import Doing
from vointi_sim.physiology.timeline import Timeline
from vointi_sim.wearables.sources import PersonEcg, quantised_uv

RATE_HZ = 130.045


def ecg(person: Person, from_s: float, seconds: float) -> np.ndarray:
    first = int(from_s * RATE_HZ)
    times = np.arange(first, first + int(seconds * RATE_HZ)) / RATE_HZ
    return person.heart.ecg_uv(times, first)


def r_peaks_s(wave: np.ndarray, from_s: float) -> np.ndarray:
    inner = wave[1:-1]
    peaks = np.flatnonzero((inner > 700) & (inner >= wave[:-2]) & (inner > wave[2:])) + 1
    return (int(from_s * RATE_HZ) + peaks) / RATE_HZ


def stretch(person: Person, doing: Doing) -> tuple[float, float]:
    """A stretch of doing one thing, without its first 25 s in which the body changes over."""
    at_s = 0.0
    while True:
        segment = person.activity.segment(at_s)
        if segment.doing is doing:
            return segment.time_s + 25, segment.time_s + segment.length_s
        at_s = segment.time_s + segment.length_s + 0.01


def test_the_same_seed_gives_the_same_bytes_however_it_is_asked() -> None:
    whole = PersonEcg(Person(7)).read(0, 8000)
    other = PersonEcg(Person(7))
    parts = [other.read(first, 73) for first in range(7300, -1, -73)]
    again = np.concatenate(parts[::-1])[:7373]
    assert whole[:7373].tobytes() == again.tobytes()
    assert PersonEcg(Person(8)).read(0, 8000).tobytes() != whole.tobytes()


def test_a_sample_does_not_depend_on_its_frame() -> None:
    person, other = Person(7), Person(7)
    times = np.arange(15_000) / 50.0
    for signal, again in (
        (person.motion.acceleration_mg, other.motion.acceleration_mg),
        (person.pulse.light, other.pulse.light),
    ):
        whole = signal(times, 0)
        framed = [again(times[at : at + 36], at) for at in range(0, 15_000, 36)]
        assert np.array_equal(np.rint(whole), np.rint(np.concatenate(framed)))


def test_another_observer_changes_nothing() -> None:
    alone, watched = Person(3), Person(3)
    watched.pulse.light(np.arange(500) / 50.0, 0)
    watched.heart.rate_per_min(200.0)
    watched.motion.steps(0, 300)
    assert np.array_equal(ecg(alone, 100, 20), ecg(watched, 100, 20))
    assert alone.pressure(50) == watched.pressure(50)


def test_r_peaks_of_the_ecg_are_the_beats_of_the_rr_stream() -> None:
    person = Person(7)
    found = r_peaks_s(ecg(person, 10, 60), 10)
    beats = np.array([beat.time_s for beat in person.heart.beats(10.0, 69.9)])
    assert len(found) == len(beats)
    assert np.abs(found - beats).max() < 1.5 / RATE_HZ
    intervals = [beat.rr_s for beat in person.heart.beats(10.0, 69.9)][1:]
    assert np.allclose(np.diff(beats), intervals)
    rate = person.heart.rate_per_min(69.9, over_s=59.9)
    assert rate == pytest.approx(60 / np.diff(found).mean(), rel=0.01)


def test_breathing_in_quickens_the_heart() -> None:
    person = Person(7)
    beats = person.heart.beats(0, 600)
    phases = np.array([person.breathing.phase(beat.time_s) for beat in beats[:-1]])
    following_s = np.array([beat.rr_s for beat in beats[1:]])
    full = following_s[(phases > 0.6) & (phases < 2.5)]
    empty = following_s[(phases > 3.7) & (phases < 5.7)]
    assert empty.mean() - full.mean() > 0.02
    rmssd_ms = 1000 * np.sqrt(np.mean(np.diff([beat.rr_s for beat in beats]) ** 2))
    assert 15 < rmssd_ms < 60


def test_effort_shows_everywhere_at_once() -> None:
    person = Person(11)
    _, rest_s = stretch(person, Doing.RESTING)
    _, walk_s = stretch(person, Doing.WALKING)
    rest, walk = rest_s - 1, walk_s - 1
    assert person.heart.rate_per_min(walk) > person.heart.rate_per_min(rest) + 15
    assert person.pressure(walk).systolic > person.pressure(rest).systolic + 10
    assert person.pressure(walk).diastolic < person.pressure(walk).mean < 130
    assert person.breathing.rate_per_min(walk) > person.breathing.rate_per_min(rest)
    assert person.pulse.spo2_pct(walk) < person.pulse.spo2_pct(rest)
    assert 35 < person.temperature_cel(rest) < 38.5
    assert 50 < person.weight_kg(rest) < 100


def test_steps_are_felt_only_while_walking() -> None:
    person = Person(11)
    for doing, fewest, most in ((Doing.RESTING, 0, 0), (Doing.WALKING, 15, 40)):
        start_s, _ = stretch(person, doing)
        assert fewest <= len(person.motion.steps(start_s - 20, start_s - 5)) <= most
        first = int((start_s - 20) * 50)
        felt = person.motion.acceleration_mg(np.arange(first, first + 500) / 50.0, first)
        shaking = np.linalg.norm(felt, axis=1).std()
        assert (shaking > 60) == (doing is Doing.WALKING)
        assert np.linalg.norm(felt, axis=1).mean() == pytest.approx(1000, abs=60)
    counts = [step.count for step in person.motion.steps(0, 400)]
    assert counts == list(range(1, len(counts) + 1))


def test_the_light_in_the_finger_tells_the_oxygen() -> None:
    person = Person(5)
    times = np.arange(1000, 2000) / 50.0
    light = person.pulse.light(times, 1000)
    swing = (light.max(axis=0) - light.min(axis=0)) / light.mean(axis=0)
    spo2 = 110 - 25 * swing[0] / swing[1]
    assert spo2 == pytest.approx(person.pulse.spo2_pct(float(times[500])), abs=0.6)


def test_a_pulse_follows_each_beat() -> None:
    person = Person(5)
    times = np.arange(1000, 2000) / 50.0
    absorbed = -person.pulse.light(times, 1000)[:, 1]
    for beat in person.heart.beats(21, 39):
        near = (times > beat.time_s) & (times < beat.time_s + 0.6)
        delay = times[near][np.argmax(absorbed[near])] - beat.time_s
        assert 0.25 < delay < 0.45


def test_the_converter_gives_what_a_real_strap_gives() -> None:
    values = quantised_uv(np.linspace(-20_000, 20_000, 40_001))
    possible = {int(code * 37_400 / 16_384) for code in range(-8192, 8192)}
    assert set(values.tolist()) == possible
    # Towards zero on both sides: -1 gives -2, not -3.
    assert quantised_uv(np.array([2.3, -2.3])).tolist() == [2, -2]


def test_a_timeline_forgets_the_past_but_not_the_order() -> None:
    from vointi_sim.physiology.heart import Beat

    timeline = Timeline(Beat(float(number), 1.0) for number in range(10**9))
    assert [beat.time_s for beat in timeline.between(10, 13)] == [10, 11, 12]
    assert timeline.last(12_345.5).time_s == 12_345
    assert timeline.last(20_000.5).time_s == 20_000
    assert [beat.time_s for beat in timeline.between(19_998, 20_000)] == [19_998, 19_999]
    assert len(timeline._times) < 6000
