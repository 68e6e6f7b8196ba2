"""Trouble without end for a home on real BlueZ, and what the edge made of it."""

from __future__ import annotations

import random
import re
import time
from pathlib import Path
from typing import Any

from house import CATALOGUE, OXIMETER, SHARE, STRAP, House, Pace, quit_hard, say

_WATCHED = {STRAP: ("strap-1", "ecg"), OXIMETER: ("oxi-1", "spo2")}
# Ten minutes: whatever has not healed by then does not heal.
_GIVE_UP_S = 600.0
# A trouble every few minutes, each waited for to heal.
_PEACE_S = (60.0, 300.0)
# A file of this name ends it sooner: the clock in here knows nothing of the patience out there.
_STOP = SHARE / "stop"
# Rounds of trouble in one life of the edge: long enough to see its memory grow.
_ROUNDS = 5


class Soak:
    """Troubles of every kind in an order that `seed` fixes."""

    def __init__(self, house: House, seed: int) -> None:
        self._house = house
        self._chance = random.Random(seed)
        self._rounds = 0
        self.healed: list[tuple[float, str]] = []
        self.found: list[tuple[float, str]] = []
        self.unhealed: list[str] = []
        # Who was out of range, from when until when: a link cannot be made then.
        self.away: list[tuple[str, float, float]] = []
        # By life of the edge: its age in seconds and its resident memory in kB.
        self.memory: list[list[tuple[float, int]]] = []

    def run(self, seconds: float) -> None:
        house, began_s = self._house, time.monotonic()
        kinds: list[Any] = []
        self._lives()
        for device in _WATCHED:
            house.more(*_WATCHED[device], by=1)
        while time.monotonic() - began_s < seconds and not _STOP.exists():
            if not kinds:
                kinds = self._round()
            time.sleep(self._chance.uniform(*_PEACE_S))
            self._weigh()
            trouble = kinds.pop()
            name = trouble.__name__.strip("_")
            for device in trouble():
                self._heals(name, device)

    def _round(self) -> list[Any]:
        kinds = [
            self._drop, self._drop, self._range, self._freeze, self._deaf, self._power,
            self._unplug, self._dead, self._daemon,
        ]  # fmt: skip
        if self._rounds % _ROUNDS == 0:
            kinds += [self._killed, self._restarted]
        self._rounds += 1
        self._chance.shuffle(kinds)
        return kinds

    # ---- the troubles; each returns who has to come back

    def _drop(self) -> list[str]:
        device = self._one()
        self._house.fault("drop", device=device)
        return [device]

    def _range(self) -> list[str]:
        device, gone_s = self._one(), time.monotonic()
        self._house.fault("range", device=device, **{"in": False})
        self._finds("range", device)
        time.sleep(self._chance.uniform(0, 300))
        self._house.fault("range", device=device, **{"in": True})
        self.away.append((_WATCHED[device][0], gone_s, time.monotonic()))
        return [device]

    def _freeze(self) -> list[str]:
        device = self._one()
        self._house.fault("freeze", device=device, frozen=True)
        self._finds("freeze", device)
        time.sleep(30)
        self._house.fault("freeze", device=device, frozen=False)
        return [device]

    def _deaf(self) -> list[str]:
        self._house.fault("scanner", heals=self._chance.choice(("scan", "reset")))
        device = self._one()
        self._house.fault("drop", device=device)
        return [device]

    def _power(self) -> list[str]:
        adapter = self._house.adapter()
        self._house.power(False, adapter)
        self._finds("power", STRAP)
        time.sleep(self._chance.uniform(1, 120))
        self._house.power(True, adapter)
        return list(_WATCHED)

    def _unplug(self) -> list[str]:
        self._house.fault("adapter", does="unplug")
        self._finds("unplug", STRAP)
        time.sleep(self._chance.uniform(1, 120))
        self._house.fault("adapter", does="plug")
        return list(_WATCHED)

    def _dead(self) -> list[str]:
        self._house.fault("adapter", does="die")
        self._finds("dead", STRAP)
        time.sleep(self._chance.uniform(1, 60))
        self._house.fault("adapter", does="reset")
        return list(_WATCHED)

    def _daemon(self) -> list[str]:
        quit_hard(self._house.bluetoothd)
        self._finds("daemon", STRAP)
        time.sleep(self._chance.uniform(1, 30))
        self._house.bluetoothd.start()
        return list(_WATCHED)

    def _killed(self) -> list[str]:
        quit_hard(self._house.edge)
        self._house.edge.start()
        self._lives()
        return list(_WATCHED)

    def _restarted(self) -> list[str]:
        self._house.edge.end()
        self._house.edge.start()
        self._lives()
        return list(_WATCHED)

    # ---- what is measured

    def _one(self) -> str:
        return self._chance.choice(tuple(_WATCHED))

    def _finds(self, kind: str, device: str) -> None:
        """Wait until the edge says that the device has no link, or said so: some are soon back."""
        ledger, name = self._house.ledger, _WATCHED[device][0]
        known = len(ledger.notes)

        def told() -> bool:
            since = [link for _, who, link, _ in ledger.notes[known:] if who == name]
            return any(link != "connected" for link in (ledger.links[name][0], *since))

        try:
            found_s = self._house.until(told, _GIVE_UP_S, f"{kind} found")
        except AssertionError as error:
            say(f"{kind} {device}: {error}")
            found_s = _GIVE_UP_S
        self.found.append((found_s, kind))

    def _heals(self, kind: str, device: str) -> None:
        try:
            healed_s = self._house.fresh(*_WATCHED[device], within_s=_GIVE_UP_S)
        except AssertionError as error:
            say(f"{kind} {device}: {error}")
            self.unhealed.append(f"{kind} {device}")
            return
        say(f"{kind} {device}: {healed_s:.1f} s")
        self.healed.append((healed_s, kind))

    def _lives(self) -> None:
        self.memory.append([])
        self._born_s = time.monotonic()

    def _weigh(self) -> None:
        child = self._house.edge.child
        assert child is not None
        status = Path(f"/proc/{child.pid}/status").read_text()
        found = re.search(r"VmRSS:\s+(\d+) kB", status)
        assert found
        self.memory[-1].append((round(time.monotonic() - self._born_s), int(found[1])))


