"""Each thing that goes wrong is told to its owner, once, and its end, too."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from gateway_kit import EDGE, PILOT, T0_US, birth, state
from vointi_gateway.alarms import DISK_FREE, PENDING, SILENT_US, SKEW_US, Alarms, Sources
from vointi_gateway.fleet import Fleet
from vointi_gateway.identity.errors import TooManyError
from vointi_gateway.identity.throttle import PER_NAME_AND_ADDRESS, WINDOW_S, Throttle
from vointi_gateway.settings import PilotSettings

#: Writes what it is told behind what it was told before; fails while there is a file "broken".
OWNER = """
import pathlib, sys
folder = pathlib.Path(sys.argv[1])
if (folder / "broken").exists():
    raise SystemExit(1)
with (folder / "told").open("a") as told:
    told.write(sys.stdin.read())
"""


@dataclass
class House:
    """A gateway in which all is well, until a test says otherwise."""

    folder: Path
    people: str = "real"
    now_us: int = T0_US
    identity: list[str] = field(default_factory=list)
    connected: bool = True
    ok: bool = True
    free: int = DISK_FREE

    def __post_init__(self) -> None:
        pilot = PilotSettings(PILOT, "A", "home", edges=(EDGE,), people=self.people)  # type: ignore[arg-type]
        self.fleet = Fleet((pilot,))
        self.throttle = Throttle(lambda: self.now_us / 1e6)
        sources = Sources(
            identity=lambda: self.identity,
            locked_out=self.throttle.refusing,
            broker_connected=lambda: self.connected,
            store_ok=lambda: self.ok,
            fleet=self.fleet,
            folder=self.folder,
            wall_us=lambda: self.now_us,
            disk_free=lambda _: self.free,
        )
        self.alarms = Alarms(sources, (sys.executable, "-c", OWNER, str(self.folder)))
        self.fleet.born(birth())
        self.fleet.state(state())
        self.fleet.seen({EDGE: T0_US})

    def told(self) -> list[str]:
        """What the owner is told by two looks."""
        self.alarms.look()
        self.alarms.look()
        path = self.folder / "told"
        lines = path.read_text().splitlines() if path.exists() else []
        path.unlink(missing_ok=True)
        return lines

    def guess(self) -> None:
        for _ in range(PER_NAME_AND_ADDRESS):
            self.throttle.failed("x", "192.0.2.9")
        with pytest.raises(TooManyError):
            self.throttle.check("x", "192.0.2.9")

    def silent(self) -> None:
        self.fleet.state(state(online=False))
        self.now_us += SILENT_US + 1

    def says(self, **changes: object) -> None:
        self.fleet.state(replace(state(), **changes))

    def waits(self) -> None:
        self.says(outbox=replace(state().outbox, pending=PENDING + 1))


@pytest.fixture
def home(tmp_path: Path) -> House:
    return House(tmp_path)


INJECTED: dict[str, Callable[[House], object]] = {
    "crl": lambda home: home.identity.append("crl: ends soon"),
    "broker": lambda home: setattr(home, "connected", False),
    "store": lambda home: setattr(home, "ok", False),
    "disk": lambda home: setattr(home, "free", DISK_FREE - 1),
    "sign-in": House.guess,
    "silent": House.silent,
    "wait": House.waits,
    "not set": lambda home: home.says(wall_us=None),
    "off by": lambda home: home.says(wall_us=T0_US - SKEW_US - 1),
}


def test_nothing_is_told_while_all_is_well(home: House) -> None:
    assert home.told() == []


@pytest.mark.parametrize("word", INJECTED)
def test_what_goes_wrong_is_told_once(home: House, word: str) -> None:
    INJECTED[word](home)
    (line,) = home.told()
    assert line.startswith("alarm: ")
    assert word in line
    assert home.told() == []


def test_the_end_is_told_and_a_moment_is_not(home: House) -> None:
    home.ok = False
    home.alarms.look()
    home.ok = True
    assert home.told() == []
    home.ok = False
    (line,) = home.told()
    home.ok = True
    assert home.told() == [line.replace("alarm:", "ended:")]


def test_who_could_not_be_told_is_told_later(home: House) -> None:
    (home.folder / "broken").touch()
    home.connected = False
    assert home.told() == []
    (home.folder / "broken").unlink()
    assert len(home.told()) == 1


def test_a_simulated_home_may_live_at_another_time(tmp_path: Path) -> None:
    home = House(tmp_path, people="simulated")
    home.says(wall_us=T0_US * 2)
    assert home.told() == []


def test_guesses_are_forgotten_after_the_wait(home: House) -> None:
    home.guess()
    assert home.throttle.refusing() > 0
    home.now_us += int(WINDOW_S * 1e6)
    assert home.throttle.refusing() == 0
