"""A Pi that does not exist, from a blank card to readings at the gateway.

The card is written and prepared as for a Pi, its first boot provisions it, and its Bluetooth chip
is the simulator on a serial port. Broker and gateway are real ones on the host.
"""

from __future__ import annotations

import json
import re
import sys
import time
import urllib.request
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np
import signal_answers
from running_demo import wait_for
from virtual_pi import BUILT, HOST, ROOT, Card, Machine, VirtualPiError
from virtual_pi_kept import FROM_KEPT, Kept
from virtual_pi_restarts import Books, books, cut_power, restart, settled, take_outbox
from vointi_demo.layout import HOME_DEVICES, Layout, Ports
from vointi_demo.ports import free_ports
from vointi_demo.supervisor import Supervisor, children_of

EDGE = "home-1"
# Everything is ten to fifty times slower there than on a Pi, and more so on a busy machine.
BOOT_LIMIT_S, PROVISION_LIMIT_S, ARRIVE_LIMIT_S, ORDER_LIMIT_S = 1800.0, 3600.0, 1800.0, 900.0
PYTHON = "/opt/vointi/current/bin/python"
KEPT = BUILT / "kept"
_CONFIG = """\
edge = "{edge}"
pilot = "demo-home"
site = "{edge}"
role = "home"
data_dir = "/var/lib/vointi-edge"

[clock]
trust = "system"

[mqtt]
host = "{host}"
port = {port}
protocol = "3.1.1"
username = "{edge}"
password_file = "password"

[policy]
keys_file = "policy.keys"

[ble]
backend = "bluez"
adapters = ["hci0"]
"""
# Utime and stime in clock ticks, resident memory, seconds since power-on.
_USAGE = """\
pid=$(systemctl show -P MainPID vointi-edge)
read up _ < /proc/uptime
echo "$up $(cut -d' ' -f14,15 /proc/$pid/stat) $(awk '/VmRSS/ {print $2}' /proc/$pid/status)"
"""
_TICKS_A_S = 100
_PROVISIONED = """\
ended() { systemctl show -P ExecMainExitTimestampMonotonic vointi-firstboot; }
while [ "$(ended)" = 0 ]; do sleep 1; done
journalctl -b -o cat --no-pager -u vointi-firstboot | tail -60
systemctl is-active vointi-edge
"""
# As an operator would do it again: the same folder, the same wheels.
_AGAIN = """\
cd /opt/vointi/share/provisioning
./provision.sh --from /share/home --wheels /boot/firmware/vointi/wheels
"""
_DOCTOR = "vointi-edge doctor --json --config /etc/vointi/edge.toml"
_ADAPTER = "bluetoothctl show | grep -E 'Controller|Name|Powered'; uname -r; bluetoothctl --version"
_SANDBOX = """\
for unit in vointi-edge vointi-clock-floor vointi-update vointi-lights; do
  systemd-analyze security --no-pager $unit.service | tail -1
done
"""
_FAILED = "systemctl --failed --plain --no-legend --no-pager"
_MISTAKES = "journalctl -b -p warning -o cat --no-pager -u vointi-edge | tail -20"


def edge_config(broker_port: int) -> str:
    """The edge.toml that goes onto the card: a home's six devices on BlueZ."""
    blocks = [
        f'\n[[device]]\nid = "{name}"\nmodel = "{model}"\naddress = "{address}"\n'
        + (f'person = "{person}"\n' if person else "")
        for name, model, address, person in HOME_DEVICES
    ]
    return _CONFIG.format(edge=EDGE, host=HOST, port=broker_port) + "".join(blocks)


def exposures(said: str) -> dict[str, float]:
    """Each unit's exposure, of the last lines of `systemd-analyze security`."""
    found = re.findall(r"exposure level for ([\w-]+)\.service: ([\d.]+)", said)
    return {unit: float(level) for unit, level in found}


