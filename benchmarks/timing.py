"""Timing that bears a busy machine: the best of several runs, interleaved with the peer's."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter_ns


def best_ns(call: Callable[[], object], seconds: float = 0.25, repeats: int = 7) -> float:
    """Return ns per call: the fastest of ``repeats`` runs that take ``seconds`` altogether."""
    return best_of([call], seconds, repeats)[0]


def best_of(
    calls: list[Callable[[], object]], seconds: float = 0.25, repeats: int = 7
) -> list[float]:
    """Return ns per call of each, run in turn so that a disturbance hits all of them alike."""
    loops = [max(1, int(seconds / repeats * 1e9 / max(_run(call, 1), 100))) for call in calls]
    loops = [max(1, int(n)) for n in loops]
    best = [float("inf")] * len(calls)
    for _ in range(repeats):
        for i, call in enumerate(calls):
            best[i] = min(best[i], _run(call, loops[i]) / loops[i])
    return best


def _run(call: Callable[[], object], loops: int) -> int:
    start = perf_counter_ns()
    for _ in range(loops):
        call()
    return perf_counter_ns() - start
