"""Messages that cannot be decoded: counted always, logged seldom."""

from __future__ import annotations

import logging

from vointi_edge.errors import DecodeError
from vointi_edge.sources.ports import Hub
from vointi_edge.text import printable

log = logging.getLogger(__name__)

_MAX_REASON = 100


class Refusals:
    """Refused messages of one stream; the first, tenth, hundredth … is logged."""

    def __init__(self, device: str, stream: str, hub: Hub) -> None:
        self.count = 0
        self._device = device
        self._stream = stream
        self._hub = hub
        self._next_told = 1

    def note(self, error: DecodeError) -> None:
        """Count one message."""
        self.count += 1
        reason = printable(str(error), _MAX_REASON)
        self._hub.bad(self._device, self._stream, reason)
        if self.count >= self._next_told:
            self._next_told *= 10
            log.warning(
                "%s: %s: %s (%d bad messages)", self._device, self._stream, reason, self.count
            )