@dataclass
class Found:
    """What was seen; seconds are of the host's clock, and of QEMU's processor time per step."""

    steps: dict[str, float] = field(default_factory=dict)
    processor: dict[str, float] = field(default_factory=dict)
    system: str = ""
    provisioned: str = ""
    again: str = ""
    secrets_left: list[str] = field(default_factory=list)
    failed_units: str = ""
    sandboxes: dict[str, float] = field(default_factory=dict)
    warnings: str = ""
    adapter: str = ""
    doctor: list[dict[str, Any]] = field(default_factory=list)
    devices: dict[str, int] = field(default_factory=dict)
    stored: int = 0
    counts: dict[str, int] = field(default_factory=dict)
    outbox: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0
    readings: int = 0
    cpu_share: float = 0.0
    rss_mb: float = 0.0
    answers: dict[str, str] = field(default_factory=dict)
    far: list[str] = field(default_factory=list)
    books: Books | None = None
    boots: int = 3


class Host(AbstractContextManager["Host"]):
    """The demo's simulator, broker and gateway, without its edges."""

    def __init__(self, folder: Path, ports: Sequence[int] = ()) -> None:
        """With the `ports` of a run that was kept, its files are in `folder` already."""
        page, broker, home, point = ports or free_ports(4)
        self.layout = Layout(folder, "127.0.0.1", Ports(page, broker, home, point), "3.1.1")
        if ports:
            # who is ready says so in its log, and was before
            for log in self.layout.logs.iterdir():
                log.unlink()
        else:
            self.layout.write()
        wanted = ("simulator", "broker", "gateway")
        children = [child for child in children_of(self.layout, 1) if child.name in wanted]
        self._supervisor = Supervisor(self.layout, children)

    def __enter__(self) -> Self:
        """Start them; the chip has to be there before the machine is."""
        self._supervisor.start()
        said = self.layout.logs / "simulator.log"
        try:
            wait_for(lambda: "ready" in said.read_text(), ORDER_LIMIT_S, "the simulator is ready")
        except AssertionError:
            self._supervisor.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._supervisor.stop()

    @property
    def ports(self) -> tuple[int, ...]:
        """What is said to `Host` to have these ports again."""
        ports = self.layout.ports
        return ports.page, ports.broker, ports.home_radio, ports.point_radio

    @property
    def gateway_pid(self) -> int:
        """The process that writes to the store."""
        pids = [child.pid for child in self._supervisor.children if child.name == "gateway"]
        assert pids[0] is not None
        return pids[0]

    def ask(self, path: str) -> Any:
        """The gateway's JSON answer, or None while it does not answer."""
        self._supervisor.watch()
        url = f"http://127.0.0.1:{self.layout.ports.page}{path}"
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:
                return json.load(answer)
        except OSError:
            return None

    def delivering(self) -> dict[str, int]:
        """Devices of the edge that have readings at the gateway, with their last time in us."""
        rows = self.ask("/api/v1/devices") or []
        return {
            row["device"]: row["last_us"] for row in rows if row["edge"] == EDGE and row["last_us"]
        }

    def edge(self) -> dict[str, Any]:
        """What the gateway's health says of the edge."""
        edges = (self.ask("/api/v1/health") or {}).get("edges", [])
        return next((one for one in edges if one["edge"] == EDGE and one["outbox"]), {})

    def home(self, folder: Path) -> Path:
        """The folder that an operator makes for the box (docs/operators/edge.md)."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "edge.toml").write_text(edge_config(self.layout.ports.broker))
        secret = self.layout.root / "secrets" / f"{EDGE}.password"
        (folder / "password").write_text(secret.read_text())
        keys = self.layout.root / "gateway" / "keys" / "policy.keys"
        (folder / "policy.keys").write_text(keys.read_text())
        return folder


class Proof:
    """The steps, in order; each is said on standard error with the time that it took."""

    def __init__(self, folder: Path, seconds: float) -> None:
        self._folder, self._seconds = folder, seconds
        self._found = Found()
        self._began = time.monotonic()
        self._machine: Machine | None = None
        self._used_s = 0.0

    def run(self) -> Found:
        """All of it; the machine is off and the host's parts are gone when this returns."""
        ports = Kept(KEPT).bring(self._folder) if FROM_KEPT else ()
        with Host(self._folder / "host", ports) as host:
            card = Card(self._folder / "card")
            machine = self._machine = Machine(card, host.layout.ports.home_radio)
            self._used_s = machine.processor_s
            try:
                self._come_on(card, machine, host)
                self._measure(machine, host)
                self._look(machine, host)
                self._compare(machine)
                self._come_back(machine, host)
                outbox = take_outbox(machine, ORDER_LIMIT_S)
                machine.power_off()
                tally = settled(lambda: (host.ask("/api/v1/health") or {}).get("counts"))
            finally:
                machine.power_off()
        store = host.layout.root / "gateway" / "vointi.duckdb"
        self._found.books = books(outbox, store, tally)
        return self._found

    def _done(self, step: str) -> None:
        assert self._machine is not None
        now, used_s = time.monotonic(), self._machine.processor_s
        took_s, took_of_it_s = now - self._began, used_s - self._used_s
        self._found.steps[step], self._found.processor[step] = took_s, took_of_it_s
        print(f"· {step}: {took_s:.0f} s ({took_of_it_s:.0f})", file=sys.stderr, flush=True)
        self._began, self._used_s = now, used_s

    def _come_on(self, card: Card, machine: Machine, host: Host) -> None:
        """To the first readings: from a blank card, or from where another run was then."""
        if FROM_KEPT:
            self._found.boots += 1  # the one of the run that was kept
            self._found.provisioned = "by the run that was kept"
            machine.power_on()
            self._name(machine)
            self._deliver_again(host)
            self._done("from what was kept, to new readings")
            self._arrive(host)
            return
        self._write(card, host)
        self._first_boot(machine)
        self._provision(machine)
        wait_for(host.delivering, ARRIVE_LIMIT_S, "there is a first reading", 1.0)
        self._done("first reading at the gateway")
        machine.order("sync", ORDER_LIMIT_S)
        assert machine.child is not None
        Kept(KEPT).keep(self._folder, host.ports, [machine.child.pid, host.gateway_pid])
        self._done("kept")
        self._arrive(host)

    def _name(self, machine: Machine) -> None:
        said = machine.order("uname -srm; . /etc/os-release; echo $PRETTY_NAME", BOOT_LIMIT_S)[1]
        self._found.system = ", ".join(said.split("\n")).strip(", ")
        self._done("second boot")

    def _write(self, card: Card, host: Host) -> None:
        card.write()
        card.prepare(host.home(self._folder / EDGE), BUILT / "wheels")
        self._done("card written and prepared")

    def _first_boot(self, machine: Machine) -> None:
        machine.power_on()
        machine.wait_off(BOOT_LIMIT_S)
        if "systemd.run" in machine.card.cmdline:
            raise VirtualPiError(f"the first boot did not end\n{machine.console[-3000:]}")
        self._done("first boot, to its restart")

    def _provision(self, machine: Machine) -> None:
        machine.power_on()
        self._name(machine)
        code, said = machine.order(_PROVISIONED, PROVISION_LIMIT_S)
        if code or "changes made" not in said:
            raise VirtualPiError(f"it was not provisioned\n{said}")
        self._found.provisioned = next(x for x in said.splitlines() if "changes made" in x)
        self._done("provisioned, and the service started")

    def _arrive(self, host: Host) -> None:
        """Wait until each device has a reading at the gateway, or the time is over."""
        end = time.monotonic() + ARRIVE_LIMIT_S
        wanted = {f"{EDGE}.{name}" for name, *_ in HOME_DEVICES}
        while time.monotonic() < end:
            seen, self._found.devices = set(self._found.devices), host.delivering()
            for device in sorted(set(self._found.devices) - seen):
                print(f"  {device} delivers", file=sys.stderr, flush=True)
            if wanted <= set(self._found.devices):
                break
            time.sleep(1)
        self._done("readings of each device at the gateway")

    def _measure(self, machine: Machine, host: Host) -> None:
        """The edge's share of a core and its memory, and what it delivered meanwhile."""
        first, before = _usage(machine), host.edge().get("outbox", {})
        time.sleep(self._seconds)
        last, after = _usage(machine), host.edge().get("outbox", {})
        found = self._found
        found.seconds = last[0] - first[0]
        found.cpu_share = (last[1] - first[1]) / found.seconds
        found.rss_mb = last[2]
        found.readings = after.get("committed", 0) - before.get("committed", 0)
        self._done("measured")

    def _look(self, machine: Machine, host: Host) -> None:
        found = self._found
        said = machine.order(_DOCTOR, ORDER_LIMIT_S)[1]
        found.doctor = json.loads(said)
        found.adapter = machine.order(_ADAPTER, ORDER_LIMIT_S)[1]
        found.sandboxes = exposures(machine.order(_SANDBOX, ORDER_LIMIT_S)[1])
        found.failed_units = machine.order(_FAILED, ORDER_LIMIT_S)[1].strip()
        found.warnings = machine.order(_MISTAKES, ORDER_LIMIT_S)[1].strip()
        host.home(machine.share / "home")
        found.again = machine.order(_AGAIN, ORDER_LIMIT_S)[1].strip().splitlines()[-1]
        secrets = ("edge.toml", "password", "policy.keys")
        machine.order("sync", ORDER_LIMIT_S)
        found.secrets_left = [name for name in secrets if machine.card.holds(f"vointi/{name}")]
        found.counts = (host.ask("/api/v1/health") or {}).get("counts", {})
        found.outbox = host.edge().get("outbox", {})
        self._done("looked at")

    def _come_back(self, machine: Machine, host: Host) -> None:
        """A restart and a power cut: it delivers again by itself."""
        restart(machine, BOOT_LIMIT_S)
        self._deliver_again(host)
        self._done("restart, to new readings")
        cut_power(machine)
        self._deliver_again(host)
        self._done("power cut, to new readings")

    def _deliver_again(self, host: Host) -> None:
        """Wait until the gateway has a reading that is younger than the power-on just now."""
        on_us, limit_s = time.time_ns() // 1000, BOOT_LIMIT_S + ARRIVE_LIMIT_S
        wait_for(
            lambda: any(last_us > on_us for last_us in host.delivering().values()),
            limit_s, "there are new readings", 1.0,
        )  # fmt: skip

    def _compare(self, machine: Machine) -> None:
        """The signal routines' answers there and here, bit for bit."""
        given = signal_answers.make_input()
        np.savez(machine.share / "input.npz", **given)  # type: ignore[arg-type]
        program = ROOT / "tests" / "support" / "signal_answers.py"
        (machine.share / program.name).write_text(program.read_text())
        order = f"cd /share && {PYTHON} {program.name} input.npz answers.npz"
        code, said = machine.order(order, PROVISION_LIMIT_S)
        if code:
            raise VirtualPiError(f"the signal routines failed\n{said}")
        theirs, ours = (
            signal_answers.load(machine.share / "answers.npz"),
            signal_answers.answers(given),
        )
        self._found.answers = {
            name: signal_answers.differing(ours[name], theirs[name]) for name in ours
        }
        self._found.far = [n for n in ours if not signal_answers.close(ours[n], theirs[n])]
        self._done("signals compared")


def _usage(machine: Machine) -> tuple[float, float, float]:
    """Seconds of the machine's clock, processor seconds and resident MB of the edge's process."""
    up, user, system, rss_kb = map(float, machine.order(_USAGE, ORDER_LIMIT_S)[1].split())
    return up, (user + system) / _TICKS_A_S, rss_kb / 1024
