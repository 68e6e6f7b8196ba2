"""The virtual radio's Bumble host, without words that nobody reads."""

from __future__ import annotations

import logging

from bumble import hci
from bumble.host import Host

_bumble_log = logging.getLogger("bumble.host")


class QuietHost(Host):
    """Writes no text of a packet that no log takes.

    Bumble spells each packet out in colours before its logger drops it: a quarter of the host's
    processor time.
    """

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
