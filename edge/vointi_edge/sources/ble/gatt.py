"""A device that is connected to: found, read, and found again after every loss."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Protocol, runtime_checkable

from bleak import BleakClient
from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData

from vointi_edge.backoff import Backoff
from vointi_edge.beat import now_s, until_beat
from vointi_edge.catalogue import StreamSpec
from vointi_edge.errors import DecodeError, NoSlotError, RadioError, SourceError
from vointi_edge.sources.ble import words
from vointi_edge.sources.ble.characteristic import CharacteristicStream
from vointi_edge.sources.ble.describe import describe
from vointi_edge.sources.ble.device_clock import DeviceClock, set_right
from vointi_edge.sources.ble.gsp import GspControl, GspStream
from vointi_edge.sources.ble.journal import Journal
from vointi_edge.sources.ble.linker import RADIO_ERRORS, Link
from vointi_edge.sources.ble.pmd import PmdControl, PmdStream
from vointi_edge.sources.ble.radio import Radio
from vointi_edge.sources.ports import Assigned, Context

_CHECK_S = 1.0
# A link that delivered everything for this long has proved itself: trouble is over.
_PROOF_S = 10.0
_SETUP_S = 30.0
_REVIVE_S = 6.0
# BlueZ answers no subscription of a device that declines to pair; asked to pair, it says so. One
# link that ends while it is set up may be chance.
_PAIR_AFTER = 2
_OLD_LINK_S = 5.0
_NOT_HEARD_S = 90.0
_SLOT_S = 30.0


class Stream(Protocol):
    """A stream of one link; `heard_s` is the event loop's time of its last sign of life."""

    spec: StreamSpec
    heard_s: float

    async def start(self, client: BleakClient) -> None:
        """Make the device send."""


@runtime_checkable
class Revivable(Protocol):
    """A stream that can be asked for once more on the same link."""

    async def revive(self) -> bool:
        """Ask again; False: only a new link can help."""


