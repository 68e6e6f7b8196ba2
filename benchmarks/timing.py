"""Timing that bears a busy machine: many short runs in turn with the peer's, the best counts."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter, perf_counter_ns

# Long against the clock's own cost, short against the scheduler's slices of a shared core.
RUN_NS = 1_000_000


def best_ns(call: Callable[[], object], seconds: float = 0.25) -> float:
    """Return ns per call: the fastest of the short runs that fit into ``seconds``."""
    return best_of([call], seconds)[0]


def best_of(
    calls: list[Callable[[], object]], seconds: float = 0.25, repeats: int = 3
) -> list[float]:
    """Return ns per call of each, run in turn so that a disturbance hits all of them alike.

    ``seconds`` is the time for each call, ``repeats`` the least number of runs all the same.
    """
    loops = []
    for call in calls:
        _run(call, 1)
        loops.append(max(1, RUN_NS // max(1, min(_run(call, 1), _run(call, 1)))))
    best = [float("inf")] * len(calls)
    end = perf_counter() + seconds * len(calls)
    rounds = 0
    while rounds < repeats or perf_counter() < end:
        rounds += 1
        for i, call in enumerate(calls):
            best[i] = min(best[i], _run(call, loops[i]) / loops[i])
    return best


def _run(call: Callable[[], object], loops: int) -> int:
    start = perf_counter_ns()
    for _ in range(loops):
        call()
    return perf_counter_ns() - start
