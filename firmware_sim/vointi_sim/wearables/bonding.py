"""A cuff that tells its measurements only over an encrypted link, as those in shops do.

Pairing is LE Secure Connections, "just works" (Core Vol 3 Part H 2.3.5.1): a cuff has neither keys
to type on nor numbers to compare. Who paired once is known again by the key.
"""

from __future__ import annotations

from pathlib import Path

from bumble.att import Attribute
from bumble.core import UUID
from bumble.pairing import PairingConfig, PairingDelegate

from vointi_sim.clock import Clock
from vointi_sim.physiology import Person
from vointi_sim.radio import Radio
from vointi_sim.wearables.meters import Measuring, Meter, pressures
from vointi_sim.wearables.wearable import Identity

_CLIENT_CONFIGURATION = UUID.from_16_bits(0x2902)
_SEALED = Attribute.Permissions.READABLE | Attribute.Permissions.WRITE_REQUIRES_ENCRYPTION


class _Button(PairingDelegate):
    """The cuff's say in pairing."""

    def __init__(self, cuff: BondingMeter) -> None:
        super().__init__()
        self._cuff = cuff

    async def accept(self) -> bool:
        return self._cuff.pairs


class BondingMeter(Meter):
    """A meter whose measurement may be subscribed to by who is bonded only.

    `pairs`: whether it takes a new bond. `bonds` is the file that its memory outlives a process
    in, or None.
    """

    def __init__(
        self,
        radio: Radio,
        clock: Clock,
        identity: Identity,
        measuring: Measuring,
        *,
        battery_pct: int,
        bonds: Path | None,
    ) -> None:
        self.pairs = True
        super().__init__(radio, clock, identity, measuring, battery_pct)
        self.device.config.keystore = f"JsonKeyStore:{bonds}" if bonds else None
        self.device.pairing_config_factory = lambda _: PairingConfig(delegate=_Button(self))
        self._seal(measuring)

    async def lose_bonds(self) -> None:
        """Forget every key, as a reset does; the present link goes on."""
        if self.device.keystore is not None:
            await self.device.keystore.delete_all()

    def _seal(self, measuring: Measuring) -> None:
        first, last = measuring.measurement.handle, measuring.measurement.end_group_handle
        for attribute in self.device.gatt_server.attributes:
            if attribute.type == _CLIENT_CONFIGURATION and first < attribute.handle <= last:
                attribute.permissions = _SEALED


def bonding_cuff(
    radio: Radio, clock: Clock, address: str, person: Person, bonds: Path | None = None
) -> BondingMeter:
    """A blood-pressure cuff that pairs."""
    identity = Identity(address, "Cuff P SIM", "Vointi simulator", "BP-3", "1.0.0", (0x1810,))
    measuring = pressures(person)
    return BondingMeter(radio, clock, identity, measuring, battery_pct=58, bonds=bonds)
