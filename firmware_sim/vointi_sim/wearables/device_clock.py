"""The clock inside a device: another zero than ours, a little fast or slow, and settable."""

from __future__ import annotations

from vointi_sim.wearables.polar import UNSET_CLOCK_NS


class DeviceClock:
    """ns since 2000-01-01 as the device believes, for a moment of simulated time.

    Until somebody sets it, it counts from `UNSET_CLOCK_NS` at simulated time 0.
    """

    def __init__(self) -> None:
        self._from_s = 0.0
        self._from_ns = UNSET_CLOCK_NS
        self._ppm = 0.0

    def ns(self, simulated_s: float) -> int:
        """The device's time."""
        return self._from_ns + round((simulated_s - self._from_s) * (1e9 + self._ppm * 1e3))

    def drift(self, now_s: float, ppm: float) -> None:
        """Run `ppm` parts in a million fast from now on."""
        self._from_ns, self._from_s = self.ns(now_s), now_s
        self._ppm = ppm

    def step(self, now_s: float, seconds: float) -> None:
        """Jump by `seconds`."""
        self._from_ns, self._from_s = max(0, self.ns(now_s) + round(seconds * 1e9)), now_s

    def reset(self, now_s: float) -> None:
        """Begin again at the unset time, as with a new battery."""
        self._from_ns, self._from_s = UNSET_CLOCK_NS, now_s
