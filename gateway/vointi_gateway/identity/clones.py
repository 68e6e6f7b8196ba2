"""One certificate in two boxes, seen from what the boxes say about themselves.

A box that restarts goes from one boot to the next and never back. Two boxes with one identity push
each other off the broker, and their boots alternate.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

#: Returns to an earlier boot before it is certain: one could still be a broker's repetition.
RETURNS = 2
#: Boots that are remembered of one edge.
BOOTS = 8


@dataclass(slots=True)
class _Seen:
    now: int = 0
    returns: int = 0
    newest_us: dict[int, int] = field(default_factory=dict)


class CloneWatch:
    """Told of each online state. Used by one thread.

    Args:
        suspect: called with (edge, why) when two boxes use one identity.

    """

    def __init__(self, suspect: Callable[[str, str], None]) -> None:
        self._suspect = suspect
        self._edges: dict[str, _Seen] = {}

    def heard(self, edge: str, boot: int, mono_us: int) -> None:
        """An edge is online with this boot, at this time of its own clock (µs)."""
        seen = self._edges.setdefault(edge, _Seen(boot))
        # A repeated delivery is no newer than what this boot has said before.
        news = mono_us > seen.newest_us.get(boot, -1)
        if boot != seen.now and news:
            if boot in seen.newest_us:
                seen.returns += 1
            seen.now = boot
        if news:
            seen.newest_us[boot] = mono_us
        if len(seen.newest_us) > BOOTS:
            seen.newest_us.pop(next(iter(seen.newest_us)))
        if seen.returns >= RETURNS:
            del self._edges[edge]
            self._suspect(edge, "two boxes use its certificate")
