"""Things that happen one after another, generated only as far as somebody looks."""

from __future__ import annotations

import zlib
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator
from typing import Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

# Nobody looks further back than a heart-rate average or a breath; minutes leave room for a
# device that reconnects and a host that was stopped for a while.
_KEEP_S = 600.0
_PRUNE_AT = 4096
_NOISE_BLOCK = 512


class Happening(Protocol):
    """Anything with a moment in simulated seconds."""

    @property
    def time_s(self) -> float:
        """When it happens."""


H = TypeVar("H", bound=Happening)


class Timeline(Generic[H]):
    """A lazily extended sequence of happenings in order of time.

    What it holds depends on its generator alone, never on when or in which order it is asked, so
    two devices that look at the same person see the same thing. Moments older than ten minutes
    before the latest one asked for may have been forgotten.
    """

    def __init__(self, source: Iterator[H]) -> None:
        self._source = source
        self._times: list[float] = []
        self._items: list[H] = []

    def between(self, from_s: float, to_s: float) -> list[H]:
        """Happenings with from_s <= time < to_s."""
        self._reach(to_s)
        return self._items[bisect_left(self._times, from_s) : bisect_left(self._times, to_s)]

    def last(self, at_s: float) -> H:
        """The latest happening at or before `at_s`, or the first of all."""
        self._reach(at_s)
        return self._items[max(0, bisect_right(self._times, at_s) - 1)]

    def _reach(self, when_s: float) -> None:
        while not self._times or self._times[-1] <= when_s:
            item = next(self._source)
            self._times.append(item.time_s)
            self._items.append(item)
        if len(self._times) > _PRUNE_AT:
            cut = bisect_left(self._times, when_s - _KEEP_S)
            del self._times[:cut], self._items[:cut]


def generator(seed: int, name: str, block: int = 0) -> np.random.Generator:
    """A random generator of its own for each named signal of a seed."""
    return np.random.default_rng([seed & 0xFFFFFFFF, zlib.crc32(name.encode()), block])


def by_second(times_s: NDArray[np.float64], value: Callable[[float], float]) -> NDArray[np.float64]:
    """A slow value at ascending times, held for each whole second.

    Held by the time itself, not by the block that was asked for: a sample must not depend on which
    frame it travels in.
    """
    seconds = np.floor(times_s)
    whole, index = np.unique(seconds, return_inverse=True)
    return np.array([value(float(second)) for second in whole])[index]


class Noise:
    """Standard normal noise by sample number: the same sample, the same value, in any order."""

    def __init__(self, seed: int, name: str) -> None:
        self._seed = seed
        self._name = name
        self._blocks: dict[int, NDArray[np.float64]] = {}

    def take(self, first: int, count: int) -> NDArray[np.float64]:
        """Samples `first` … `first + count - 1`."""
        start, stop = first // _NOISE_BLOCK, (first + count - 1) // _NOISE_BLOCK
        joined = np.concatenate([self._block(index) for index in range(start, stop + 1)])
        offset = first - start * _NOISE_BLOCK
        return joined[offset : offset + count]

    def _block(self, index: int) -> NDArray[np.float64]:
        if index not in self._blocks:
            if len(self._blocks) > 8:
                del self._blocks[min(self._blocks)]
            self._blocks[index] = generator(self._seed, self._name, index).standard_normal(
                _NOISE_BLOCK
            )
        return self._blocks[index]