def linked(
    notes: list[tuple[float, str, str, str]], away: list[tuple[str, float, float]]
) -> tuple[list[float], list[int]]:
    """How long each link took to make, and the tries that it needed, from all changes of state.

    Tries to link who is out of range are not counted.
    """
    took: list[float] = []
    tries: list[int] = []
    for name in {note[1] for note in notes}:
        began_s, tried = 0.0, 0
        for at_s, _, link, _ in (note for note in notes if note[1] == name):
            if link == "connecting" and not _within(at_s, name, away):
                began_s, tried = at_s, tried + 1
            elif link == "connected" and tried:
                took.append(at_s - began_s)
                tries.append(tried)
                tried = 0
    return took, tries


def _within(at_s: float, name: str, away: list[tuple[str, float, float]]) -> bool:
    return any(who == name and from_s <= at_s < to_s for who, from_s, to_s in away)


def _spare() -> Pace:
    """Judge links, not the rest: a strap's raw ECG and an oximeter's values; no pipelines.

    Readings are committed once a second and acknowledged every four (from five on the edge sends
    them again): other scenes do it as on a box.
    """
    folder = Path("/tmp/catalogue")
    folder.mkdir()
    for name in ("polar-h10.toml", "ble-oximeter.toml"):
        text = (CATALOGUE / name).read_text().partition("[[pipeline]]")[0]
        for idle in ('id = "acc"', 'id = "hr"'):
            text = text.replace(idle, f"{idle}\nenabled = false")
        (folder / name).write_text(text)
    return Pace(commit_ms=1000, hold_ms=2000, ack_s=4.0, catalogue=folder)


def soak(hours: float = 0.5, seed: float = 1) -> dict[str, Any]:
    """A home in trouble for so many hours of virtual time."""
    with House(("strap-1", "oxi-1"), pace=_spare()) as house:
        trouble = Soak(house, round(seed))
        trouble.run(hours * 3600)
        connect_s, tries = linked(house.ledger.notes, trouble.away)
        return {
            "troubles": len(trouble.healed) + len(trouble.unhealed),
            "healed": sorted(trouble.healed, reverse=True),
            "healed_s": [max(trouble.healed)[0]],
            "found": sorted(trouble.found, reverse=True),
            "found_s": max(trouble.found, default=(0.0, ""))[0],
            "unhealed": trouble.unhealed,
            "connect_s": connect_s,
            "tries": tries,
            "memory": trouble.memory,
            **house.settle(),
        }
