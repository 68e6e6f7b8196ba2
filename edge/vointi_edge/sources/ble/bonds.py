"""Bonds that BlueZ keeps: whether a device still knows its own, and how to forget one.

A cuff that was reset has forgotten us, BlueZ has not: it encrypts every new link with a key that
the cuff lacks, the kernel ends the link, and BlueZ tells of a failed link only. So it is asked.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from dbus_fast import Message, MessageType

Call = Callable[[str, Message], Awaitable[Message]]

_SERVICE = "org.bluez"
_DEVICE = "org.bluez.Device1"
# The kernel ends a link whose key is refused by itself. So it does, rarely, in a noisy place.
_ABORTED = "le-connection-abort-by-local"
_TRIES = 3


class Bonds:
    """The bonds of all adapters; `call` sends one message and returns the reply."""

    def __init__(self, call: Call) -> None:
        self._call = call

    async def refused(self, adapter: str, address: str) -> bool:
        """Say whether a bonded device takes its key no more: each link ends as soon as it is made.

        Raises RadioError when BlueZ does not answer; no link is left behind.
        """
        path = _path(adapter, address)
        if not await self._bonded(adapter, path):
            return False
        try:
            for _ in range(_TRIES):
                reply = await self._ask(adapter, path, _DEVICE, "Connect")
                if reply.message_type is not MessageType.ERROR or reply.body[:1] != [_ABORTED]:
                    return False
        finally:
            # Else BlueZ would go on, and a link that nobody knows of keeps a device silent.
            await self._ask(adapter, path, _DEVICE, "Disconnect")
        return True

    async def forget(self, adapter: str, address: str) -> None:
        """Remove the device with its bond. Raises RadioError when BlueZ does not answer."""
        await self._call(
            adapter,
            Message(
                destination=_SERVICE,
                path=f"/org/bluez/{adapter}",
                interface="org.bluez.Adapter1",
                member="RemoveDevice",
                signature="o",
                body=[_path(adapter, address)],
            ),
        )

    async def _bonded(self, adapter: str, path: str) -> bool:
        reply = await self._ask(
            adapter, path, "org.freedesktop.DBus.Properties", "Get", [_DEVICE, "Bonded"]
        )
        if reply.message_type is MessageType.ERROR:
            return False  # a device that BlueZ does not know has no bond
        return bool(reply.body[0].value)

    async def _ask(
        self, adapter: str, path: str, interface: str, member: str, body: list[str] | None = None
    ) -> Message:
        message = Message(
            destination=_SERVICE,
            path=path,
            interface=interface,
            member=member,
            signature="s" * len(body or ()),
            body=list(body or ()),
        )
        return await self._call(adapter, message)


def _path(adapter: str, address: str) -> str:
    return f"/org/bluez/{adapter}/dev_{address.upper().replace(':', '_')}"
