"""Processor, memory, disk and bytes of one edge."""

from __future__ import annotations

import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from byte_proof import Size
from edge_chain import Chain, wait_for
from fed_chain import Account, cpu_s, fed_chain
from metered_edge import read_meter

# The demo's strap, a second one that the scenario adds, and what else reports by itself.
DEVICES = """\
[[device]]
id = "strap-2"
model = "polar-h10"
address = "C0:DE:00:00:00:11"
[[device]]
id = "oxi-1"
model = "ble-oximeter"
address = "C0:DE:00:00:00:02"
[[device]]
id = "thermo-1"
model = "ble-thermometer"
address = "C0:DE:00:00:00:03"
[[device]]
id = "scale-1"
model = "ble-scale"
address = "C0:DE:00:00:00:04"
[[device]]
id = "ruuvi-1"
model = "ruuvitag"
address = "C0:DE:00:00:00:06"
"""
SCENARIO = '[[device]]\nkind = "strap"\nplace = "home"\naddress = "C0:DE:00:00:00:11"\n'
_WARM_S = 15.0
# As often as the gateway's (ingest/acks.py): each is a transaction of the outbox.
_ACK_S = 1.0
_METERED = str(Path(__file__).with_name("metered_edge.py"))


@dataclass(frozen=True)
class Cost:
    """Over `seconds` of real time, all devices on.

    `radio_share` is what the virtual radio's host takes of `cpu_share`.
    """

    devices: int
    seconds: float
    readings: int
    cpu_share: float
    radio_share: float
    rss_mb: float
    written: int
    live_messages_per_s: float
    size: Size


@dataclass(frozen=True)
class Growth:
    """A fed edge over compressed time, and where its readings are in the end."""

    hours: float
    readings: int
    cpu_s: float
    early_mb: float
    most_mb: float
    last_mb: float
    account: Account


def cost(folder: Path, seconds: float) -> Cost:
    """A real edge on the virtual radio, a broker, and a gateway that acknowledges."""
    scenario = folder / "two-straps.toml"
    scenario.write_text(SCENARIO)
    chain = Chain(
        folder,
        devices=DEVICES,
        sim_options=("--scenario", str(scenario)),
        program=(sys.executable, _METERED, str(folder / "meter")),
        ack_s=_ACK_S,
    )
    try:
        for device in ("strap-1", "strap-2"):
            wait_for(lambda d=device: _has(chain, d), 60, f"ECG of {device}")
        time.sleep(_WARM_S)
        return _measure(chain, seconds)
    finally:
        chain.close()


def _has(chain: Chain, device: str) -> bool:
    return any(
        f.device == device and f.stream == "ecg" for f in list(chain.gateway.frames.values())
    )


def _measure(chain: Chain, seconds: float) -> Cost:
    assert chain.edge.child is not None
    pid, seen = chain.edge.child.pid, len(chain.gateway.arrivals)
    heard = len(chain.gateway.messages)
    cpu, written, radio = cpu_s(pid), _written(pid), read_meter(chain.folder / "meter")
    began = time.monotonic()
    time.sleep(seconds)
    passed = time.monotonic() - began
    radio = read_meter(chain.folder / "meter") - radio
    arrived = chain.gateway.arrivals[seen:]
    live = [message for message in chain.gateway.messages[heard:] if message.lane == "d"]
    frames = [frame for _, frame, _ in arrived]
    return Cost(
        devices=6,
        seconds=passed,
        readings=len({(f.device, f.boot, f.seq) for f in frames}),
        cpu_share=(cpu_s(pid) - cpu) / passed,
        radio_share=radio / passed,
        rss_mb=chain.edge.rss_mb,
        written=_written(pid) - written,
        live_messages_per_s=len(live) / passed,
        size=Size.of(live, frames),
    )


def _written(pid: int) -> int:
    """Bytes that the process has made the kernel write to a disk."""
    lines = Path(f"/proc/{pid}/io").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("write_bytes")).split()[1])


def growth(folder: Path, hours: float) -> Growth:
    """Let a fed edge's time pass as fast as it goes, everything at work, and look at its memory.

    Then no more is said, and every sequence number is looked for in the gateway's store.
    """
    with fed_chain(folder, hours) as chain:
        assert chain.edge is not None
        pid, seen, done = chain.edge.pid, [], threading.Event()

        def watch() -> None:
            while not done.wait(0.5):
                seen.append(_rss_mb(pid))

        watcher = threading.Thread(target=watch)
        watcher.start()
        given, spent = chain.given, cpu_s(pid)
        try:
            chain.order("fill")
            chain.hear("filled_s")
            chain.wait_drained(100, timeout_s=1800)
        finally:
            done.set()
            watcher.join()
        readings, spent, last = chain.given - given, cpu_s(pid) - spent, _rss_mb(pid)
        chain.order("quiet")
        chain.hear("quiet")
        chain.wait_drained()
        tenth = len(seen) // 10 + 2
        early, most = max(seen[:tenth]), max(seen[tenth:], default=last)
        return Growth(hours, readings, spent, early, most, last, chain.account())


def _rss_mb(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024
