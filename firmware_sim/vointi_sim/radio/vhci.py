"""HCI through the Linux kernel's own virtual controller: BlueZ is the host, whatever runs above it.

`/dev/vhci` (CONFIG_BT_HCIVHCI; drivers/bluetooth/hci_vhci.c) makes an adapter of whoever opens it:
one H4 packet is one write or one read, and closing it is pulling the adapter out.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from pathlib import Path

from vointi_sim.errors import ListenError

DEVICE = Path("/dev/vhci")
# hci_vhci.c: a vendor packet asks for a controller (opcode 0: primary, with every quirk off), and
# one answers with its number. Without it the kernel waits a second.
_VENDOR_PACKET = 0xFF
_ASK_FOR_PRIMARY = bytes((_VENDOR_PACKET, 0x00))
# The largest ACL packet has 5 + 65,535 bytes; the kernel never sends more than our 251 at a time.
_MOST_BYTES = 4096
_FIX = "load the kernel's module (sudo modprobe hci_vhci) and run as root"


class VhciLine(asyncio.Transport):
    """One opening of the device, joined to `protocol` until either side ends it.

    Raises ListenError naming `field` where the kernel has no such device or does not give it.
    """

    def __init__(self, protocol: asyncio.Protocol, field: str, device: Path = DEVICE) -> None:
        super().__init__()
        try:
            self._file = os.open(device, os.O_RDWR | os.O_NONBLOCK)
        except OSError as error:
            reason = error.strerror or str(error)
            raise ListenError(field, str(device), reason, _FIX) from error
        self._protocol = protocol
        self._open = True
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._file, self._readable)
        os.write(self._file, _ASK_FOR_PRIMARY)
        protocol.connection_made(self)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Give the kernel one packet; it takes all or, being about to close, none."""
        if self._open:
            with contextlib.suppress(OSError):
                os.write(self._file, data)

    def is_closing(self) -> bool:
        """Whether the adapter was pulled out."""
        return not self._open

    def abort(self) -> None:
        """Pull the adapter out."""
        if self._open:
            self._open = False
            self._loop.remove_reader(self._file)
            os.close(self._file)

    def get_write_buffer_size(self) -> int:
        """Nothing waits here: the kernel takes each packet at once."""
        return 0

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """There is no buffer to limit."""

    def _readable(self) -> None:
        try:
            packet = os.read(self._file, _MOST_BYTES)
        except BlockingIOError:
            return
        if packet and packet[0] != _VENDOR_PACKET:
            self._protocol.data_received(packet)
