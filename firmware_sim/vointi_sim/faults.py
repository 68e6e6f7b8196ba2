"""What may go wrong on purpose: each fault a small table, from JSON or from TOML.

The same tables serve the control port and scenario files, hence a fault is planned (checked)
apart from being made to happen, and no field depends on when or by whom it is said.
"""

from __future__ import annotations

from collections.abc import Sequence

from vointi_sim.clock import Clock
from vointi_sim.errors import ArgumentError
from vointi_sim.fault_devices import DeviceFaults
from vointi_sim.fault_fields import Action, Fields
from vointi_sim.fault_radio import RadioFaults
from vointi_sim.fault_targets import Targets
from vointi_sim.places import Place


class Faults:
    """Makes faults happen in the places of a simulation; `seed` decides those of chance.

    A table has `op` and the op's fields (docs/integrators/scenarios.md lists them all). `device`
    is an address or an advertised name, `place` a place's name, `adapter` a number from 1; without
    them all are meant.
    """

    def __init__(self, places: Sequence[Place], clock: Clock, seed: int = 1) -> None:
        targets = Targets(places)
        self.ops = RadioFaults(targets, clock).ops | DeviceFaults(targets, clock).ops
        for place in places:
            for device in place.devices:
                device.mischief.seed(seed)

    def plan(self, table: Fields) -> Action:
        """Check one fault; awaiting the result makes it happen. Raises ArgumentError."""
        planner = self.ops.get(str(table.get("op")))
        if planner is None:
            known = ", ".join(self.ops)
            raise ArgumentError("op", f"{table.get('op')!r} is unknown", f"use one of {known}")
        return planner(table)
