"""One adapter at work: its scanner, its links, and what is done when it stops working."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Collection, Coroutine, Iterator
from typing import Any, TypeVar

from bleak import BleakScanner
from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData

from vointi_edge.backoff import Backoff
from vointi_edge.beat import now_s, until_beat
from vointi_edge.sources.ble import words
from vointi_edge.sources.ble.hearing import Hearing
from vointi_edge.sources.ble.ladder import Ladder, Step
from vointi_edge.sources.ble.limits import within
from vointi_edge.sources.ble.linker import RADIO_ERRORS, Linker
from vointi_edge.sources.ble.port import RadioPort

T = TypeVar("T")
log = logging.getLogger(__name__)

# Starting and stopping a scan takes milliseconds; a dead controller never answers.
_COMMAND_S = 8.0
_LEAST_S, _LOOK_S = 0.01, 5.0
# The kernel scans for 10.24 s at a time: everybody in reach is heard within that.
_ANEW_S = 11.0


class Station:
    """Scans for ever on one adapter and heals it; `linker` links devices through it.

    `heard` takes every advertisement of an assigned address; nobody else's leaves this class.
    `troubled` takes the adapter's state in words, None when it works again.
    """

    def __init__(
        self,
        port: RadioPort,
        slots: int,
        *,
        assigned: Collection[str],
        linked: Callable[[], Collection[str]],
        heard: Callable[[Station, BLEDevice, AdvertisementData], None],
        troubled: Callable[[str | None], None],
    ) -> None:
        self.name = port.name
        self.trouble: str | None = None
        self.scanning = False
        self.linker = Linker(
            port, slots, quiet=self._quiet, unanswered=self._suspect, stuck=self._links_nothing
        )
        self.hearing = Hearing(assigned, linked)
        self._port = port
        self._linked = linked
        self._heard = heard
        self._troubled = troubled
        self._scanner: BleakScanner | None = None
        self._hold = asyncio.Lock()
        self._suspected = asyncio.Event()
        self._stuck = False
        self._anew_s = float("-inf")
        self._ladder = Ladder()
        self._backoff = Backoff(floor_s=0.2, first_s=1.0, cap_s=15.0)

    async def run(self) -> None:
        """Keep scanning, for ever."""
        while True:
            try:
                await self._scan()
            except RADIO_ERRORS as error:
                self._tell(words.radio_down(self.name, error))
                # Who refuses a command may take the next one; who answers nothing is dead.
                await self._climb(dead=isinstance(error, TimeoutError))
                await asyncio.sleep(self._backoff.next_s())

    async def watch(self) -> None:
        """End all links whenever they ended beneath us."""
        await self._port.watch(self._restarted)

    async def connected_before(self, services: list[str]) -> list[BLEDevice]:
        """Return devices linked before this process began."""
        with contextlib.suppress(*RADIO_ERRORS, NotImplementedError):
            return await self._port.connected(services)
        return []

    async def close(self) -> None:
        """Let the adapter go."""
        await self._port.close()

    async def look_anew(self) -> None:
        """Be told anew who is there, not too often.

        BlueZ tells of a device when a scan first hears it, then only of a signal that is 8 dB
        stronger or weaker: heard while nobody could link it, or during a pause, a device would
        stay unheard.
        """
        if not self._port.links_in_quiet or self._hold.locked():
            return
        if self._scanner is not None and now_s() - self._anew_s >= _ANEW_S:
            self._anew_s = now_s()
            async with self._quiet():
                log.debug("%s: looks anew", self.name)

    # ---- scanning

    async def _scan(self) -> None:
        """Scan until the adapter is deaf or suspected, then take the next step."""
        await _soon(self._port.find())
        scanner = BleakScanner(
            self._on_advertisement, backend=self._port.scanner, bluez=self._port.scanner_args
        )
        self._suspected.clear()
        await _soon(scanner.start())
        self._scanner = scanner
        self.hearing.told_anew()
        self.scanning = True
        try:
            self.hearing.began()
            deaf = await self._until_deaf()
        except asyncio.CancelledError:
            # An adapter that is gone refuses to stop; that must not hide that we are to end.
            with contextlib.suppress(*RADIO_ERRORS):
                await self._end_scan()
            raise
        finally:
            self.scanning = False
        await self._end_scan()
        if deaf:
            await self._climb()
        elif self._stuck:
            self._stuck = False
            await self._climb(dead=True)

    async def _end_scan(self) -> None:
        async with self._hold:
            scanner, self._scanner = self._scanner, None
            if scanner is not None:
                await _soon(scanner.stop())

    @contextlib.asynccontextmanager
    async def _quiet(self) -> AsyncIterator[None]:
        """Hold the scan while a link is made, on adapters where a link waits for its end."""
        async with self._hold:
            scanner = self._scanner
            if scanner is None or not self._port.links_in_quiet:
                yield
                return
            with self._suspecting():
                await _soon(scanner.stop())
            try:
                yield
            finally:
                self._scanner = None
                with self._suspecting():
                    await _soon(scanner.start())
                    self._scanner = scanner
                    self.hearing.told_anew()

    @contextlib.contextmanager
    def _suspecting(self) -> Iterator[None]:
        """Suspect the adapter where a command fails, and go on."""
        try:
            yield
        except RADIO_ERRORS:
            self._suspect()

    async def _until_deaf(self) -> bool:
        """Return whether the adapter is deaf; False: it is suspected of something else."""
        while not self._suspected.is_set():
            if self.hearing.proved:
                self._works()
            left_s = self._ladder.patience_s - self.hearing.silence_s()
            if left_s <= 0:
                if not (self._ladder.climbing and self.hearing.excuse()):
                    return True
                continue
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(max(left_s, _LEAST_S), until_beat(_LOOK_S))):
                    await self._suspected.wait()
        return False

    def _on_advertisement(self, device: BLEDevice, advertisement: AdvertisementData) -> None:
        if self.hearing.heard(device.address.upper()):
            self._heard(self, device, advertisement)

    # ---- healing

    async def _climb(self, *, dead: bool = False) -> None:
        """Take the ladder's next step."""
        links = self.linker.links
        # Without links a power cycle costs nobody anything.
        missed = dead or self.hearing.missed or not links
        silence_s = self._ladder.patience_s
        step = self._ladder.climb(
            now_s(), missed=missed, dead=dead, links=links, restartable=not self._linked()
        )
        if missed:
            self._tell(words.radio_deaf(self.name, silence_s, step.value))
        if step is Step.POWER_CYCLE:
            await self._power_cycle()
        elif step is Step.RESTART:
            await self._restart()

    async def _restart(self) -> None:
        log.info("%s: %s", self.name, Step.RESTART.value)
        try:
            await _soon(self._port.restart())
        except RADIO_ERRORS as error:
            log.info("%s: %s", self.name, words.reason(error))

    async def _power_cycle(self) -> None:
        log.info("%s: %s", self.name, Step.POWER_CYCLE.value)
        try:
            await _soon(self._port.power_cycle())
        except RADIO_ERRORS as error:
            self._tell(words.radio_down(self.name, error))
        self.linker.all_lost()

    def _suspect(self) -> None:
        """Scan anew: a controller that is dead does not answer that."""
        self._suspected.set()

    def _links_nothing(self) -> None:
        self._tell(words.radio_connects_nothing(self.name))
        self._stuck = True
        self._suspected.set()

    def _restarted(self, reason: str) -> None:
        self._tell(reason)
        self.linker.all_lost()
        self._suspected.set()

    def _tell(self, text: str) -> None:
        """Say a trouble once; it lasts until the adapter hears again."""
        if self.trouble is None:
            log.warning("%s", text)
            self.trouble = text
            self._troubled(text)

    def _works(self) -> None:
        self._ladder.works()
        self._backoff.reset()
        if self.trouble is not None:
            log.info("%s: works again", self.name)
            self.trouble = None
            self._troubled(None)


async def _soon(command: Coroutine[Any, Any, T]) -> T:
    """Await a command of the adapter's, but not for ever."""
    return await within(_COMMAND_S, command)
