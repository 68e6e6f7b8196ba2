"""The GPIO character device's second uAPI: its requests and events as bytes (linux/gpio.h).

All integers are in the machine's byte order; every struct is laid out alike on 32 and 64 bits.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

ACTIVE_LOW = 1 << 1
INPUT = 1 << 2
EDGE_RISING = 1 << 4
EDGE_FALLING = 1 << 5
BIAS = {"as-is": 0, "pull-up": 1 << 8, "pull-down": 1 << 9, "disabled": 1 << 10}
_DEBOUNCE = 3  # GPIO_V2_LINE_ATTR_ID_DEBOUNCE
_RISING, _FALLING = 1, 2  # enum gpio_v2_line_event_id

_MOST_LINES = 64
_ATTRIBUTES = 10
_CONSUMER = b"vointi-edge"
# gpio_v2_line_request: offsets, consumer, config (flags, number and padding, attributes of
# id, padding, value, mask), number of lines, event buffer, padding, descriptor.
_REQUEST = struct.Struct("=64I32sQ6I" + "IIQQ" * _ATTRIBUTES + "7Ii")
_VALUES = struct.Struct("=QQ")
_EVENT = struct.Struct("=QIIII24x")
EVENT_BYTES = _EVENT.size
REQUEST_BYTES = _REQUEST.size


def _iowr(number: int, size: int) -> int:
    return (3 << 30) | (size << 16) | (0xB4 << 8) | number


GET_LINE = _iowr(0x07, _REQUEST.size)
GET_VALUES = _iowr(0x0E, _VALUES.size)


@dataclass(frozen=True, slots=True)
class LineEvent:
    """One edge: CLOCK_MONOTONIC, whether the line became active, and the line's own count."""

    monotonic_ns: int
    active: bool
    offset: int
    line_seqno: int


def line_request(offsets: Sequence[int], flags: int, debounce_us: int) -> bytearray:
    """Build the argument of GET_LINE; the kernel writes the descriptor into its last 4 bytes."""
    mask = (1 << len(offsets)) - 1
    # The period is the first half of an 8-byte union, whatever the byte order.
    period = struct.unpack("=Q", struct.pack("=I4x", debounce_us))[0]
    debounce = [_DEBOUNCE, 0, period, mask] if debounce_us else [0, 0, 0, 0]
    return bytearray(
        _REQUEST.pack(
            *offsets,
            *[0] * (_MOST_LINES - len(offsets)),
            _CONSUMER,
            flags,
            1 if debounce_us else 0,
            *[0] * 5,
            *debounce,
            *[0] * 4 * (_ATTRIBUTES - 1),
            len(offsets),
            *[0] * 6,
            0,
        )
    )


def line_descriptor(request: bytes) -> int:
    """Return the descriptor that GET_LINE gave."""
    return int(_REQUEST.unpack(request)[-1])


def values_request(count: int) -> bytearray:
    """Build the argument of GET_VALUES for the first `count` lines of the request."""
    return bytearray(_VALUES.pack(0, (1 << count) - 1))


def values_of(request: bytes, count: int) -> list[bool]:
    """Return which lines are active, in the order of the request."""
    bits = _VALUES.unpack(request)[0]
    return [bool(bits >> n & 1) for n in range(count)]


def line_event(data: bytes) -> LineEvent | None:
    """Decode one event of EVENT_BYTES; None when it is neither a rise nor a fall."""
    timestamp_ns, kind, offset, _, line_seqno = _EVENT.unpack(data)
    if kind not in (_RISING, _FALLING):
        return None
    return LineEvent(timestamp_ns, kind == _RISING, offset, line_seqno)
