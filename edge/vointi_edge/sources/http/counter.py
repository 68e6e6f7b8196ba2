"""A people counter that is asked over HTTP at each period."""

from __future__ import annotations

import asyncio

from vointi_edge.backoff import Backoff
from vointi_edge.decoders.json_fields import MAX_JSON, axis_live_sum, json_object
from vointi_edge.errors import DecodeError, SourceError
from vointi_edge.sources.http.fetch import Fetcher
from vointi_edge.sources.notice import Notice, impossible
from vointi_edge.sources.ports import Assigned, Context
from vointi_edge.sources.scalars import scalar_reading

_DECODERS = {"axis_live_sum": axis_live_sum}
# A camera takes a minute to restart; asking more often than this helps nobody.
_CAP_S = 30.0


class HttpCounter:
    """Runs one counter until cancelled."""

    def __init__(self, assigned: Assigned, context: Context) -> None:
        self._id = assigned.config.id
        self._spec = assigned.model.streams[0]
        self._decode = _DECODERS[self._spec.decoder]
        self._context = context
        self._notice = Notice(context.hub, self._id)
        place = assigned.config.place
        url = f"{place.url}{self._spec.wired.request}"
        self._fetcher = Fetcher(self._id, url, place.username, place.password_file, MAX_JSON)

    async def run(self) -> None:
        """Ask at each period; after a failure less and less often."""
        period_s = self._spec.wired.period_s
        backoff = Backoff(floor_s=min(period_s, 1.0), first_s=period_s, cap_s=_CAP_S)
        try:
            while True:
                due_s = asyncio.get_running_loop().time() + period_s
                if await self._once():
                    backoff.reset()
                    await asyncio.sleep(max(0.0, due_s - asyncio.get_running_loop().time()))
                else:
                    await asyncio.sleep(backoff.next_s())
        finally:
            await self._fetcher.close()

    async def _once(self) -> bool:
        try:
            decoded = self._decode(json_object(await self._fetcher.get()))
        except SourceError as error:
            self._notice.trouble(error.reason)
            return False
        except DecodeError as error:
            self._notice.trouble(f"the device's answer makes no sense: {error}")
            return False
        mono_us = self._context.clock.boottime_us()
        decoded = self._notice.marked(decoded)
        reading = scalar_reading(self._context, self._id, self._spec, decoded, mono_us)
        if reading is not None:
            self._context.hub.reading(reading)
        self._notice.fine(impossible(decoded))
        return True
