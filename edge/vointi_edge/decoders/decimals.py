"""Decimal texts (sysfs files, JSON numbers) as channels: every digit that was sent is kept."""

from __future__ import annotations

import re
from decimal import ROUND_HALF_EVEN, Decimal

from vointi_contract.frame import Channel

from vointi_edge.decoders.values import channel
from vointi_edge.errors import DecodeError
from vointi_edge.text import printable

_TEXT = re.compile(r"[-+]?\d{1,20}(\.\d{1,20})?")
_INT32 = 2**31 - 1
# Smaller than 1e-9 of any unit that we have is nothing; larger than 1e12 is nonsense.
_FINEST, _GREATEST = -9, Decimal(10) ** 12


def decimal_text(name: str, text: str) -> Decimal:
    """Parse `text` (no exponent, at most 20 digits each side); DecodeError names `name`."""
    if not _TEXT.fullmatch(text):
        raise DecodeError(name, f"{printable(text)!r} is no number")
    return Decimal(text)


def decimal_channel(metric: str, value: Decimal, factor: Decimal = Decimal(1)) -> Channel:
    """Build a channel of one value × factor in the metric's unit: an integer and a power of ten.

    Digits are dropped at the end only where an int32 cannot hold them.
    """
    # Compared before it is multiplied: arithmetic with 1e999999999 raises.
    if not value.is_finite() or value.copy_abs() > _GREATEST:
        raise DecodeError(metric, f"{value:.3g} is no measurement")
    value = (value * factor).normalize()
    exponent = max(min(int(value.as_tuple().exponent), 0), _FINEST)
    while True:
        step = Decimal(1).scaleb(exponent)
        raw = int((value / step).to_integral_value(ROUND_HALF_EVEN))
        if abs(raw) <= _INT32:
            return channel(metric, [raw], float(step))
        exponent += 1
