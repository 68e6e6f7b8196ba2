"""Trouble without end for a home on real BlueZ, and what the edge made of it."""

from __future__ import annotations

import random
import time
from typing import Any

from house import OXIMETER, STRAP, House, quit_hard, say

_WATCHED = {STRAP: ("strap-1", "ecg"), OXIMETER: ("oxi-1", "spo2")}
# Ten minutes: whatever has not healed by then does not heal.
_GIVE_UP_S = 600.0
# A trouble every few minutes, each waited for to heal.
_PEACE_S = (60.0, 300.0)


class Soak:
    """Troubles of every kind in an order that `seed` fixes."""

    def __init__(self, house: House, seed: int) -> None:
        self._house = house
        self._chance = random.Random(seed)
        self.healed: list[tuple[float, str]] = []
        self.unhealed: list[str] = []

    def run(self, seconds: float) -> None:
        house, began_s = self._house, time.monotonic()
        kinds: list[Any] = []
        for device in _WATCHED:
            house.more(*_WATCHED[device], by=1)
        while time.monotonic() - began_s < seconds:
            if not kinds:
                kinds = [
                    self._drop, self._drop, self._range, self._freeze, self._deaf, self._power,
                    self._unplug, self._dead, self._daemon, self._killed, self._restarted,
                ]  # fmt: skip
                self._chance.shuffle(kinds)
            time.sleep(self._chance.uniform(*_PEACE_S))
            trouble = kinds.pop()
            for device in trouble():
                self._heals(trouble.__name__.strip("_"), device)

    # ---- the troubles; each returns who has to come back

    def _drop(self) -> list[str]:
        device = self._one()
        self._house.fault("drop", device=device)
        return [device]

    def _range(self) -> list[str]:
        device = self._one()
        self._house.fault("range", device=device, **{"in": False})
        time.sleep(self._chance.uniform(5, 300))
        self._house.fault("range", device=device, **{"in": True})
        return [device]

    def _freeze(self) -> list[str]:
        device = self._one()
        self._house.fault("freeze", device=device, frozen=True)
        time.sleep(60)
        self._house.fault("freeze", device=device, frozen=False)
        return [device]

    def _deaf(self) -> list[str]:
        self._house.fault("scanner", heals=self._chance.choice(("scan", "reset")))
        device = self._one()
        self._house.fault("drop", device=device)
        return [device]

    def _power(self) -> list[str]:
        self._house.power(False)
        time.sleep(self._chance.uniform(1, 120))
        self._house.power(True)
        return list(_WATCHED)

    def _unplug(self) -> list[str]:
        self._house.fault("adapter", does="unplug")
        time.sleep(self._chance.uniform(1, 120))
        self._house.fault("adapter", does="plug")
        return list(_WATCHED)

    def _dead(self) -> list[str]:
        self._house.fault("adapter", does="die")
        time.sleep(self._chance.uniform(10, 60))
        self._house.fault("adapter", does="reset")
        return list(_WATCHED)

    def _daemon(self) -> list[str]:
        quit_hard(self._house.bluetoothd)
        time.sleep(self._chance.uniform(1, 30))
        self._house.bluetoothd.start()
        return list(_WATCHED)

    def _killed(self) -> list[str]:
        quit_hard(self._house.edge)
        self._house.edge.start()
        return list(_WATCHED)

    def _restarted(self) -> list[str]:
        self._house.edge.end()
        self._house.edge.start()
        return list(_WATCHED)

    # ---- what is measured

    def _one(self) -> str:
        return self._chance.choice(tuple(_WATCHED))

    def _heals(self, kind: str, device: str) -> None:
        try:
            healed_s = self._house.more(*_WATCHED[device], by=1, within_s=_GIVE_UP_S)
        except AssertionError as error:
            say(f"{kind} {device}: {error}")
            self.unhealed.append(f"{kind} {device}")
            return
        say(f"{kind} {device}: {healed_s:.1f} s")
        self.healed.append((healed_s, kind))


def soak(hours: float = 0.5, seed: float = 1) -> dict[str, Any]:
    """A home in trouble for so many hours of virtual time."""
    with House(("strap-1", "oxi-1")) as house:
        trouble = Soak(house, round(seed))
        trouble.run(hours * 3600)
        return {
            "troubles": len(trouble.healed) + len(trouble.unhealed),
            "healed": sorted(trouble.healed, reverse=True),
            "healed_s": [max(trouble.healed)[0]],
            "unhealed": trouble.unhealed,
            **house.settle(),
        }
