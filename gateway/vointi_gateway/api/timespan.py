"""Times and resolutions as people write them in a query."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime

from ..errors import QueryError

_UNITS_US = {"s": 1_000_000, "m": 60_000_000, "h": 3_600_000_000, "d": 86_400_000_000}
_RELATIVE = re.compile(r"-(\d{1,9}(?:\.\d{1,6})?)([smhd])")
_WINDOW = re.compile(r"(\d{1,9})([smhd])")
_EPOCH = re.compile(r"\d{1,11}(?:\.\d{1,9})?")
_TIME_FIX = "use RFC 3339 (2026-01-31T12:00:00Z), epoch seconds, or a relative time like -60s"
#: Year 2200: beyond it a time is a mistake of unit.
_LATEST_US = 7_258_118_400_000_000


def parse_time(text: str, field: str, now_us: int) -> int:
    """UTC µs. Raises QueryError naming `field`."""
    found = _RELATIVE.fullmatch(text)
    if found:
        return now_us - round(float(found[1]) * _UNITS_US[found[2]])
    if _EPOCH.fullmatch(text):
        return _bounded(round(float(text) * 1e6), field)
    try:
        # A "+" of a time zone arrives as a space when the client did not escape it.
        moment = datetime.fromisoformat(text.replace(" ", "+") if text.count(" ") == 1 else text)
    except ValueError as exc:
        raise QueryError(field, _TIME_FIX) from exc
    if moment.tzinfo is None:
        raise QueryError(field, "has no time zone; add Z or +02:00")
    since = moment.astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)
    return _bounded(math.floor(since.total_seconds() * 1e6 + 0.5), field)


def _bounded(time_us: int, field: str) -> int:
    if not 0 <= time_us <= _LATEST_US:
        raise QueryError(field, "lies outside 1970 to 2200; " + _TIME_FIX)
    return time_us


def parse_resolution(text: str) -> int | None:
    """The window in µs, or None for raw. Raises QueryError."""
    if text == "raw":
        return None
    found = _WINDOW.fullmatch(text)
    if found is None or int(found[1]) == 0:
        raise QueryError("resolution", "use raw, or a window like 1s, 60s, 1m, 1h")
    return int(found[1]) * _UNITS_US[found[2]]
