"""Our say in pairing, as BlueZ asks for it (org.bluez.Agent1).

Some devices tell nothing before they are paired, and BlueZ pairs with nobody unless somebody
agrees. A box has neither screen nor keys, so all that can be agreed to is "just works" (Core Vol 3
Part H 2.3.5.1), and only for devices that are assigned to this edge.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable

from dbus_fast import Message, MessageType

PATH = "/fi/vointi/agent"
CAPABILITY = "NoInputNoOutput"
_INTERFACE = "org.bluez.Agent1"
_REJECTED = "org.bluez.Error.Rejected"
_DEVICE = re.compile(r"/dev_((?:[0-9A-F]{2}_){5}[0-9A-F]{2})$")
# What is asked where nobody could compare or type a number; all else needs eyes and hands.
_AGREED = ("RequestAuthorization", "AuthorizeService")
_TOLD = ("Release", "Cancel")
log = logging.getLogger(__name__)


class PairingAgent:
    """Answers for the devices that one of `admit`'s callers wants, and refuses everybody else."""

    def __init__(self) -> None:
        self._wanted: list[Callable[[str], bool]] = []

    def admit(self, wanted: Callable[[str], bool]) -> None:
        """Pair with every address (`C0:DE:00:00:00:01`) that `wanted` says yes to."""
        self._wanted.append(wanted)

    def answer(self, message: Message) -> Message | None:
        """Return the reply to a request of BlueZ's; None where it is not meant for us."""
        if message.message_type is not MessageType.METHOD_CALL or message.path != PATH:
            return None
        if message.interface != _INTERFACE:
            return None
        if message.member in _TOLD:
            return Message.new_method_return(message)
        if message.member in _AGREED and self._wants(str(message.body[0])):
            return Message.new_method_return(message)
        log.info("pairing refused: %s", message.member)
        return Message.new_error(message, _REJECTED, "not assigned to this edge")

    def _wants(self, path: str) -> bool:
        found = _DEVICE.search(path)
        address = found.group(1).replace("_", ":") if found else ""
        return any(wanted(address) for wanted in self._wanted)
