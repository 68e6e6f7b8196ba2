"""A Pi that does not exist, from a blank card to readings at the gateway.

The card is written and prepared as for a Pi, its first boot provisions it, and its Bluetooth chip
is the simulator on a serial port. Broker and gateway are real ones on the host.
"""

from __future__ import annotations

import json
import re
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import signal_answers
from virtual_pi import BUILT, ROOT, Card, Machine, VirtualPiError
from virtual_pi_host import EDGE, Host
from virtual_pi_kept import FROM_KEPT, Kept
from virtual_pi_restarts import Books, books, cut_power, restart, settled, take_outbox
from vointi_demo.layout import HOME_DEVICES

# Everything is ten to fifty times slower there than on a Pi; what a busy host takes is not counted.
BOOT_LIMIT_S, PROVISION_LIMIT_S, ARRIVE_LIMIT_S, ORDER_LIMIT_S = 1800.0, 3600.0, 1800.0, 900.0
PYTHON = "/opt/vointi/current/bin/python"
KEPT = BUILT / "kept"
# Utime and stime in clock ticks, resident memory, seconds since power-on.
_USAGE = """\
pid=$(systemctl show -P MainPID vointi-edge)
read up _ < /proc/uptime
echo "$up $(cut -d' ' -f14,15 /proc/$pid/stat) $(awk '/VmRSS/ {print $2}' /proc/$pid/status)"
"""
_TICKS_A_S = 100
_PROVISIONED = """\
ended() { systemctl show -P ExecMainExitTimestampMonotonic vointi-firstboot; }
while [ "$(ended)" = 0 ]; do sleep 3; done
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
# After the boot with all that it starts, and each that failed with its last words.
_STOOD = """\
systemctl is-system-running --wait > /dev/null
for unit in $(systemctl --failed --plain --no-legend --no-pager | cut -d' ' -f1); do
  echo "$unit: $(journalctl -b -o cat --no-pager -u $unit | tail -3 | tr '\\n' ' ')"
done
"""
# By its watchdog, or because it ended; not by the reboot.
_RESTARTS = "systemctl show -P NRestarts vointi-edge"
# When since power-on it was to start (0: not at all), whether it had anything to do, how it ended.
_UPDATE = """\
show() { systemctl show -P $1 vointi-update; }
echo "$(show ConditionTimestampMonotonic) $(show ConditionResult) $(show Result)"
"""
_MISTAKES = "journalctl -b -p warning -o cat --no-pager -u vointi-edge | tail -20"


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
    failed_units: dict[str, str] = field(default_factory=dict)
    restarts: dict[str, int] = field(default_factory=dict)
    update: str = ""
    stopped: str = ""
    sandboxes: dict[str, float] = field(default_factory=dict)
    warnings: str = ""
    adapter: str = ""
    doctor: list[dict[str, Any]] = field(default_factory=list)
    devices: dict[str, int] = field(default_factory=dict)
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


class Proof:
    """The steps, in order; each is said on standard error with the time that it took."""

    def __init__(self, folder: Path, seconds: float) -> None:
        self._folder, self._seconds = folder, seconds
        self._found = Found()
        self._began = time.monotonic()
        self._machine: Machine | None = None
        self._used_s = 0.0

    def run(self) -> Found:
        """All of it; the machine is off and the host's parts are gone when this returns.

        Where it cannot go on, what was seen so far is returned, and why it `stopped`.
        """
        try:
            self._run()
        except (VirtualPiError, AssertionError) as error:
            self._found.stopped = str(error)
            print(f"stopped: {error}", file=sys.stderr, flush=True)
        return self._found

    def _run(self) -> None:
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
        self._done("accounts drawn up")

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
            self._deliver_again(machine, host)
            self._done("from what was kept, to new readings")
            self._arrive(machine, host)
            return
        self._write(card, host)
        self._first_boot(machine)
        self._provision(machine)
        machine.until(host.delivering, ARRIVE_LIMIT_S, "there is a first reading")
        self._done("first reading at the gateway")
        machine.order("sync", ORDER_LIMIT_S)
        assert machine.child is not None
        Kept(KEPT).keep(self._folder, host.ports, [machine.child.pid, host.gateway_pid])
        self._done("kept")
        self._arrive(machine, host)

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

    def _arrive(self, machine: Machine, host: Host) -> None:
        """Wait until each device has a reading at the gateway, or the time is over."""
        wanted = {f"{EDGE}.{name}" for name, *_ in HOME_DEVICES}

        def all_there() -> bool:
            seen, self._found.devices = set(self._found.devices), host.delivering()
            for device in sorted(set(self._found.devices) - seen):
                print(f"  {device} delivers", file=sys.stderr, flush=True)
            return wanted <= set(self._found.devices)

        # a device that is missing is a line of the table, and the rest is to be seen all the same
        with suppress(VirtualPiError):
            machine.until(all_there, ARRIVE_LIMIT_S, "each device has a reading")
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
        self._stood(machine, "the second boot")
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
        self._done("restart, to its power-on")
        self._deliver_again(machine, host)
        self._done("from there to new readings")
        self._stood(machine, "the restart")
        self._found.update = machine.order(_UPDATE, ORDER_LIMIT_S)[1].strip()
        self._done("boot over, units looked at")
        cut_power(machine)
        self._deliver_again(machine, host)
        self._done("power cut, to new readings")
        self._stood(machine, "the power cut")
        self._done("boot over, units looked at again")

    def _stood(self, machine: Machine, after: str) -> None:
        said = machine.order(_STOOD, BOOT_LIMIT_S)[1].strip()
        self._found.failed_units[after] = said
        self._found.restarts[after] = int(machine.order(_RESTARTS, ORDER_LIMIT_S)[1])

    def _deliver_again(self, machine: Machine, host: Host) -> None:
        """Wait until the gateway has a reading that is younger than the power-on just now."""
        on_us, limit_s = time.time_ns() // 1000, BOOT_LIMIT_S + ARRIVE_LIMIT_S
        machine.until(
            lambda: any(last_us > on_us for last_us in host.delivering().values()),
            limit_s,
            "there are new readings",
        )

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
