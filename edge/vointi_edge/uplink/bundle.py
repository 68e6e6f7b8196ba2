"""Several kept frames in one backlog message."""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter
from typing import NamedTuple

from vointi_contract.codec import decode, encode
from vointi_contract.frame import Batch

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

    def payload(self) -> bytes:
        """The message: a tenth of a millisecond a row, so made only when it is about to go."""
        return _join(self.rows)


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


def _join(payloads: Sequence[bytes]) -> bytes:
    """Join one-frame payloads into one message; a single one stays as it is, byte for byte.

    Stream by stream, each in its order: headers are told against the frame before, and samples
    that resemble each other compress better side by side (a tenth of a strap's bytes).
    """
    if len(payloads) == 1:
        return payloads[0]
    frames = [frame for payload in payloads for frame in decode(payload).frames]
    return encode(Batch(tuple(sorted(frames, key=attrgetter("stream")))))
