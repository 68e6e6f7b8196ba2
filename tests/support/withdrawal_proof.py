"""From a resident's word over HTTP to a radio that is still: how long, and what comes after it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from gateway_kit import EDGE, PILOT, EdgeClient, hr_frame, random_boot, wait_for
from radio_house import PATIENCE_S, House, running_house

#: Between two looks at the radio: what a figure may be too long by.
LOOK_S = 0.02
_TRIES = 5
#: More than the edge itself can still have on its way.
_LATE = 10
#: An edge whose sessions end within 5 s waits longer and longer before the next one (`Uplink`).
SETTLED_S = 6.0


@dataclass(frozen=True, slots=True)
class Told:
    """One withdrawal or pause, and what ended it. Seconds from the answer to the request."""

    kind: str
    silent_s: float
    back_s: float
    stored_after: int


def tell(
    folder: Path,
    repetitions: int,
    hear: Callable[[str], None] = lambda _: None,
    settle_s: float = 0.0,
) -> list[Told]:
    """Withdraw and give again, pause and resume, so many times each; `hear` hears of each.

    Late readings come in the edge's name and so end its session, which nobody's word does. With
    many repetitions the edge has `settle_s` after each, or it waits as for a broker in trouble.
    """
    found = []
    began_s = time.monotonic()
    with running_house(folder) as house:
        house.edges[EDGE].start()
        for done in range(1, repetitions + 1):
            for kind, undo in (("withdrawn", "given"), ("paused", "resumed")):
                found.append(_once(house, kind, undo))
                time.sleep(settle_s)
            hear(f"{time.monotonic() - began_s:.0f} s: {done} of {repetitions} rounds")
        house.gateway.counts()  # which checks the balance
    return found


def _once(house: House, kind: str, undo: str) -> Told:
    """One round: the strap is read, is let go of, a late reading is refused, it is read again."""
    wait_for(lambda: house.linked, PATIENCE_S)
    before = house.gateway.counts()["stored"]
    wait_for(lambda: house.gateway.counts()["stored"] > before, PATIENCE_S)
    house.says(kind)
    silent_s = _until(lambda: not house.linked)
    # What the edge had sent before may be on its way for a moment: it is not what is asked for.
    after = next((0 for _ in range(_TRIES) if _late(house, kind) == 0), 1)
    wait_for(lambda: house.online(EDGE), PATIENCE_S)
    house.says(undo)
    back_s = _until(lambda: house.linked)
    return Told(kind, silent_s, back_s, after)


def _until(what: Callable[[], bool]) -> float:
    begun_s = time.monotonic()
    wait_for(what, PATIENCE_S, LOOK_S)
    return time.monotonic() - begun_s


def _late(house: House, reason: str) -> int:
    """How many readings are stored of those that are sent now."""
    refused = house.refused(reason)
    stored = house.gateway.counts()["stored"]
    with EdgeClient(house.port, EDGE, PILOT, client_id="late") as client:
        boot = random_boot()
        for seq in range(1, _LATE + 1):
            client.send(hr_frame(seq, boot=boot, wall_us=time.time_ns() // 1000))
        wait_for(lambda: house.refused(reason) >= refused + _LATE, PATIENCE_S)
    return house.gateway.counts()["stored"] - stored
