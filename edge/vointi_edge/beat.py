"""The event loop's time, and its beat.

Who looks around now and then does so when all others do: a wake-up costs more than a look.
"""

from __future__ import annotations

import asyncio
import time
from typing import Final

# Woken a little before the beat that it waited for, a looker would look twice.
_LEAST: Final = 0.05


def now_s() -> float:
    """Return the event loop's time, the one that every timeout is measured in.

    Outside of a loop it is the monotonic clock, which is what a loop's time is by default.
    """
    try:
        return asyncio.get_running_loop().time()
    except RuntimeError:
        return time.monotonic()


def until_beat(period_s: float) -> float:
    """Return the seconds until the event loop's time is the next multiple of `period_s`.

    Between a twentieth of a period and a twentieth more than one.
    """
    left_s = period_s - now_s() % period_s
    return left_s if left_s > _LEAST * period_s else left_s + period_s


async def beat(period_s: float) -> None:
    """Sleep until then."""
    await asyncio.sleep(until_beat(period_s))
