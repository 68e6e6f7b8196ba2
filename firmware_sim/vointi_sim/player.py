"""Plays a recording through a simulated strap, and tells how far it is."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from vointi_sim.clock import Clock
from vointi_sim.physiology.motion import Still
from vointi_sim.places import STRAP, Place
from vointi_sim.radio import HciPort, Radio
from vointi_sim.recordings import Recording
from vointi_sim.recordings.peaks import peaks_s
from vointi_sim.wearables.sources import RecordedEcg
from vointi_sim.wearables.strap import Strap

_TELL_EVERY_S = 2.0
# The end is noticed soon enough for a script that waits for it.
_LOOK_EVERY_S = 0.1


class Player:
    """A home whose only device is a strap on a recording; it lies on a table."""

    def __init__(self, clock: Clock, recording: Recording) -> None:
        peaks = peaks_s(recording.microvolts, recording.rate_hz)
        self.source = RecordedEcg(recording.microvolts, recording.rate_hz, peaks)
        radio = Radio()
        port = HciPort(radio, "player", "B8:27:EB:00:00:01")
        strap = Strap(
            radio,
            clock,
            STRAP,
            ecg=self.source,
            rhythm=self.source,
            motion=Still(0),
            ready_to_send=port.drained,
        )
        self.place = Place("player", radio, port, [strap])

    async def tell(self, say: Callable[[int, int], None]) -> None:
        """Call `say(sent, total)` while it goes on, and a last time at the end; then return."""
        total, told, waited_s = len(self.source.microvolts), 0, 0.0
        while not self.source.over:
            await asyncio.sleep(_LOOK_EVERY_S)
            waited_s += _LOOK_EVERY_S
            if self.source.position != told and waited_s >= _TELL_EVERY_S:
                told, waited_s = self.source.position, 0.0
                say(told, total)
        if told != total:
            say(total, total)
