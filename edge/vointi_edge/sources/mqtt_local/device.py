"""One device behind the local broker: its JSON messages become readings."""

from __future__ import annotations

import asyncio
import time
from functools import partial

from vointi_edge.catalogue import StreamSpec
from vointi_edge.decoders.json_fields import json_channels, json_object
from vointi_edge.errors import DecodeError
from vointi_edge.sources.mqtt_local.broker import LocalBroker
from vointi_edge.sources.notice import Notice, impossible
from vointi_edge.sources.ports import Assigned, Context
from vointi_edge.sources.refusals import Refusals
from vointi_edge.sources.scalars import scalar_reading

_CHECK_S = 5.0


class MqttDevice:
    """Runs one device until cancelled. Its model's streams are topics below its own."""

    def __init__(self, assigned: Assigned, context: Context, broker: LocalBroker) -> None:
        self._id = assigned.config.id
        self._context = context
        self._notice = Notice(context.hub, self._id)
        self._silence_s = min(
            (s.silence_s for s in assigned.model.streams if s.silence_s), default=0
        )
        self._heard_s: float | None = None
        self._broker = broker
        self._refusals = {
            spec.id: Refusals(self._id, spec.id, context.hub) for spec in assigned.model.streams
        }
        self._takers = {
            f"{assigned.config.place.topic}{spec.wired.topic}": partial(self._take, spec)
            for spec in assigned.model.streams
        }

    async def run(self) -> None:
        """Listen, and note when the device is not heard any more."""
        with self._broker.watching(self._takers, self._broker_says):
            await self._watch()

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(_CHECK_S)
            silent_s = time.monotonic() - self._heard_s if self._heard_s is not None else 0.0
            if self._silence_s and silent_s > self._silence_s:
                self._heard_s = None
                minutes = self._silence_s / 60
                self._notice.trouble(
                    f"not heard for {minutes:.0f} min; check its battery and reach"
                )

    def _broker_says(self, trouble: str) -> None:
        self._heard_s = None
        if trouble:
            self._notice.trouble(trouble)
        else:
            self._notice.waiting()

    def _take(self, spec: StreamSpec, payload: bytes) -> None:
        mono_us = self._context.clock.boottime_us()
        self._heard_s = time.monotonic()
        try:
            decoded, wrong = json_channels(json_object(payload), spec.wired.fields)
        except DecodeError as error:
            self._refusals[spec.id].note(error)
            return
        self._notice.fine(wrong[0] if wrong else impossible(decoded))
        decoded = self._notice.marked(decoded)
        reading = scalar_reading(self._context, self._id, spec, decoded, mono_us)
        if reading is not None:
            self._context.hub.reading(reading)
