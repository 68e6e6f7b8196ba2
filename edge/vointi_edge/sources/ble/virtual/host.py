"""The virtual radio's Bumble host, without words and steps that nobody needs."""

from __future__ import annotations

import logging
import struct
import time
from collections.abc import Callable
from typing import Any, Final, TypeAlias

from bumble import hci
from bumble.host import Host

_bumble_log = logging.getLogger("bumble.host")

#: Takes the value of a notification.
Taker: TypeAlias = Callable[[bytes], None]

# Core Vol 4 Part E 5.4.2 and Vol 3 Part A 3.1, F 3.4.7.1: type, handle and flags, length; length
# and channel of the one L2CAP frame in it; opcode and attribute of a notification.
_NOTIFICATION: Final = struct.Struct("<BHHHHBH")
_HANDLE, _BOUNDARY, _CONTINUES = 0x0FFF, 0x3000, 0x1000
_ATT, _NOTIFY = 0x0004, 0x1B
_PREFIX: Final = _NOTIFICATION.size
# Core Vol 4 Part E 7.7.65.2: LE Advertising Report with one report; its address comes next but one.
_EVENT, _LE_META, _REPORT, _ONE = 0x04, 0x3E, 0x02, 1
_ADDRESS: Final = slice(7, 13)
# So often is a stranger heard: enough to know that the radio is not deaf.
_STRANGER_S: Final = 1.0


class QuietHost(Host):
    """Hands notifications to their taker, and leaves the rest to Bumble.

    Bumble spells each packet out in colours before its logger drops it, and takes a notification
    through twelve calls: together most of the host's processor time. Of devices that nobody
    wants, one advertisement a second goes on.
    """

    def __init__(self, *args: Any, wanted: Callable[[str], bool] | None = None) -> None:
        super().__init__(*args)
        self._wanted = wanted
        self._takers: dict[tuple[int, int], Taker] = {}
        self._stranger_s = float("-inf")

    def take_notifications(self, connection: int, attribute: int, taker: Taker) -> None:
        """Give a link's notifications of an attribute (handles) to `taker` from now on."""
        self._takers[connection, attribute] = taker

    def leave_notifications(self, connection: int, attribute: int | None = None) -> None:
        """Take them from nobody any more; of all attributes of a link that is over."""
        for key in [k for k in self._takers if k[0] == connection and attribute in (None, k[1])]:
            del self._takers[key]

    def on_packet(self, packet: bytes) -> None:
        """Take a packet's bytes from the controller."""
        if self.ready and self.snooper is None and not _bumble_log.isEnabledFor(logging.DEBUG):
            if packet[0] == hci.HCI_ACL_DATA_PACKET and len(packet) >= _PREFIX:
                if self._notified(packet):
                    return
            elif packet[0] == _EVENT and self._of_no_interest(packet):
                return
        super().on_packet(packet)

    def _notified(self, packet: bytes) -> bool:
        """Hand a whole notification over; False where it is something else, or nobody's."""
        _, flags, size, length, channel, opcode, attribute = _NOTIFICATION.unpack_from(packet)
        if (channel, opcode) != (_ATT, _NOTIFY) or flags & _BOUNDARY == _CONTINUES:
            return False
        taker = self._takers.get((flags & _HANDLE, attribute))
        if taker is None or not len(packet) - 5 == size == length + 4:
            return False
        taker(packet[_PREFIX:])
        return True

    def _of_no_interest(self, packet: bytes) -> bool:
        """Whether it is a stranger's advertisement, and one was heard just now."""
        if self._wanted is None or len(packet) < _ADDRESS.stop or packet[1] != _LE_META:
            return False
        if (packet[3], packet[4]) != (_REPORT, _ONE):
            return False
        if self._wanted(":".join(f"{byte:02X}" for byte in reversed(packet[_ADDRESS]))):
            return False
        now_s = time.monotonic()
        if now_s - self._stranger_s < _STRANGER_S:
            return True
        self._stranger_s = now_s
        return False

    def on_hci_packet(self, packet: hci.HCI_Packet) -> None:
        """Take a packet from the controller."""
        if self.snooper is None and not _bumble_log.isEnabledFor(logging.DEBUG):
            if isinstance(packet, hci.HCI_AclDataPacket):
                self.on_hci_acl_data_packet(packet)
                return
            if isinstance(packet, hci.HCI_Event):
                self.on_hci_event_packet(packet)
                return
        super().on_hci_packet(packet)
