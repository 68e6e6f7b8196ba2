"""Limits that hold even where what is stopped does not want to stop."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, Final, TypeVar

T = TypeVar("T")
# A link that is given up is ended first, which a working adapter does within a second or two.
_GRACE_S: Final = 5.0
_CANCELS: Final = 3


async def within(limit_s: float, work: Coroutine[Any, Any, T]) -> T:
    """Await `work` for `limit_s` at most; raises TimeoutError after that.

    `asyncio.timeout` cancels once and waits for the end of whatever `work` then does. bleak's
    connect on BlueZ ends the link that it was making and waits for the answer, which an adapter
    that was switched off meanwhile may leave unsaid; nobody scans or links until then. So
    clean-up has `_GRACE_S`, then it is cancelled too.
    """
    task = asyncio.ensure_future(work)
    try:
        await asyncio.wait({task}, timeout=limit_s)
        if task.done():
            return task.result()
    finally:
        await _stop(task)
    raise TimeoutError


async def _stop(task: asyncio.Task[T]) -> None:
    for _ in range(_CANCELS):
        if task.done():
            break
        task.cancel()
        await asyncio.wait({task}, timeout=_GRACE_S)
    if task.done() and not task.cancelled():
        task.exception()  # whoever waits no longer is told of the limit, not of this
