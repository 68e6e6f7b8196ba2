"""Advertising that costs nothing while nobody listens.

Bumble wakes for each advertisement of each device, five a second here, whether or not anybody
scans or initiates; most of the time nobody does.
"""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING

from bumble.controller import LegacyAdvertiser

if TYPE_CHECKING:
    from vointi_sim.radio.controller import VirtualController


class Advertiser(LegacyAdvertiser):
    """Legacy advertising at the moments that its first advertisement and the interval fix.

    It sleeps through those that nobody would hear; the next one is sent when it is due.
    """

    controller: VirtualController

    def __init__(self, controller: VirtualController) -> None:
        super().__init__(controller)
        self._due_s = 0.0

    def start(self) -> None:
        """Advertise now and from now on."""
        self._due_s = asyncio.get_running_loop().time()
        super().start()

    def stop(self) -> None:
        """Fall silent."""
        self.controller.link.waiting.pop(self.controller, None)
        super().stop()

    def heard(self) -> None:
        """Somebody listens again: go on with the next advertisement that is due."""
        self._wait(at_least=0)

    def _on_timer_fired(self) -> None:
        if self.controller.link.listened:
            self.send_advertising_data()
            self._wait(at_least=1)
        else:
            self.timer_handle = None
            self.controller.link.waiting[self.controller] = None

    def _wait(self, at_least: int) -> None:
        """Until the next moment of ours that is not past; whoever is late misses some."""
        loop = asyncio.get_running_loop()
        # Core Vol 4 Part E 7.8.5: 20 ms at the least.
        interval_s = max(20, self.advertising_interval_min) / 1000
        missed = math.ceil((loop.time() - self._due_s) / interval_s)
        self._due_s += max(at_least, missed) * interval_s
        self.timer_handle = loop.call_at(self._due_s, self._on_timer_fired)
