"""Which deliveries in quarantine may hold something of a person."""

from __future__ import annotations

from vointi_contract.codec import decode
from vointi_contract.errors import ContractError

from .model import WornSpan


def may_hold(span: WornSpan, received_us: int, payload: bytes) -> bool:
    """Whether a delivery may hold something of the span; by its arrival if it cannot be read."""
    try:
        times = [frame.wall_us for frame in decode(payload).frames]
    except ContractError:
        times = []
    if not times or None in times:
        return received_us >= span.from_us
    return any(t is not None and span.from_us <= t < span.to_us for t in times)
