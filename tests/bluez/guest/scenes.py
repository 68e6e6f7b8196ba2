"""What happens inside the machine; each scene returns what it found, as JSON would have it."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from bonds import bonds, rebooted
from house import MODELS, STRAP, House, quit_hard, say
from pauses import paused
from soak import soak
from wires import wires

PAIR = ("strap-1", "oxi-1")
# A stall is to be found within 90 s and healed 120 s after it can be; later it never will.
_WITHIN_S = 240.0


def streams(seconds: float = 60.0) -> dict[str, Any]:
    """A strap's heart rate and raw ECG, all of it accounted for."""
    with House() as house:
        first_s = house.more("strap-1", "ecg", by=1)
        say(f"first ECG after {first_s:.2f} s")
        house.more("strap-1", "hr", by=round(seconds), within_s=seconds * 3)
        return {"first_s": first_s, **house.settle()}


def whole_home() -> dict[str, Any]:
    """Six devices at once: four that stream, a scale and a cuff that are visited, a beacon."""
    with House(tuple(MODELS)) as house:
        began_s = time.monotonic()
        streams = (
            ("strap-1", "ecg"),
            ("oxi-1", "spo2"),
            ("thermo-1", "temperature"),
            ("ruuvi-1", "air"),
        )
        for device, stream in streams:
            house.more(device, stream, by=1)
        return {"all_s": time.monotonic() - began_s, **house.settle()}


def peer_drop() -> dict[str, Any]:
    """The strap ends its link, three times."""
    with House() as house:
        house.more("strap-1", "ecg")
        healed = []
        for reason in (0x08, 0x13, 0x3E):  # timeout, ended by the user, failed to be established
            house.fault("drop", device=STRAP, reason=reason)
            healed.append(house.more("strap-1", "ecg", within_s=_WITHIN_S))
        return {"healed_s": healed, **house.settle()}


def out_of_range(away_s: float = 90.0) -> dict[str, Any]:
    """The strap leaves; for half a minute BlueZ calls it connected, because nobody noticed."""
    with House() as house:
        house.more("strap-1", "ecg")
        house.fault("range", device=STRAP, **{"in": False, "supervision_s": 30})
        lost_s = house.until(
            lambda: house.ledger.links.get("strap-1", ("",))[0] != "connected", _WITHIN_S, "lost"
        )
        time.sleep(away_s)
        house.fault("range", device=STRAP, **{"in": True})
        healed_s = house.more("strap-1", "ecg", within_s=_WITHIN_S)
        return {"found_s": lost_s, "healed_s": healed_s, **house.settle()}


def bluetoothd_hangs() -> dict[str, Any]:
    """bluetoothd answers nothing any more; the edge may not restart it, and asks for it."""
    with House() as house:
        house.more("strap-1", "ecg")
        child = house.bluetoothd.child
        assert child is not None
        child.send_signal(signal.SIGSTOP)
        healed_s = house.fresh("strap-1", "ecg", within_s=_WITHIN_S)
        return {"healed_s": healed_s, "restarts": house.restarts, **house.settle()}


def adapter_power() -> dict[str, Any]:
    """Somebody switches the adapter off and, a minute later, on again."""
    with House() as house:
        house.more("strap-1", "ecg")
        house.power(False)
        house.until(lambda: not house.linked(), 30, "the link is gone")
        time.sleep(60)
        house.power(True)
        return {"healed_s": house.more("strap-1", "ecg", within_s=_WITHIN_S), **house.settle()}


def adapter_unplugged() -> dict[str, Any]:
    """The adapter is pulled out and put back."""
    with House() as house:
        house.more("strap-1", "ecg")
        house.fault("adapter", does="unplug")
        time.sleep(40)
        house.fault("adapter", does="plug")
        return {"healed_s": house.more("strap-1", "ecg", within_s=_WITHIN_S), **house.settle()}


def adapter_dead(dead_s: float = 120.0) -> dict[str, Any]:
    """The controller stops answering; when it is reset, the kernel may give it another number."""
    with House() as house:
        house.more("strap-1", "ecg")
        house.fault("adapter", does="die")
        time.sleep(dead_s)
        house.fault("adapter", does="reset")
        return {"healed_s": house.more("strap-1", "ecg", within_s=_WITHIN_S), **house.settle()}


def edge_killed_renumbered() -> dict[str, Any]:
    """The adapter comes back under another number, and then the edge begins anew."""
    with House() as house:
        healed = [house.more("strap-1", "ecg")]
        # Another number is given while the kernel still waits for the dead one to answer.
        for dead_s in (21.0, 13.0, 8.0, 5.0, 3.0, 34.0, 55.0):
            house.fault("adapter", does="die")
            time.sleep(dead_s)
            house.fault("adapter", does="reset")
            healed.append(house.more("strap-1", "ecg", within_s=_WITHIN_S))
            if house.adapter() != "hci0":
                break
        adapter = house.adapter()
        say(f"{adapter} after being dead for {dead_s:.0f} s")
        quit_hard(house.edge)
        house.edge.start()
        healed.append(house.more("strap-1", "ecg", within_s=_WITHIN_S))
        return {"adapter": adapter, "healed_s": healed, **house.settle()}


