"""The service-point box: one line a message, `{"seq":…,"kind":…}*CRC16` (hardware/service_point).

The check is CRC-16/CCITT-FALSE (polynomial 0x1021, start 0xFFFF, not reflected) over the JSON text.
"""

from __future__ import annotations

import binascii
import json
from dataclasses import dataclass
from typing import Any

from vointi_edge.decoders.values import Decoded, channel
from vointi_edge.errors import DecodeError

MAX_LINE = 512  # the longest message is under 200 bytes
_HUNDREDTHS = 0.01


@dataclass(frozen=True, slots=True)
class BoxMessage:
    """One checked line. `seq` counts up by one a message; `uptime_ms` is the box's own clock."""

    seq: int
    uptime_ms: int
    kind: str
    fields: dict[str, Any]


def box_line(line: bytes) -> BoxMessage:
    """Check and parse one line (with or without its newline)."""
    text, star, check = line.strip().rpartition(b"*")
    if not star or len(line) > MAX_LINE:
        raise DecodeError("box line", "has no *CRC at its end")
    if check.upper() != b"%04X" % binascii.crc_hqx(text, 0xFFFF):
        raise DecodeError("box line", "CRC differs; a byte was lost on the wire")
    try:
        fields = json.loads(text)
    except (ValueError, RecursionError):
        raise DecodeError("box line", "is no JSON") from None
    if not isinstance(fields, dict):
        raise DecodeError("box line", "is no JSON object")
    return BoxMessage(_count(fields, "seq"), _count(fields, "uptime_ms"), _kind(fields), fields)


def box_air(message: BoxMessage) -> Decoded:
    """Decode to co2 [[ppm]], room_temperature [Cel], room_humidity [%]."""
    return Decoded(
        (
            channel("co2", [_count(message.fields, "co2_ppm")]),
            channel("room_temperature", [_hundredths(message, "temperature_c")], _HUNDREDTHS),
            channel("room_humidity", [_hundredths(message, "humidity_pct")], _HUNDREDTHS),
        )
    )


def box_people(message: BoxMessage) -> Decoded:
    """Decode cumulative counts to people_in, people_out and people_present [1]."""
    entered, left = _count(message.fields, "in"), _count(message.fields, "out")
    return Decoded(
        (
            channel("people_in", [entered]),
            channel("people_out", [left]),
            channel("people_present", [max(0, entered - left)]),
        )
    )


def box_button(message: BoxMessage) -> Decoded:
    """Decode to feedback: button 1 (happiest) to 4."""
    button = _count(message.fields, "button")
    if not 1 <= button <= 4:
        raise DecodeError("button", f"must be 1 to 4, not {button}")
    return Decoded((channel("feedback", [button]),))


def _kind(fields: dict[str, Any]) -> str:
    kind = fields.get("kind")
    if not isinstance(kind, str):
        raise DecodeError("kind", "is missing")
    return kind


def _count(fields: dict[str, Any], key: str) -> int:
    value = fields.get(key)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**31:
        raise DecodeError(key, "must be a whole number from 0 to 2147483647")
    return value


def _hundredths(message: BoxMessage, key: str) -> int:
    value = message.fields.get(key)
    if not isinstance(value, int | float) or isinstance(value, bool) or not -1e6 < value < 1e6:
        raise DecodeError(key, "must be a number")
    return round(value / _HUNDREDTHS)
