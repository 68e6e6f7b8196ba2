"""HCI over TCP: a host (an edge) may take the adapter, die, and come back any number of times.

Bumble's own tcp-server keeps one parser and one controller for all clients: bytes left over from
a killed client break the next one, and its links stay up. Here each client gets a controller of
its own that is taken off the air when the client goes. The adapter belongs to one host at a time:
the first packet of a new client takes it from the client before, so that a half-open connection
of a machine that lost power does not hold it, and a mere probe of the port disturbs nobody.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable
from typing import cast

from bumble import core
from bumble.transport.common import PacketParser

from vointi_sim.errors import ListenError
from vointi_sim.radio.controller import VirtualController
from vointi_sim.radio.link import Radio
from vointi_sim.radio.vhci import VhciLine

_LOG = logging.getLogger(__name__)
# A host that leaves 1 MiB unread (minutes of ECG) has stopped: its links would have timed out.
_MAX_UNREAD_BYTES = 1 << 20
# A real controller holds a few kB. What the kernel holds for a host that dies is lost, so little.
_KERNEL_BYTES = 64 << 10
# Below this the writer is told to go on; about 250 measurement frames.
_HIGH_WATER_BYTES = 64 << 10


class HciPort:
    """One adapter of a radio, reachable as `tcp-client:HOST:PORT` or as one of the kernel's."""

    def __init__(self, radio: Radio, name: str, public_address: str) -> None:
        self.name = name
        self.hosts_seen = 0
        self.plugged = True
        self._radio = radio
        self._public_address = public_address
        self._server: asyncio.Server | None = None
        self._clients: set[_Client] = set()
        self._owner: _Client | None = None
        self._plug: Callable[[], object] | None = None

    async def start(self, host: str, port: int, field: str) -> None:
        """Listen; port 0 takes any. Raises ListenError naming `field`."""
        loop = asyncio.get_running_loop()
        try:
            self._server = await loop.create_server(self.protocol, host, port)
        except OSError as error:
            reason = error.strerror or str(error)
            raise ListenError(field, f"{host}:{port}", reason) from error

    def attach(self, field: str) -> None:
        """Become an adapter of this machine's kernel. Raises ListenError naming `field`."""
        self._plug = lambda: VhciLine(self.protocol(), field)
        self._plug()

    @property
    def where(self) -> str:
        """How a host reaches the adapter."""
        return "vhci" if self._server is None else "tcp-client:{}:{}".format(*self.address)

    @property
    def address(self) -> tuple[str, int]:
        """Host and actual port."""
        if self._server is None:
            raise RuntimeError("the port was not started")
        host, port = self._server.sockets[0].getsockname()[:2]
        return str(host), int(port)

    async def stop(self) -> None:
        """Stop listening and drop the host."""
        for client in list(self._clients):
            client.close()
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    async def drained(self) -> None:
        """Return once the present host has read enough that more may be sent."""
        if self._owner is not None:
            await self._owner.writable.wait()

    def protocol(self) -> asyncio.Protocol:
        """A new host's side, for a transport other than TCP."""
        return _Client(self)

    @property
    def controller(self) -> VirtualController | None:
        """The controller of the present host, if there is one."""
        return self._owner.controller if self._owner is not None else None

    def unplug(self) -> None:
        """Pull the adapter out: its host loses it, and no host gets it until `plug`."""
        self.plugged = False
        for client in list(self._clients):
            client.close()

    def plug(self) -> None:
        """Put the adapter back."""
        out, self.plugged = not self.plugged, True
        if out and self._plug is not None:
            self._plug()

    # -- called by the clients

    def joined(self, client: _Client) -> None:
        """A connection was made; it owns nothing yet."""
        self._clients.add(client)

    def taken(self, client: _Client) -> VirtualController:
        """The first packet of `client` arrived: it owns the adapter from now on."""
        if self._owner is not None:
            self._owner.close()
        self._owner = client
        self.hosts_seen += 1
        return VirtualController(
            f"{self.name}-{self.hosts_seen}", self._radio, self._public_address
        )

    def left(self, client: _Client) -> None:
        """A connection ended, by whatever death."""
        self._clients.discard(client)
        if self._owner is client:
            self._owner = None

    def release(self, controller: VirtualController) -> None:
        """Take a dead host's controller off the air; its peers see a supervision timeout."""
        controller.forget()
        self._radio.remove_controller(controller)


class _Client(asyncio.Protocol):
    """One TCP connection: H4 packets in, H4 packets out."""

    def __init__(self, port: HciPort) -> None:
        self.writable = asyncio.Event()
        self.writable.set()
        self._port = port
        self._transport: asyncio.Transport | None = None
        self.controller: VirtualController | None = None
        self._parser = PacketParser(_Inbound(self))

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(high=_HIGH_WATER_BYTES)
        wire: socket.socket | None = transport.get_extra_info("socket")
        if wire is not None:
            wire.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _KERNEL_BYTES)
        self._port.joined(self)
        if not self._port.plugged:
            self.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self.writable.set()
        self._transport = None
        controller, self.controller = self.controller, None
        if controller is not None:
            controller.set_packet_sink(None)
            self._port.release(controller)
        self._port.left(self)

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except core.InvalidPacketError as error:
            _LOG.warning("%s: the client does not speak HCI (%s); closed", self._port.name, error)
            self.close()

    def pause_writing(self) -> None:
        self.writable.clear()

    def resume_writing(self) -> None:
        self.writable.set()

    def on_command(self, packet: bytes) -> None:
        """A whole packet came from the host."""
        if self._transport is None or self._transport.is_closing():
            return
        if self.controller is None:
            self.controller = self._port.taken(self)
            self.controller.set_packet_sink(self)
        try:
            self.controller.on_packet(packet)
        except Exception as error:
            _LOG.warning("%s: HCI packet refused (%r); closed", self._port.name, error)
            self.close()

    def on_packet(self, packet: bytes) -> None:
        """The controller has a packet for the host."""
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        transport.write(packet)
        if transport.get_write_buffer_size() > _MAX_UNREAD_BYTES:
            _LOG.warning("%s: the host stopped reading; its links are dropped", self._port.name)
            transport.abort()

    def close(self) -> None:
        """End the connection now; nothing queued is worth waiting for.

        The adapter is given back at once, because the next host is about to use it.
        """
        transport = self._transport
        if transport is not None:
            transport.abort()
            self.connection_lost(None)


class _Inbound:
    def __init__(self, client: _Client) -> None:
        self._client = client

    def on_packet(self, packet: bytes) -> None:
        self._client.on_command(packet)
