"""BlueZ's adapters: bleak does the work, this switches them, sees bluetoothd die, lets it pair.

When bluetoothd ends, BlueZ's clients are told nothing: links stay "connected" for ever and only
their silence would tell. Its name on the bus changing hands is told at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Sequence
from pathlib import Path

from bleak import BleakAdapter
from bleak.args.bluez import BlueZScannerArgs
from bleak.backends.client import BaseBleakClient
from bleak.backends.device import BLEDevice
from bleak.backends.scanner import BaseBleakScanner
from dbus_fast import BusType, DBusError, InvalidAddressError, Message, MessageType, Variant
from dbus_fast.aio import MessageBus

from vointi_edge.backoff import Backoff
from vointi_edge.errors import RadioError
from vointi_edge.sources.ble import pairing
from vointi_edge.sources.ble.adapters import KnownAdapters
from vointi_edge.sources.ble.bonds import Bonds

_SERVICE = "org.bluez"
_ADAPTER = "org.bluez.Adapter1"
_DBUS = "org.freedesktop.DBus"
_OWNER_CHANGED = f"type='signal',sender='{_DBUS}',member='NameOwnerChanged',arg0='{_SERVICE}'"
# The kernel needs a moment to take an adapter down; BlueZ answers "busy" before.
_OFF_S = 1.0
_ANSWER_S = 3.0
_EXISTS = "org.bluez.Error.AlreadyExists"
_FIX = "restart it: sudo systemctl restart bluetooth"

log = logging.getLogger(__name__)
_BUS_ERRORS = (DBusError, InvalidAddressError, OSError, EOFError, TimeoutError)


class Bluez:
    """One connection to the system bus for all adapters, opened when first needed."""

    def __init__(self) -> None:
        self._bus: MessageBus | None = None
        self._opening = asyncio.Lock()
        self._listeners: list[Callable[[str], None]] = []
        self.agent = pairing.PairingAgent()
        self.bonds = Bonds(self._call)
        self._agreed = False

    async def set_powered(self, adapter: str, powered: bool) -> None:
        """Set `Powered` of an adapter. Raises RadioError."""
        body = [_ADAPTER, "Powered", Variant("b", powered)]
        reply = await self._call(
            adapter,
            Message(
                destination=_SERVICE,
                path=f"/org/bluez/{adapter}",
                interface="org.freedesktop.DBus.Properties",
                member="Set",
                signature="ssv",
                body=body,
            ),
        )
        if reply.message_type is MessageType.ERROR:
            raise RadioError(adapter, f"cannot be switched ({reply.error_name})", _FIX)

    async def adapters(self) -> dict[str, str]:
        """Return name → Bluetooth address of every adapter that BlueZ has. Raises RadioError."""
        reply = await self._call(
            _SERVICE,
            Message(
                destination=_SERVICE,
                path="/",
                interface="org.freedesktop.DBus.ObjectManager",
                member="GetManagedObjects",
            ),
        )
        if reply.message_type is MessageType.ERROR:
            raise RadioError(_SERVICE, f"does not tell its adapters ({reply.error_name})", _FIX)
        return {
            path.rpartition("/")[2]: str(interfaces[_ADAPTER]["Address"].value)
            for path, interfaces in reply.body[0].items()
            if _ADAPTER in interfaces
        }

    async def agree(self) -> None:
        """Make BlueZ ask us when it pairs; a bluetoothd that began anew has to be told again."""
        if self._agreed:
            return
        for member, signature, body in (
            ("RegisterAgent", "os", [pairing.PATH, pairing.CAPABILITY]),
            ("RequestDefaultAgent", "o", [pairing.PATH]),
        ):
            reply = await self._call(
                _SERVICE,
                Message(
                    destination=_SERVICE,
                    path="/org/bluez",
                    interface="org.bluez.AgentManager1",
                    member=member,
                    signature=signature,
                    body=body,
                ),
            )
            if reply.message_type is MessageType.ERROR and reply.error_name != _EXISTS:
                log.debug("pairing: %s: %s", member, reply.error_name)
                return
        self._agreed = True

    async def watch(self, restarted: Callable[[str], None]) -> None:
        """Call `restarted(reason)` whenever bluetoothd ends; runs until cancelled."""
        self._listeners.append(restarted)
        backoff = Backoff(floor_s=0.5, first_s=1.0, cap_s=60.0)
        while True:
            with contextlib.suppress(*_BUS_ERRORS):
                bus = await self._open()
                backoff.reset()
                await bus.wait_for_disconnect()  # type: ignore[no-untyped-call]
            self._bus = None
            await asyncio.sleep(backoff.next_s())

    def close(self) -> None:
        """Leave the bus."""
        if self._bus is not None:
            self._bus.disconnect()
            self._bus = None

    async def _call(self, adapter: str, message: Message) -> Message:
        try:
            async with asyncio.timeout(_ANSWER_S):
                reply = await (await self._open()).call(message)
        except _BUS_ERRORS as error:
            raise RadioError(adapter, f"bluetoothd does not answer ({error})", _FIX) from error
        if reply is None:
            raise RadioError(adapter, "bluetoothd does not answer", _FIX)
        return reply

    async def _open(self) -> MessageBus:
        async with self._opening:
            if self._bus is None or not self._bus.connected:
                bus = await MessageBus(bus_type=BusType.SYSTEM).connect()
                bus.add_message_handler(self._on_message)
                await bus.call(
                    Message(
                        destination=_DBUS,
                        path="/org/freedesktop/DBus",
                        interface=_DBUS,
                        member="AddMatch",
                        signature="s",
                        body=[_OWNER_CHANGED],
                    )
                )
                self._bus = bus
                self._agreed = False
            return self._bus

    def _on_message(self, message: Message) -> Message | bool:
        answer = self.agent.answer(message)
        if answer is not None:
            return answer
        if message.member == "NameOwnerChanged" and message.body[0] == _SERVICE:
            _, before, _ = message.body
            self._agreed = False
            if before:  # whether or not another one took its place
                for tell in self._listeners:
                    tell("bluetoothd ended; every link is made anew as soon as it is back")
        return False


class BluezPort:
    """One adapter of BlueZ, e.g. `hci0`.

    The kernel gives numbers anew: an adapter that is pulled out, or reset while it hangs, may come
    back as `hci1`. So it is known by its own address once it was seen, by `name` until then;
    `known` remembers that over restarts of the edge. `order` is a file whose being there has
    bluetoothd restarted by whoever may do that (None: nobody).
    """

    scanner: type[BaseBleakScanner] | None = None
    client: type[BaseBleakClient] | None = None
    # During a scan the kernel links who is heard once more, and a controller that filters
    # duplicates tells nobody twice: the link comes with the scan's next round, 10.24 s later.
    links_in_quiet = True

    def __init__(
        self,
        name: str,
        bluez: Bluez,
        known: KnownAdapters | None = None,
        order: Path | None = None,
    ) -> None:
        self.name = name
        self.scanner_args: BlueZScannerArgs = {"adapter": name}
        self._bluez = bluez
        self._now = name
        self._known = known or KnownAdapters()
        self._order = order

    async def find(self) -> None:
        """Learn under which name the adapter is there now. Raises RadioError."""
        there = await self._bluez.adapters()
        ours = self._known.address(self.name)
        same = (name for name, address in there.items() if address == ours)
        self._now = next(same, self.name)
        if self._now in there:
            self._known.learn(self.name, there[self._now])
        self.scanner_args = {"adapter": self._now}
        await self._bluez.agree()

    def admit(self, wanted: Callable[[str], bool]) -> None:
        """Pair with every address that `wanted` says yes to."""
        self._bluez.agent.admit(wanted)

    async def power_cycle(self) -> None:
        """Switch off and on through BlueZ. Raises RadioError when it stays down."""
        with contextlib.suppress(RadioError):  # what is off already still has to come on
            await self._bluez.set_powered(self._now, False)
        await asyncio.sleep(_OFF_S)
        await self._bluez.set_powered(self._now, True)

    async def restart(self) -> None:
        """Leave the order to restart bluetoothd where `vointi-bluetooth.path` sees it.

        bluetoothd 5.82 may believe for ever that a scan runs which the kernel never began: it then
        agrees to every StartDiscovery and does nothing. Switching the adapter does not change that.
        Raises RadioError where bluetoothd answers and has no such adapter, or nobody takes orders.
        """
        there: dict[str, str] | None = None
        with contextlib.suppress(RadioError):
            there = await self._bluez.adapters()
        if there is not None and self._now not in there:
            raise RadioError(self.name, "is not there", "plug it in")
        if self._order is None:
            raise RadioError(self.name, "bluetoothd may hang", _FIX)
        try:
            self._order.touch()
        except OSError as error:
            raise RadioError(self.name, f"bluetoothd may hang ({error.strerror})", _FIX) from error

    async def connected(self, services: Sequence[str]) -> list[BLEDevice]:
        """Return devices that BlueZ still holds a link to. Raises RadioError."""
        await self.find()  # it may have another number than when it was seen last
        adapter = await BleakAdapter.get(bluez={"adapter": self._now})
        return await adapter.get_connected_devices(list(services))

    async def renew_bond(self, address: str) -> bool:
        """Forget a bond that the device forgot; say whether that was so. Raises RadioError."""
        if not await self._bluez.bonds.refused(self._now, address):
            return False
        await self._bluez.bonds.forget(self._now, address)
        return True

    async def watch(self, restarted: Callable[[str], None]) -> None:
        """Call `restarted(reason)` whenever bluetoothd ends; runs until cancelled."""
        await self._bluez.watch(lambda reason: restarted(f"{self.name}: {reason}"))

    async def close(self) -> None:
        """Leave the bus."""
        self._bluez.close()
