"""Several kept frames in one backlog message."""

from __future__ import annotations

from collections.abc import Sequence

from vointi_contract.codec import decode, encode
from vointi_contract.frame import Batch

from vointi_edge.uplink.ports import Kept

# Small enough that a live frame never waits long behind one on a slow link.
BUNDLE_BYTES = 4 * 1024


def bundles(rows: Sequence[Kept]) -> list[tuple[str, bytes]]:
    """Pack rows into (device, payload) messages of about BUNDLE_BYTES, order kept per device."""
    groups: dict[str, list[list[bytes]]] = {}
    sizes: dict[str, int] = {}
    for row in rows:
        parts = groups.setdefault(row.device, [[]])
        size = sizes.get(row.device, 0) + len(row.payload)
        if size > BUNDLE_BYTES and parts[-1]:
            parts.append([])
            size = len(row.payload)
        parts[-1].append(row.payload)
        sizes[row.device] = size
    return [(device, _join(part)) for device, parts in groups.items() for part in parts]


def _join(payloads: Sequence[bytes]) -> bytes:
    """Join one-frame payloads into one message; a single one stays as it is, byte for byte."""
    if len(payloads) == 1:
        return payloads[0]
    return encode(Batch(tuple(frame for payload in payloads for frame in decode(payload).frames)))
