"""One sensor that the kernel reads: asked at each period, told when it answers."""

from __future__ import annotations

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from vointi_contract.frame import Channel

from vointi_edge.catalogue import StreamSpec
from vointi_edge.decoders.iio import iio_channel, iio_files
from vointi_edge.decoders.values import Decoded
from vointi_edge.errors import DecodeError, SourceError
from vointi_edge.sources.iio.tree import IioTree, read
from vointi_edge.sources.notice import Notice, impossible
from vointi_edge.sources.ports import Assigned, Context
from vointi_edge.sources.scalars import scalar_reading

log = logging.getLogger(__name__)

# The slowest driver waits 6 s for a measurement, for each of three values (scd4x).
_PATIENCE_S = 30.0


@dataclass(slots=True)
class _Look:
    """What one look at a stream found."""

    channels: list[Channel] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


class IioSensor:
    """Runs one sensor until cancelled; it may be plugged in later and again.

    A value that cannot be read is left out and said; the others are told all the same.
    """

    def __init__(self, assigned: Assigned, context: Context, root: Path) -> None:
        self._id = assigned.config.id
        self._where = assigned.config.place.iio or "any"
        self._names = assigned.model.match.iio_names
        self._specs = assigned.model.streams
        self._period_s = min(spec.wired.period_s for spec in self._specs)
        self._context = context
        self._tree = IioTree(root)
        self._notice = Notice(context.hub, self._id)
        # Its own thread: a sensor that hangs in the kernel must not keep others waiting.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=self._id)

    async def run(self) -> None:
        """Look at the sensor at each period."""
        try:
            while True:
                due = asyncio.get_running_loop().time() + self._period_s
                await self._once()
                await asyncio.sleep(max(0.0, due - asyncio.get_running_loop().time()))
        finally:
            self._thread.shutdown(wait=False, cancel_futures=True)

    async def _once(self) -> None:
        looking = asyncio.get_running_loop().run_in_executor(self._thread, self._look)
        done, _ = await asyncio.wait((looking,), timeout=_PATIENCE_S)
        if not done:
            self._notice.trouble(
                f"the sensor has not answered for {_PATIENCE_S:.0f} s; check its cable"
            )
            await asyncio.wait((looking,))
        try:
            looks = looking.result()
        except SourceError as error:
            self._notice.trouble(error.reason)
            return
        self._tell(looks)

    def _look(self) -> list[tuple[StreamSpec, _Look]]:
        """In the sensor's thread: read all that the catalogue wants."""
        folder = self._tree.find(self._id, self._names, self._where)
        present = self._tree.files(self._id, folder)
        return [(spec, self._read(spec, folder, present)) for spec in self._specs]

    def _read(self, spec: StreamSpec, folder: Path, present: frozenset[str]) -> _Look:
        look = _Look()
        for metric in spec.metrics:
            try:
                names = iio_files(metric, present)
                texts = {name: read(self._id, folder / name) for name in names}
                correction = spec.wired.correction.get(metric, 1.0)
                look.channels.append(iio_channel(metric, texts, correction))
            except DecodeError as error:
                look.notes.append(str(error))
            except SourceError as error:
                look.notes.append(error.reason)
        return look

    def _tell(self, looks: list[tuple[StreamSpec, _Look]]) -> None:
        mono_us = self._context.clock.boottime_us()
        notes = [note for _, look in looks for note in look.notes]
        if not any(look.channels for _, look in looks):
            self._notice.trouble(notes[0])
            return
        for spec, look in looks:
            decoded = self._notice.marked(Decoded(tuple(look.channels)))
            notes += [note for note in (impossible(decoded),) if note]
            reading = scalar_reading(self._context, self._id, spec, decoded, mono_us)
            if reading is not None:
                self._context.hub.reading(reading)
        self._notice.fine(notes[0] if notes else "")
