"""Inside the machine: bluetoothd, a broker, the simulator on /dev/vhci, and the edge on BlueZ.

Everything here waits by the clock of the machine, which may be a virtual one: polling is rare,
because each look costs real time while waiting costs none.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ledger import Ledger

SHARE = Path("/share")
STRAP, OXIMETER = "C0:DE:00:00:00:01", "C0:DE:00:00:00:02"
THERMOMETER, SCALE, CUFF = (f"C0:DE:00:00:00:0{n}" for n in (3, 4, 5))
RUUVITAG = "C0:DE:00:00:00:06"
MODELS = {
    "strap-1": ("polar-h10", STRAP),
    "oxi-1": ("ble-oximeter", OXIMETER),
    "thermo-1": ("ble-thermometer", THERMOMETER),
    "scale-1": ("ble-scale", SCALE),
    "cuff-1": ("ble-bp-cuff", CUFF),
    "ruuvi-1": ("ruuvitag", RUUVITAG),
}
_MQTT, _CONTROL = 1883, 9400
_LOOK_S = 0.25
_ORDER = Path("/tmp/edge/restart-bluetooth")
_BLUETOOTHD = "/usr/libexec/bluetooth/bluetoothd"
_CONFIG = """\
edge = "home-1"
pilot = "demo-home"
site = "home-1"
role = "home"
data_dir = "/tmp/edge"
{first}[clock]
trust = "system"
[mqtt]
host = "127.0.0.1"
port = 1883
hold_ms = {hold_ms}
[outbox]
commit_ms = {commit_ms}
[ble]
backend = "bluez"
adapters = {adapters}
"""
CATALOGUE = Path("/clone/edge/vointi_edge/catalogue_files")
_DEVICE = '[[device]]\nid = "{}"\nmodel = "{}"\naddress = "{}"\n'


@dataclass
class Child:
    """A process with a log that outlives the machine; ended by its own pid."""

    name: str
    command: Sequence[str]
    child: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> Path:
        return SHARE / f"{self.name}.log"

    def start(self) -> None:
        """Start it, unless it runs."""
        if self.child is not None:
            return
        with self.log.open("ab") as out:
            self.child = subprocess.Popen(list(self.command), stdout=out, stderr=out)

    def end(self, number: int = signal.SIGTERM, within_s: float = 30.0) -> int:
        if self.child is None:
            return 0
        child, self.child = self.child, None
        child.send_signal(number)
        try:
            return child.wait(within_s)
        except subprocess.TimeoutExpired:
            child.send_signal(signal.SIGUSR1)  # its log then has what it waits for
            time.sleep(1)
            child.kill()
            child.wait()
            raise

    @property
    def said(self) -> str:
        return self.log.read_text(errors="replace") if self.log.exists() else ""


@dataclass(frozen=True)
class Pace:
    """What is no radio's business and costs most of the processor: by default as on a box.

    How long readings are gathered for a commit and for a message, how often what came is
    acknowledged, and a catalogue with fewer streams.
    """

    commit_ms: int = 20
    hold_ms: int = 500
    # Often enough that the outbox stays short, rarely enough to cost nothing.
    ack_s: float = 2.0
    catalogue: Path | None = None

    def config(self, adapters: Sequence[str]) -> str:
        first = f'catalogue_dir = "{self.catalogue}"\n' if self.catalogue else ""
        return _CONFIG.format(
            adapters=json.dumps(adapters),
            first=first,
            commit_ms=self.commit_ms,
            hold_ms=self.hold_ms,
        )


_AS_ON_A_BOX = Pace()


class House:
    """One home; `edge`, `sim`, `bluetoothd` and `broker` may be ended and started at will.

    `more` is what else stands in the edge's configuration, `scenario` what the simulator plays.
    """

    def __init__(
        self,
        devices: Sequence[str] = ("strap-1",),
        adapters: int = 1,
        more: str = "",
        scenario: str = "",
        pace: Pace = _AS_ON_A_BOX,
    ) -> None:
        self._pace = pace
        self.restarts = 0
        text = pace.config([f"hci{number}" for number in range(adapters)])
        text += "".join(_DEVICE.format(name, *MODELS[name]) for name in devices)
        Path("/tmp/edge.toml").write_text(text + more)
        Path("/tmp/scenario.toml").write_text(scenario)
        Path("/tmp/broker.conf").write_text(
            f"listener {_MQTT} 127.0.0.1\nallow_anonymous true\npersistence false\nuser root\n"
        )
        python = sys.executable
        second = ["--second", "vhci"] if adapters > 1 else []
        self.bluetoothd = Child("bluetoothd", [_BLUETOOTHD, "-n"])
        self.broker = Child("broker", ["/usr/sbin/mosquitto", "-c", "/tmp/broker.conf"])
        self.sim = Child(
            "sim",
            [python, "-m", "vointi_sim", "run", "--home", "vhci", *second,
             "--scenario", "/tmp/scenario.toml", "--seed", "3",
             "--control", f"127.0.0.1:{_CONTROL}"],
        )  # fmt: skip
        self.edge = Child(
            "edge", [python, "-m", "vointi_edge", "run", "--config", "/tmp/edge.toml"]
        )

    def __enter__(self) -> House:
        self.bluetoothd.start()
        self.broker.start()
        self.sim.start()
        _listening(_MQTT)
        _listening(_CONTROL)
        self.ledger = Ledger(_MQTT, self._pace.ack_s)
        self.edge.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.ledger.close()
        for child in (self.edge, self.sim, self.bluetoothd, self.broker):
            with contextlib.suppress(subprocess.TimeoutExpired, ProcessLookupError):
                child.end(signal.SIGKILL)

    # ---- what is done to it

    def fault(self, op: str, **fields: Any) -> dict[str, Any]:
        """Ask the simulator's control port."""
        with socket.create_connection(("127.0.0.1", _CONTROL), 10) as control:
            control.sendall((json.dumps({"op": op, **fields}) + "\n").encode())
            answer = dict(json.loads(control.makefile().readline()))
        assert answer.pop("ok"), answer
        return answer

    def power(self, on: bool, adapter: str = "hci0") -> None:
        """Switch an adapter as an operator would."""
        subprocess.run(
            ["dbus-send", "--system", "--print-reply", "--dest=org.bluez", f"/org/bluez/{adapter}",
             "org.freedesktop.DBus.Properties.Set", "string:org.bluez.Adapter1", "string:Powered",
             f"variant:boolean:{str(on).lower()}"],
            check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip

    # ---- what is seen of it

    def adapter(self) -> str:
        """Which adapter is there: one that was reset while it hung comes back as `hci1`."""
        return next(Path("/sys/class/bluetooth").glob("hci[0-9]")).name

    def until(self, what: Callable[[], Any], within_s: float, said: str) -> float:
        """Wait until `what()` is true; return how long that took."""
        began_s = time.monotonic()
        while not what():
            took_s = time.monotonic() - began_s
            assert took_s < within_s, f"not within {within_s:.0f} s: {said}; {self.ledger.links}"
            assert self.edge.child is None or self.edge.child.poll() is None, "the edge ended"
            time.sleep(_LOOK_S)
            self._take_orders()
        return time.monotonic() - began_s

    def _take_orders(self) -> None:
        """Do what systemd does on a box: vointi-bluetooth.path."""
        if _ORDER.exists():
            _ORDER.unlink()
            say("bluetoothd is restarted for the edge")
            self.restarts += 1
            quit_hard(self.bluetoothd)
            self.bluetoothd.start()

    def more(self, device: str, stream: str, by: int = 3, within_s: float = 150.0) -> float:
        """Wait for further readings; return how long that took."""
        key = (device, stream)
        wanted = self.ledger.counts[key] + by
        what = f"{by} more of {device}/{stream}"
        return self.until(lambda: self.ledger.counts[key] >= wanted, within_s, what)

    def fresh(self, device: str, stream: str, within_s: float) -> float:
        """Wait for a reading that is measured from now on, not one that was on its way."""
        key, now_s = (device, stream), time.monotonic()
        what = f"a new reading of {device}/{stream}"
        return self.until(lambda: self.ledger.measured_s.get(key, 0.0) > now_s, within_s, what)

    def linked(self, address: str = STRAP) -> bool:
        """Whether the simulated device has a link."""
        places = self.fault("stats")["places"]
        return bool(places["home"]["devices"][address]["connected"])

    def outbox(self) -> dict[str, int]:
        """The edge's own counters."""
        done = subprocess.run(
            [sys.executable, "-m", "vointi_edge", "status", "--data-dir", "/tmp/edge"],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        return dict(json.loads(done.stdout))

    def settle(self) -> dict[str, Any]:
        """Silence the devices, let all arrive, and return the books of both sides."""
        self.sim.end(signal.SIGKILL)
        began_s = time.monotonic()
        while time.monotonic() - began_s < 60:
            time.sleep(3)
            self.ledger.acknowledge()
            time.sleep(1)
            outbox = self.outbox()
            if not outbox["pending"]:
                break
        edge_code = self.edge.end()
        outbox = self.outbox()
        accepted = outbox["accepted"]
        return {
            **self.ledger.facts(), "outbox": outbox, "accepted": accepted, "edge_code": edge_code
        }  # fmt: skip


def _listening(port: int) -> None:
    for _ in range(400):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(_LOOK_S)
    raise AssertionError(f"nobody listens on port {port}")


def say(text: str) -> None:
    """A line on the machine's console, with its time."""
    print(f"[{time.monotonic():9.2f}] {text}", flush=True)


def quit_hard(child: Child) -> None:
    """As a power cut of one process; one that is ended already stays so."""
    if child.child is None:
        return
    os.kill(child.child.pid, signal.SIGKILL)
    child.child.wait()
    child.child = None
