"""The air: which controller hears what, and what the air does to it on the way.

Bumble 0.0.236's LocalLink is a bus without distance, loss or addresses of its own. Closed here:

* every advertisement went to every controller, which is quadratic in the number of devices:
  only controllers that scan or initiate are told;
* the address lookup walked all controllers for each packet: an index is kept;
* data was attributed to the sender's random address even when it had connected with its public
  one: the connection's own address is used;
* a terminate for a peer that has gone raised: the peer's silence is the normal case here;
* its set of controllers had another order in every run: they are kept in the order of joining;
* a connect indication was queued, so two centrals could win one advertisement: it is delivered
  at once and the advertiser stops before the next one looks.
"""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bumble import core, hci, ll
from bumble.controller import Controller
from bumble.link import LocalLink

if TYPE_CHECKING:
    from collections.abc import Callable

    from vointi_sim.radio.controller import VirtualController

DEFAULT_RSSI_DBM = -60
# Packets begin to be lost here, and none is heard any more there: a phone-class receiver at 1M PHY.
_WEAK_DBM, _DEAF_DBM = -88, -100
# A lost data packet is sent again at the next connection event.
_EVENT_S = 0.03
_MOST_TRIES = 30
# Two packets that fall due in the same instant must keep their order.
_ORDER_S = 1e-6


@dataclass(frozen=True, slots=True)
class Advertisement:
    """One advertising event as it reaches one receiver."""

    address: hci.Address
    data: bytes
    scan_response: bytes
    connectable: bool
    rssi_dbm: int = DEFAULT_RSSI_DBM


def key_of(address: hci.Address | str) -> str:
    """The address as `C0:DE:00:00:00:01`, whatever its type."""
    return str(address)[:17].upper()


