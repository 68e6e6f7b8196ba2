"""Random draws that are the same on every machine and in every version of Python."""

from __future__ import annotations

import random
from collections.abc import Sequence
from hashlib import sha256
from typing import TypeVar

_T = TypeVar("_T")


class Draw:
    """Draws of one subject.

    Subjects do not disturb each other: a person is the same person however many others there are.

    Args:
        seed: of the whole data set.
        subject: what is drawn for.

    """

    def __init__(self, seed: int, *subject: object) -> None:
        name = "/".join(map(str, (seed, *subject)))
        # random() alone is promised to stay the same; the other methods have changed before.
        self._next = random.Random(int.from_bytes(sha256(name.encode()).digest())).random  # noqa: S311

    def whole(self, low: int, high: int) -> int:
        """A whole number, both ends included, all equally likely."""
        return low + int(self._next() * (high - low + 1))

    def near(self, mean: float, spread: float) -> float:
        """A number around `mean`; two thirds lie within `spread`, none beyond 3.5 times of it."""
        return mean + spread * (sum(self._next() for _ in range(4)) - 2.0) * 1.73

    def pick(self, choices: Sequence[_T]) -> _T:
        """One of them."""
        return choices[self.whole(0, len(choices) - 1)]

    def chance(self, part: float) -> bool:
        """True in this part of all cases."""
        return self._next() < part

    def hex(self, digits: int) -> str:
        """Hexadecimal digits."""
        return "".join(f"{self.whole(0, 15):x}" for _ in range(digits))
