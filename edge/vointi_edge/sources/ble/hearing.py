"""When an adapter heard whom: what tells a deaf radio from a quiet house."""

from __future__ import annotations

from collections.abc import Callable, Collection

from vointi_edge.beat import now_s

# Whoever was heard or linked within this time is missed when it is not heard any more.
NEAR_S = 600.0


class Hearing:
    """One adapter's memory of moments, in the event loop's time.

    Only `assigned` addresses are remembered; of strangers only that somebody was heard. Who is
    assigned no more (a withdrawal, a pause) is not missed, and is not remembered when it is given
    back. `linked` tells which addresses have a link, through whichever adapter: they do not
    advertise.
    """

    def __init__(self, assigned: Collection[str], linked: Callable[[], Collection[str]]) -> None:
        self._assigned = assigned
        self._linked = linked
        self._heard_s: dict[str, float] = {}
        self._wanted: set[str] = set()
        self._any_s = float("-inf")
        self._began_s = 0.0

    def began(self) -> None:
        """Note that scanning began, perhaps once more, or that there is somebody to hear now."""
        self._began_s = now_s()

    def heard(self, address: str) -> bool:
        """Note an advertisement; say whether it is of an assigned device."""
        self._any_s = now_s()
        ours = address in self._assigned
        if ours:
            self._heard_s[address] = self._any_s
            self._wanted.discard(address)
        return ours

    def want(self, address: str) -> None:
        """Note that a device is listened to from now on: it may have been told of before."""
        self._wanted.add(address)

    def told_anew(self) -> None:
        """Note that a scan began, which tells of everybody in reach."""
        self._wanted.clear()

    def released(self, address: str) -> None:
        """Note that a device has no link any more: it ought to advertise from now on."""
        self._heard_s[address] = now_s()

    def near(self, address: str) -> bool:
        """Say whether a device is not linked, and was lately, or was heard, or may have been."""
        return address in self._near() or address in self._wanted

    def forget(self, address: str) -> None:
        """Miss a device no more: nobody listens to it from now on."""
        self._heard_s.pop(address, None)
        self._wanted.discard(address)

    @property
    def missed(self) -> bool:
        """Whether a device that was near is not linked, and so ought to be heard."""
        return bool(self._near())

    @property
    def proved(self) -> bool:
        """Whether everything that ought to be heard since scanning began is heard."""
        if self._any_s < self._began_s:
            return False
        near = self._near()
        return not near or max(near.values()) >= self._began_s

    def silence_s(self) -> float:
        """Return for how long nothing was heard that ought to be; with nobody assigned, nothing."""
        if not self._assigned:
            return 0.0
        last_s = max(self._near().values(), default=self._any_s)
        return now_s() - max(last_s, self._began_s)

    def excuse(self) -> bool:
        """Where strangers are heard, those missed have left: miss them no longer.

        Say whether that excuses the silence; nobody missed, there is none to excuse.
        """
        if self._any_s < self._began_s or not self.missed:
            return False
        self._heard_s.clear()
        return True

    def _near(self) -> dict[str, float]:
        now, linked = now_s(), self._linked()
        return {
            address: at_s
            for address, at_s in self._heard_s.items()
            if now - at_s < NEAR_S and address not in linked
        }