class GattDevice:
    """Runs one assigned device until cancelled."""

    def __init__(self, assigned: Assigned, radio: Radio, context: Context) -> None:
        self._assigned = assigned
        self._id = assigned.config.id
        self._address = (assigned.config.address or "").upper()
        self._radio = radio
        self._context = context
        self._journal = Journal(self._id, context.hub)
        # A worn device is soon back; at the longest a fault that heals itself is over in 2 min.
        self._backoff = Backoff(floor_s=0.1, first_s=0.5, cap_s=45.0, quick=2)
        self._sighted = asyncio.Event()
        self._link: Link | None = None
        self._old: Link | None = None
        self._radio_down = False
        self._fruitless = 0
        radio.watch(self._address, self)

    async def run(self) -> None:
        """Connect, read, and begin again after every loss."""
        await self._radio.adopt(self._address, self._assigned.model.match.service_uuids)
        while True:
            await self._found()
            try:
                await self._one_link()
            except NoSlotError as error:
                self._journal.lost("slot", str(error))
                await self._radio.slot_freed(_SLOT_S)
            except SourceError as error:
                self._journal.lost("source", error.reason)
            except RadioError as error:
                self._journal.lost("radio", str(error))
            except (*RADIO_ERRORS, DecodeError) as error:
                await self._no_link(error)
            else:
                await self._rest()
            await asyncio.sleep(self._backoff.next_s())

    async def _no_link(self, error: Exception) -> None:
        """Say why, and mend what a bond that only one side remembers keeps from being made."""
        if await self._radio.renew_bond(self._address):
            self._journal.lost("bond", words.bond_lost())
        else:
            self._journal.lost("link", words.no_link(error))

    async def _rest(self) -> None:
        """Leave a device that is visited alone until its next visit."""
        visit_s = self._assigned.model.visit_every_s
        if visit_s:
            self._journal.well()
            self._backoff.reset()
            self._context.hub.link(self._id, "advertising")
            await asyncio.sleep(visit_s)

    # ---- what the radio tells

    def sighting(self, device: BLEDevice, advertisement: AdvertisementData) -> bool:
        """Take an advertisement; False when another kind of device sent it."""
        prefix, name = self._assigned.model.match.local_name_prefix, advertisement.local_name
        if prefix and name and not name.startswith(prefix):
            self._journal.remark("stranger", words.stranger(name))
            return False
        self._sighted.set()
        self._context.hub.rssi(self._id, advertisement.rssi)
        return True

    def radio_trouble(self, text: str | None) -> None:
        """Show the radio's trouble while there is no link."""
        self._radio_down = text is not None
        if self._link is None and text is not None:
            self._context.hub.link(self._id, "lost", text)

    async def _found(self) -> None:
        """Wait until the device is heard.

        A link that could not be ended (the device was out of reach, the radio deaf) keeps the
        device from advertising, so ending it is tried again meanwhile.
        """
        since_s = now_s()
        while not self._radio.fresh(self._address):
            self._sighted.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_OLD_LINK_S):
                    await self._sighted.wait()
            if not self._sighted.is_set():
                if self._old is not None:
                    await self._end(self._old)
                await self._radio.look_anew(self._address)
            if now_s() - since_s > _NOT_HEARD_S and not self._radio_down:
                self._journal.lost("not heard", words.not_heard(_NOT_HEARD_S))

    async def _end(self, link: Link) -> None:
        self._old = None if await self._radio.end(link) else link

    # ---- one link

    async def _one_link(self) -> None:
        self._journal.connecting()
        link = self._link = await self._radio.connect(self._address, self._id)
        try:
            streams = await self._set_up(link)
            if not self._assigned.model.visit_every_s:
                await self._until_over(link, streams)
        finally:
            self._link = None
            await self._end(link)

    async def _set_up(self, link: Link) -> list[Stream]:
        declined = False
        try:
            async with _while_linked(link, _SETUP_S):
                declined = self._fruitless >= _PAIR_AFTER and not await _pairs(link.client)
                streams = await self._start_streams(link.client)
                serial = self._assigned.config.tell_serial
                description = await describe(link.client, serial=serial)
        except (*RADIO_ERRORS, DecodeError) as error:
            raise SourceError(self._id, self._no_use(link, error, declined)) from error
        self._fruitless = 0
        self._journal.connected(description)
        return streams

    def _no_use(self, link: Link, error: Exception, declined: bool) -> str:
        """Say why a link could not be set up, and count what may be a declined pairing."""
        cut = link.lost.is_set()
        if isinstance(error, TimeoutError):
            self._fruitless += 1 if cut else _PAIR_AFTER
        if declined:
            return words.not_paired(link.where)
        return words.link_lost(link.where) if cut else words.setup_failed(link.where, error)

    async def _start_streams(self, client: BleakClient) -> list[Stream]:
        streams: list[Stream] = []
        pmd, gsp = PmdControl(client), GspControl(client)
        device_clock = await set_right(client, self._context.clock)
        for spec in self._assigned.model.streams:
            stream = self._make_stream(spec, pmd, gsp, device_clock)
            await stream.start(client)
            streams.append(stream)
        return streams

    def _make_stream(
        self, spec: StreamSpec, pmd: PmdControl, gsp: GspControl, device_clock: DeviceClock
    ) -> Stream:
        if spec.measurement is not None:
            return PmdStream(self._id, spec, self._context, pmd, self._journal)
        if spec.resource is not None:
            return GspStream(self._id, spec, self._context, gsp)
        return CharacteristicStream(self._id, spec, self._context, device_clock)

    async def _until_over(self, link: Link, streams: list[Stream]) -> None:
        """Return when the link is lost; raise SourceError when a stream falls silent."""
        began_s = now_s()
        while not link.lost.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(until_beat(_CHECK_S)):
                    await link.lost.wait()
            for stream in streams:
                await self._check(stream, link)
            if now_s() - began_s > _PROOF_S and _all_heard(streams, began_s):
                self._journal.well()
                self._backoff.reset()
        self._journal.lost("lost", words.link_lost(link.where))

    async def _check(self, stream: Stream, link: Link) -> None:
        """Ask a silent stream once more where that can help; else raise SourceError."""
        silence_s = stream.spec.silence_s
        if not 0 < silence_s < now_s() - stream.heard_s or link.lost.is_set():
            return
        if isinstance(stream, Revivable):
            with contextlib.suppress(*RADIO_ERRORS):
                async with asyncio.timeout(_REVIVE_S):
                    if await stream.revive():
                        return
        raise SourceError(self._id, words.silent(link.where, stream.spec.id, silence_s))


@contextlib.asynccontextmanager
async def _while_linked(link: Link, limit_s: float) -> AsyncIterator[None]:
    """Raise TimeoutError after `limit_s` or when the link ends: BlueZ may leave both unsaid."""

    async def cut(limit: asyncio.Timeout) -> None:
        await link.lost.wait()
        limit.reschedule(asyncio.get_running_loop().time())

    async with asyncio.timeout(limit_s) as limit:
        cutter = asyncio.create_task(cut(limit))
        try:
            yield
        finally:
            cutter.cancel()


async def _pairs(client: BleakClient) -> bool:
    """Pair a device that is not paired yet; say whether it did not decline."""
    with contextlib.suppress(*RADIO_ERRORS):
        await client.pair()
        return True
    return False


def _all_heard(streams: list[Stream], since_s: float) -> bool:
    """Say whether every stream that has to send did so."""
    return all(stream.heard_s > since_s for stream in streams if stream.spec.silence_s > 0)
