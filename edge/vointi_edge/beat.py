"""Who looks around now and then does so when all others do: a wake-up costs more than a look."""

from __future__ import annotations

import asyncio
import time
from typing import Final

# Woken a little before the beat that it waited for, a looker would look twice.
_LEAST: Final = 0.05


def until_beat(period_s: float) -> float:
    """Return the seconds until the event loop's time is the next multiple of `period_s`.

    Between a twentieth of a period and a twentieth more than one. Outside of a loop it is the
    monotonic clock, which is what a loop's time is by default.
    """
    try:
        at_s = asyncio.get_running_loop().time()
    except RuntimeError:
        at_s = time.monotonic()
    left_s = period_s - at_s % period_s
    return left_s if left_s > _LEAST * period_s else left_s + period_s


async def beat(period_s: float) -> None:
    """Sleep until then."""
    await asyncio.sleep(until_beat(period_s))
