"""A cuff that pairs: the bond is made, kept, lost on either side, and made again."""

from __future__ import annotations

import re
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

from house import SHARE, House, quit_hard, say

_CUFF = "C0:DE:00:00:00:0A"
_EDGE = f"""\
[[device]]
id = "cuff-1"
model = "ble-bp-cuff"
address = "{_CUFF}"
"""
_SIM = f"""\
[[device]]
kind = "bonding-cuff"
place = "home"
address = "{_CUFF}"
bonds = "{SHARE}/bonds.json"
"""
_BLUEZ = Path("/var/lib/bluetooth")
_WITHIN_S = 240.0
# A forgotten bond is found by failing to link, a declined pairing by two links that end at once.
_REFUSED_S = 240.0


class _Bonded:
    """A house with a cuff that pairs."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.healed: list[float] = []

    def heals(self, name: str) -> None:
        """Wait for the next measurement; the cuff tells one 8 s after it is subscribed to."""
        self.healed.append(self.house.more("cuff-1", "pressure", by=1, within_s=_WITHIN_S))
        say(f"{name}: {self.healed[-1]:.1f} s")

    def cuff(self, does: str) -> None:
        self.house.fault("bond", device=_CUFF, does=does)

    def drop(self) -> None:
        self.house.fault("drop", device=_CUFF)

    def forget(self) -> None:
        """Make the machine forget the cuff, as `bluetoothctl remove` does."""
        path = f"/org/bluez/hci0/dev_{_CUFF.replace(':', '_')}"
        subprocess.run(
            ["dbus-send", "--system", "--print-reply", "--dest=org.bluez", "/org/bluez/hci0",
             "org.bluez.Adapter1.RemoveDevice", f"objpath:{path}"],
            check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip


def _keys() -> list[str]:
    """The keys that bluetoothd keeps of the cuff."""
    return [
        key
        for file in _BLUEZ.glob(f"*/{_CUFF}/info")
        for key in re.findall(r"LongTermKey\]\nKey=(\w+)", file.read_text())
    ]


def bonds() -> dict[str, Any]:
    """The whole life of a bond."""
    with House((), more=_EDGE, scenario=_SIM) as house:
        bonded = _Bonded(house)
        bonded.heals("paired")
        key = _keys()
        house.edge.end()
        house.edge.start()
        bonded.heals("edge restarted")
        quit_hard(house.bluetoothd)
        time.sleep(5)
        house.bluetoothd.start()
        bonded.heals("bluetoothd restarted")
        kept = _keys()
        bonded.cuff("lose")
        bonded.drop()
        bonded.heals("lost by the cuff")
        bonded.forget()
        bonded.heals("lost by the machine")
        bonded.cuff("lose")
        bonded.cuff("refuse")
        bonded.drop()
        house.until(lambda: "declines" in house.ledger.links["cuff-1"][1], _REFUSED_S, "a refusal")
        bonded.cuff("accept")
        bonded.heals("accepted at last")
        made = {"key": key, "kept": kept, "healed_s": bonded.healed}
        return {**made, **house.settle()}


def rebooted(again: float = 0) -> dict[str, Any]:
    """One boot with a bond, kept in the folder that outlives it; `again`: with the kept one."""
    disk = SHARE / "bluetooth"
    if again:
        shutil.copytree(disk, _BLUEZ, dirs_exist_ok=True)
    before = _keys()
    with House((), more=_EDGE, scenario=_SIM) as house:
        bonded = _Bonded(house)
        bonded.heals("booted")
        settled = house.settle()
        house.bluetoothd.end()
        shutil.copytree(_BLUEZ, disk, dirs_exist_ok=True)
        return {"before": before, "key": _keys(), "healed_s": bonded.healed, **settled}
