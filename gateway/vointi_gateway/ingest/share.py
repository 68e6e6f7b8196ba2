"""Which shards are this gateway's: all of them, or those whose leases it holds."""

from __future__ import annotations

from collections.abc import Callable

from vointi_contract.topics import SHARDS, shard_of


class Share:
    """Shards in sets that are called slots: shard n is in slot n modulo their number.

    Args:
        slots: how many slots there are.
        holds: whether a slot is this gateway's now.

    """

    def __init__(self, slots: int = 1, holds: Callable[[int], bool] = lambda _slot: True) -> None:
        self._slots, self._holds = slots, holds

    def has_topic(self, topic: str) -> bool:
        """Whether a delivery is ours; by the shard that its topic says, as we subscribe by it."""
        parts = topic.split("/", 4)
        shard = int(parts[3]) if len(parts) > 4 and parts[3].isdecimal() else 0
        return self._holds(shard % self._slots)

    def has_edge(self, edge: str) -> bool:
        """Whether an edge is ours to answer."""
        return self._holds(shard_of(edge) % self._slots)

    @property
    def leads(self) -> bool:
        """Whether what only one of all gateways may do is ours to do."""
        return self._holds(0)

    def shards(self, slot: int) -> list[str]:
        """The shards of a slot, as topic levels."""
        return [str(shard) for shard in range(SHARDS) if shard % self._slots == slot]