class Radio(LocalLink):
    """A virtual radio with range, loss and delay.

    `seed` fixes the losses and the flutter of the signal strength.
    """

    def __init__(self, seed: int = 0) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.controllers: dict[Controller, None] = {}  # type: ignore[assignment]
        self.adv_loss = 0.0
        self.delay_s = 0.0
        self.rssi_dbm: dict[str, int] = {}
        # Whose advertiser sleeps until somebody listens, in the order of falling asleep.
        self.waiting: dict[VirtualController, None] = {}
        self._silent: set[str] = set()
        self._random = random.Random(f"radio/{seed}")  # noqa: S311 - physics, not secrets
        self._index: dict[str, Controller] = {}
        self._last_due_s = 0.0

    # -- who is where

    def add_controller(self, controller: Controller) -> None:
        """Put a controller on the air."""
        self.controllers[controller] = None
        self.on_address_changed(controller)

    def remove_controller(self, controller: Controller) -> None:
        """Take a controller off the air; its links must have been dropped before."""
        self.controllers.pop(controller, None)
        self._forget(controller)

    def on_address_changed(self, controller: Controller) -> None:
        """Keep the address index; called by the controller itself."""
        self._forget(controller)
        for address in (controller.random_address, controller.public_address):
            if any(bytes(address)):
                self._index.setdefault(key_of(address), controller)

    def _forget(self, controller: Controller) -> None:
        for key in [key for key, owner in self._index.items() if owner is controller]:
            del self._index[key]

    def find_le_controller(self, address: hci.Address) -> Controller | None:
        """The controller that answers to `address`, or None."""
        return self._index.get(key_of(address))

    # -- who listens

    @property
    def listened(self) -> bool:
        """Whether any controller scans or wants to connect."""
        return any(_listens(controller) for controller in self.controllers)

    def listening(self) -> None:
        """A controller may have begun to listen; called by the controller itself."""
        if self.waiting and self.listened:
            waiting, self.waiting = self.waiting, {}
            for controller in waiting:
                controller.le_legacy_advertiser.heard()

    # -- range

    def set_in_range(self, address: str, in_range: bool) -> None:
        """Out of range nothing passes in either direction and nobody is told."""
        if in_range:
            self._silent.discard(key_of(address))
        else:
            self._silent.add(key_of(address))

    def in_range(self, address: hci.Address | str) -> bool:
        """Whether anything passes to and from `address`."""
        return key_of(address) not in self._silent and self._loss(address) < 1

    def _loss(self, address: hci.Address | str) -> float:
        """Probability that a packet to or from `address` is lost for the weakness of the signal."""
        level = self.rssi_dbm.get(key_of(address), DEFAULT_RSSI_DBM)
        return min(1.0, max(0.0, (level - _WEAK_DBM) / (_DEAF_DBM - _WEAK_DBM)))

    # -- what travels

    def send_acl_data(
        self,
        sender_controller: Controller,
        destination_address: hci.Address,
        transport: core.PhysicalTransport,
        data: bytes,
    ) -> None:
        """Carry one data packet over an LE link."""
        target = self.find_le_controller(destination_address)
        connection = sender_controller.le_connections.get(destination_address)
        if target is None or connection is None:
            return
        source = connection.self_address
        if self.in_range(source) and self.in_range(destination_address):
            again_s = self._resent_s(source) + self._resent_s(destination_address)
            self._later(lambda: _deliver_acl(target, source, transport, data), again_s)

    def send_ll_control_pdu(
        self, sender_address: hci.Address, receiver_address: hci.Address, packet: ll.ControlPdu
    ) -> None:
        """Carry one link-layer control packet; lost when the peer is gone or out of range."""
        receiver = self.find_le_controller(receiver_address)
        if receiver is None or not (
            self.in_range(sender_address) and self.in_range(receiver_address)
        ):
            return
        self._later(lambda: _deliver_control(receiver, sender_address, packet))

    def send_advertising_pdu(
        self, sender_controller: Controller, packet: ll.AdvertisingPdu
    ) -> None:
        """Carry an advertisement to who listens, or a connect indication to its advertiser."""
        if isinstance(packet, ll.ConnectInd):
            target = self.find_le_controller(packet.advertiser_address)
            if target is not None:
                target.on_ll_advertising_pdu(packet)
        elif isinstance(packet, ll.AdvInd):
            response = sender_controller.le_legacy_advertiser.scan_response_data
            address = packet.advertiser_address
            self.broadcast(Advertisement(address, bytes(packet.data), bytes(response), True))

    def broadcast(self, advertisement: Advertisement) -> None:
        """Let every listening controller hear an advertisement, each at its own strength."""
        if not self.in_range(advertisement.address):
            return
        loss = self._loss(advertisement.address)
        for controller in tuple(self.controllers):
            hear: Callable[[Advertisement], None] | None = getattr(controller, "hear", None)
            if hear is None or not _listens(controller):
                continue
            lost = max(self.adv_loss, loss)
            if lost and self._random.random() < lost:
                continue
            asyncio.get_running_loop().call_soon(hear, self._faded(advertisement))

    def _faded(self, advertisement: Advertisement) -> Advertisement:
        # ±4 dB is the flutter of a still device indoors; BlueZ reports changes only.
        base = self.rssi_dbm.get(key_of(advertisement.address), DEFAULT_RSSI_DBM)
        rssi = max(-120, min(20, base + self._random.randint(-4, 4)))
        return Advertisement(
            advertisement.address,
            advertisement.data,
            advertisement.scan_response,
            advertisement.connectable,
            rssi,
        )

    def _resent_s(self, address: hci.Address) -> float:
        """How long a data packet takes over a weak link: nothing is lost, all comes later."""
        loss = self._loss(address)
        tries = 0
        while 0 < loss < 1 and self._random.random() < loss and tries < _MOST_TRIES:
            tries += 1
        return tries * _EVENT_S

    def _later(self, deliver: Callable[[], None], again_s: float = 0.0) -> None:
        loop = asyncio.get_running_loop()
        now_s = loop.time()
        delay_s = self.delay_s + again_s
        if not delay_s and self._last_due_s <= now_s:
            loop.call_soon(deliver)
            return
        self._last_due_s = max(now_s + delay_s, self._last_due_s + _ORDER_S)
        loop.call_at(self._last_due_s, deliver)


def _listens(controller: Controller) -> bool:
    return bool(controller.le_scan_enable or controller.pending_le_connection)


def _deliver_acl(
    target: Controller, source: hci.Address, transport: core.PhysicalTransport, data: bytes
) -> None:
    if source in target.le_connections:
        target.on_link_acl_data(source, transport, data)


def _deliver_control(receiver: Controller, sender: hci.Address, packet: ll.ControlPdu) -> None:
    if sender in receiver.le_connections:
        receiver.on_ll_control_pdu(sender, packet)
