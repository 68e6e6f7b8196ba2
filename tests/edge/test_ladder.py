"""Which step a radio that hears nothing gets, and how often."""

from __future__ import annotations

import itertools

import pytest
from vointi_edge.sources.ble import words
from vointi_edge.sources.ble.ladder import SILENCE_S, TRIAL_S, Ladder, Step


def steps(ladder: Ladder, until_s: float, links: int) -> list[tuple[float, Step]]:
    now_s, taken = 0.0, []
    while now_s < until_s:
        step = ladder.climb(now_s, missed=True, dead=False, links=links)
        taken.append((now_s, step))
        now_s += ladder.patience_s
    return taken


def test_the_gentle_step_comes_first_and_the_hard_one_soon_after() -> None:
    ladder = Ladder()
    taken = steps(ladder, 20, links=0)
    assert taken == [(0, Step.SCAN_AGAIN), (TRIAL_S, Step.POWER_CYCLE)]
    assert SILENCE_S + TRIAL_S < 120 - 16  # healed within 120 s though a link was silent before


def test_what_switching_does_not_help_is_started_anew_where_nobody_has_a_link() -> None:
    ladder, now_s, taken = Ladder(), 0.0, []
    while now_s < 1000:
        step = ladder.climb(now_s, missed=True, dead=False, links=0, restartable=True)
        taken.append(step)
        now_s += ladder.patience_s
    assert taken[:3] == [Step.SCAN_AGAIN, Step.POWER_CYCLE, Step.RESTART]
    for before, step in itertools.pairwise(taken):
        assert (step is Step.RESTART) == (before is Step.POWER_CYCLE)
    assert SILENCE_S + 2 * TRIAL_S < 120 - 16  # then a link takes some ten seconds
    ladder = Ladder()
    assert Step.RESTART not in [step for _, step in steps(ladder, 3600, links=0)]
    ladder.climb(0, missed=True, dead=True, links=0, restartable=True)
    ladder.works()
    assert ladder.climb(1, missed=True, dead=False, links=0, restartable=True) is Step.SCAN_AGAIN


def test_hard_steps_become_rare_and_with_living_links_rarer() -> None:
    for links, most in ((0, 12), (2, 11)):
        cycles = [at for at, step in steps(Ladder(), 6 * 3600, links) if step is Step.POWER_CYCLE]
        assert 4 < len(cycles) <= most
        gaps = [b - a for a, b in itertools.pairwise(cycles)]
        assert gaps == sorted(gaps)
        assert min(gaps) >= (180 if links else 60)
        assert gaps[-1] >= 3600


def test_a_trouble_soon_after_one_that_was_healed_is_healed_as_soon() -> None:
    ladder, now_s = Ladder(), 1000.0
    for _ in range(3):
        taken = []
        for links in (1, 1):
            taken.append(ladder.climb(now_s, missed=True, dead=False, links=links))
            now_s += ladder.patience_s
        assert taken == [Step.SCAN_AGAIN, Step.POWER_CYCLE]
        ladder.works()
        now_s += SILENCE_S


def test_a_step_that_has_to_wait_waits_no_longer_than_it_has_to() -> None:
    ladder = Ladder()
    cycles = [at for at, step in steps(ladder, 700, links=1) if step is Step.POWER_CYCLE]
    assert cycles == [TRIAL_S, TRIAL_S + 180, TRIAL_S + 180 + 240]


def test_nobody_missed_is_no_reason_for_a_hard_step() -> None:
    ladder = Ladder()
    for hour in range(100):
        step = ladder.climb(hour * 3600, missed=False, dead=False, links=3)
        assert step is Step.SCAN_AGAIN
    assert not ladder.climbing
    assert ladder.climb(1e6, missed=True, dead=False, links=3) is Step.SCAN_AGAIN


def test_who_does_not_even_answer_is_switched_at_once() -> None:
    assert Ladder().climb(0, missed=True, dead=True, links=5) is Step.POWER_CYCLE


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError("C0:DE:00:00:00:01 - strap: gone"), "… - strap: gone"),
        (OSError("dev_C0_DE_00_00_00_01 is not there"), "dev_… is not there"),
        (OSError("\x1b[31mred"), "?[31mred"),
        (TimeoutError(), "no answer"),
        (EOFError(), "EOFError"),
    ],
)
def test_a_reason_has_no_address_and_nothing_to_escape(error: Exception, said: str) -> None:
    assert words.reason(error) == said
