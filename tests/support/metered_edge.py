"""An edge that tells what its virtual radio's host takes of the processor; a program of its own.

    python tests/support/metered_edge.py FILE run --config EDGE.toml

FILE holds one double: seconds of processor time in Bumble, from the bytes of its transport to the
value that it hands on. On a Raspberry Pi that is bluetoothd's and the kernel's work.
"""

from __future__ import annotations

import mmap
import struct
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bumble.transport.common import StreamPacketSource
from vointi_edge.cli import main
from vointi_edge.sources.ble.virtual.adapter import Adapter
from vointi_edge.sources.ble.virtual.client import VirtualClient

_DOUBLE = struct.Struct("d")


class Meter:
    """Adds up processor time in a page of a file."""

    def __init__(self, path: Path) -> None:
        path.write_bytes(bytes(_DOUBLE.size))
        with path.open("r+b") as file:
            self._page = mmap.mmap(file.fileno(), _DOUBLE.size)
        self._seconds = 0.0

    def timed(self, call: Callable[..., Any], sign: int) -> Callable[..., Any]:
        """The same call, with what it takes added (1) or taken away (-1)."""

        def timed(*args: Any) -> Any:
            began = time.thread_time()
            try:
                return call(*args)
            finally:
                self._seconds += sign * (time.thread_time() - began)
                self._page[:] = _DOUBLE.pack(self._seconds)

        return timed


def read_meter(path: Path) -> float:
    """Seconds so far."""
    return float(_DOUBLE.unpack(path.read_bytes())[0])


def _install(meter: Meter) -> None:
    start_notify = VirtualClient.start_notify

    async def started(
        self: VirtualClient, characteristic: Any, callback: Callable[..., Any], **kwargs: Any
    ) -> None:
        await start_notify(self, characteristic, meter.timed(callback, -1), **kwargs)

    VirtualClient.start_notify = started  # type: ignore[assignment]
    Adapter._heard = meter.timed(Adapter._heard, -1)  # type: ignore[method-assign]
    source = StreamPacketSource
    source.data_received = meter.timed(source.data_received, 1)  # type: ignore[method-assign]


if __name__ == "__main__":
    _install(Meter(Path(sys.argv[1])))
    sys.exit(main(sys.argv[2:]))