def bluetoothd_restart(down_s: float = 10.0) -> dict[str, Any]:
    """bluetoothd dies, as it does; links stay "connected" for who does not look."""
    with House() as house:
        house.more("strap-1", "ecg")
        quit_hard(house.bluetoothd)
        time.sleep(down_s)
        house.bluetoothd.start()
        return {"healed_s": house.more("strap-1", "ecg", within_s=_WITHIN_S), **house.settle()}


def edge_killed() -> dict[str, Any]:
    """kill -9 while connected: BlueZ keeps the link, so the strap does not advertise."""
    with House() as house:
        house.more("strap-1", "ecg")
        quit_hard(house.edge)
        still = house.linked()
        house.edge.start()
        return {
            "still_linked": still,
            "healed_s": house.more("strap-1", "ecg", within_s=_WITHIN_S),
            **house.settle(),
        }


def edge_killed_connecting(tries: float = 4) -> dict[str, Any]:
    """kill -9 in the middle of linking and of setting up, at different moments."""
    with House() as house:
        house.more("strap-1", "ecg")
        healed = []
        for number in range(round(tries)):
            house.fault("drop", device=STRAP)
            house.until(lambda: not house.linked(), 10, "the link is gone")
            time.sleep(0.05 + 0.2 * number)
            quit_hard(house.edge)
            house.edge.start()
            healed.append(house.more("strap-1", "ecg", within_s=_WITHIN_S))
        return {"healed_s": healed, **house.settle()}


def stuck_discovery(heals: str = "scan") -> dict[str, Any]:
    """The scanner hears nothing any more; the strap drops meanwhile."""
    with House() as house:
        house.more("strap-1", "ecg")
        house.fault("scanner", heals=heals)
        time.sleep(5)
        house.fault("drop", device=STRAP)
        return {"healed_s": house.more("strap-1", "ecg", within_s=_WITHIN_S), **house.settle()}


def stuck_for_good() -> dict[str, Any]:
    """The scanner hears nothing until the adapter is switched off and on."""
    return stuck_discovery("reset")


_OTHER = """
import asyncio
from bleak import BleakScanner
async def main():
    for _ in range(6):
        async with BleakScanner(lambda *_: None):
            await asyncio.sleep(3)
        await asyncio.sleep(2)
asyncio.run(main())
"""


def somebody_scans() -> dict[str, Any]:
    """Another program of the machine starts and stops scans while the edge looks for the strap."""
    with House() as house:
        house.more("strap-1", "ecg")
        other = subprocess.Popen([sys.executable, "-c", _OTHER])
        time.sleep(2)
        house.fault("drop", device=STRAP)
        healed_s = house.more("strap-1", "ecg", within_s=_WITHIN_S)
        code = other.wait(120)
        return {"healed_s": healed_s, "other_code": code, **house.settle()}


def second_adapter() -> dict[str, Any]:
    """Two adapters; the one that holds the strap is pulled out and stays out."""
    with House(adapters=2) as house:
        house.more("strap-1", "ecg")
        house.fault("adapter", adapter=1, does="unplug")
        first_s = house.more("strap-1", "ecg", within_s=_WITHIN_S)
        house.fault("adapter", adapter=1, does="plug")
        time.sleep(30)
        house.fault("adapter", adapter=2, does="unplug")
        second_s = house.more("strap-1", "ecg", within_s=_WITHIN_S)
        return {"healed_s": [first_s, second_s], **house.settle()}


def stale_cache() -> dict[str, Any]:
    """The strap has new firmware: what bluetoothd remembers of its services is wrong."""
    with House() as house:
        house.more("strap-1", "ecg")
        house.edge.end()
        house.until(lambda: not house.linked(), 30, "the link is gone")
        house.bluetoothd.end()
        remembered = list(Path("/var/lib/bluetooth").glob(f"*/cache/{STRAP}"))
        for file in remembered:
            file.write_text(_moved(file.read_text()))
        house.bluetoothd.start()
        house.edge.start()
        return {
            "remembered": len(remembered),
            "healed_s": house.more("strap-1", "ecg", within_s=_WITHIN_S),
            **house.settle(),
        }


def _moved(text: str, by: int = 16) -> str:
    """A cache file with every handle moved, those in declarations included."""

    def moved(found: re.Match[str]) -> str:
        handle, kind, rest = found.groups()
        if kind in ("2800", "2803"):  # then comes the end of the group, the handle of the value
            rest = f":{int(rest[1:5], 16) + by:04x}{rest[5:]}"
        return f"{int(handle, 16) + by:04x}={kind}{rest}"

    return re.sub("(?m)^([0-9a-f]{4})=([0-9a-f-]+)(.*)$", moved, text)


def edge_restarted() -> dict[str, Any]:
    """An orderly restart, as an update makes it; bluetoothd's own memory is kept."""
    with House(PAIR) as house:
        house.more("strap-1", "ecg")
        house.more("oxi-1", "spo2")
        code = house.edge.end(signal.SIGTERM)
        house.edge.start()
        healed = [
            house.more(*each, within_s=_WITHIN_S)
            for each in (("strap-1", "ecg"), ("oxi-1", "spo2"))
        ]
        return {"code": code, "healed_s": healed, **house.settle()}


__all__ = ["bonds", "paused", "rebooted", "soak", "wires"]
