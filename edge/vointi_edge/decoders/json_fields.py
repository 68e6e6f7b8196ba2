"""JSON from the local network: strictly parsed, and its members as channels."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

from vointi_contract.frame import Channel

from vointi_edge.catalogue_wired import JsonField
from vointi_edge.decoders.decimals import decimal_channel
from vointi_edge.decoders.values import Decoded, channel
from vointi_edge.errors import DecodeError

MAX_JSON = 16 * 1024  # a Zigbee device's whole state is under 2 kB
_COUNT = 10**9


def json_object(data: bytes) -> dict[str, Any]:
    """Parse an object; numbers with a point become Decimal. Raises DecodeError."""
    if len(data) > MAX_JSON:
        raise DecodeError("message", f"is longer than {MAX_JSON} bytes")
    try:
        value = json.loads(data, parse_float=Decimal, parse_constant=_no_constant)
    except (ValueError, RecursionError, InvalidOperation):
        raise DecodeError("message", "is no JSON") from None
    if not isinstance(value, dict):
        raise DecodeError("message", "is no JSON object")
    return value


def json_channels(
    message: Mapping[str, Any], fields: Sequence[JsonField]
) -> tuple[Decoded, list[str]]:
    """Decode the members that are there and not null; those that are wrong are named."""
    channels: list[Channel] = []
    wrong: list[str] = []
    for one in fields:
        value = _member(message, one.path)
        if value is None:
            continue
        try:
            channels.append(_channel(one, value))
        except DecodeError as error:
            wrong.append(str(error))
    return Decoded(tuple(channels)), wrong


def axis_live_sum(message: Mapping[str, Any]) -> Decoded:
    """Decode AXIS People Counter's live-sum.json: people in and out since midnight.

    VAPIX "People counter API", Request real-time data.
    """
    came, went = _count(message, "in"), _count(message, "out")
    return Decoded(
        (
            channel("people_in", [came]),
            channel("people_out", [went]),
            channel("people_present", [max(0, came - went)]),
        )
    )


def _no_constant(name: str) -> None:
    raise ValueError(name)  # NaN and Infinity are no JSON


def _member(message: Mapping[str, Any], path: tuple[str, ...]) -> Any:
    value: Any = message
    for name in path:
        if not isinstance(value, dict):
            return None
        value = value.get(name)
    return value


def _channel(one: JsonField, value: Any) -> Channel:
    name = ".".join(one.path)
    if isinstance(value, bool):
        return channel(one.metric, [int(value != one.inverted)])
    if not isinstance(value, int | Decimal) or one.inverted:
        raise DecodeError(name, "is no truth value" if one.inverted else "is no number")
    return decimal_channel(one.metric, Decimal(value), Decimal(one.scale))


def _count(message: Mapping[str, Any], key: str) -> int:
    value = message.get(key)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= _COUNT:
        raise DecodeError(key, f"must be a whole number from 0 to {_COUNT}")
    return value
