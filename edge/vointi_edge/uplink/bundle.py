"""Several kept frames in one backlog message."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from vointi_contract.codec import join

from vointi_edge.uplink.ports import Kept

# Small enough that a live frame never waits long behind one on a slow link.
BUNDLE_BYTES = 4 * 1024


class Bundle(NamedTuple):
    """Rows of one device that go up together, as they were kept."""

    device: str
    rows: tuple[bytes, ...]

    @property
    def kept(self) -> int:
        """How many bytes the rows have by themselves."""
        return sum(map(len, self.rows))

    def payload(self, newest: int) -> bytes:
        """The message for a gateway that reads formats up to `newest`; made when it goes."""
        return join(self.rows, self.device, newest)


def bundles(rows: Sequence[Kept], kept_bytes: int = BUNDLE_BYTES) -> list[Bundle]:
    """Share rows out to messages of at most `kept_bytes` of rows, in order for each device."""
    groups: dict[str, list[list[bytes]]] = {}
    sizes: dict[str, int] = {}
    for row in rows:
        parts = groups.setdefault(row.device, [[]])
        size = sizes.get(row.device, 0) + len(row.payload)
        if size > kept_bytes and parts[-1]:
            parts.append([])
            size = len(row.payload)
        parts[-1].append(row.payload)
        sizes[row.device] = size
    return [Bundle(device, tuple(part)) for device, parts in groups.items() for part in parts]
