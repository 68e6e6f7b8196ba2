"""How many failures are borne: by address, by name from one address, and by name from strangers."""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from collections.abc import Callable

from .errors import TooManyError

WINDOW_S = 900.0
#: One person who has forgotten a password, from one place.
PER_NAME_AND_ADDRESS = 5
#: A household or an office behind one address.
PER_ADDRESS = 20
#: Guesses at one name from everywhere; addresses that got in before are not counted nor stopped.
PER_NAME = 50
#: Memory is bounded: the oldest entries go first.
KEPT = 20_000
#: Keys are an address; a name and an address; or a name with two empty words.
_PAIR = 2


class Throttle:
    """Counts failures in memory. Any thread may use it.

    Args:
        now_s: UTC seconds.

    """

    def __init__(self, now_s: Callable[[], float]) -> None:
        self._now_s = now_s
        self._lock = threading.Lock()
        self._failures: OrderedDict[tuple[str, ...], deque[float]] = OrderedDict()
        self._known: OrderedDict[tuple[str, str], None] = OrderedDict()

    def check(self, name: str, address: str) -> None:
        """Raise TooManyError when this name from this address has to wait."""
        with self._lock:
            known = (name, address) in self._known
            limits = [((address,), PER_ADDRESS), ((name, address), PER_NAME_AND_ADDRESS)]
            if not known:
                limits.append(((name, "", ""), PER_NAME))
            wait_s = max(self._wait_s(key, limit) for key, limit in limits)
        if wait_s > 0:
            raise TooManyError("", f"too many failures; try again in {int(wait_s) // 60 + 1} min")

    def failed(self, name: str, address: str) -> None:
        """Count one failure."""
        with self._lock:
            known = (name, address) in self._known
            for key in ((address,), (name, address), *(() if known else ((name, "", ""),))):
                self._failures.setdefault(key, deque()).append(self._now_s())
                self._failures.move_to_end(key)
            while len(self._failures) > KEPT:
                self._failures.popitem(last=False)

    def succeeded(self, name: str, address: str) -> None:
        """Forget the failures of this name from here; strangers cannot lock it out here."""
        with self._lock:
            self._failures.pop((name, address), None)
            self._known[name, address] = None
            self._known.move_to_end((name, address))
            while len(self._known) > KEPT:
                self._known.popitem(last=False)

    def refusing(self) -> int:
        """How many names with addresses have to wait now."""
        with self._lock:
            pairs = [key for key in self._failures if len(key) == _PAIR]
            return sum(self._wait_s(key, PER_NAME_AND_ADDRESS) > 0 for key in pairs)

    def _wait_s(self, key: tuple[str, ...], limit: int) -> float:
        times = self._failures.get(key)
        if times is None:
            return 0.0
        while times and times[0] <= self._now_s() - WINDOW_S:
            times.popleft()
        return times[0] + WINDOW_S - self._now_s() if len(times) >= limit else 0.0
