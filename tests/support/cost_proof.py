"""Processor, memory, disk and bytes of one edge."""

from __future__ import annotations

import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from edge_chain import Chain, Message, wait_for
from fed_chain import cpu_s, fed_chain
from metered_edge import read_meter
from vointi_contract.codec import FORMAT_PACKED, decode, pack
from vointi_contract.frame import Batch, Frame
from vointi_edge.outbox.store import Row
from vointi_edge.uplink.bundle import bundles

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
WAVEFORMS = ("ecg", "acc")
# What the lane packs on a usual line; on 1 Mbit/s it is a third of that, on a quick one more.
_BUNDLE_BYTES = 16 * 1024
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
    live_bytes_per_value: float
    live_bytes_per_value_of_straps: float
    live_messages_per_s: float
    bundle_bytes_per_value: float


@dataclass(frozen=True)
class Growth:
    """A fed edge over compressed time."""

    hours: float
    readings: int
    cpu_s: float
    early_mb: float
    last_mb: float


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
        live_bytes_per_value=_live(live),
        live_bytes_per_value_of_straps=_straps(live),
        live_messages_per_s=len(live) / passed,
        bundle_bytes_per_value=_bundled(frames),
    )


def _live(messages: list[Message]) -> float:
    """Bytes of payload for each value of raw ECG and acceleration, as it comes live.

    A reading is charged what its message would be shorter without it, and an equal share of what
    the message says once (topic's device apart: boot, clock, times).
    """
    charged, values = 0.0, 0
    for message in messages:
        frames = decode(message.payload, message.device).frames
        own = [_without(frames, i, message) for i in range(len(frames))]
        share = (len(message.payload) - sum(own)) / len(frames)
        for frame, size in zip(frames, own, strict=True):
            if frame.stream in WAVEFORMS:
                charged += size + share
                values += _values(frame)
    return charged / values


def _without(frames: tuple[Frame, ...], at: int, message: Message) -> int:
    """How much shorter the message would be without one of its frames."""
    if len(frames) == 1:
        return len(message.payload)
    rest = Batch((*frames[:at], *frames[at + 1 :]))
    return len(message.payload) - len(pack(rest, message.device))


def _straps(messages: list[Message]) -> float:
    """The same with everything else that a strap says charged to its raw values, too."""
    own = [message for message in messages if message.device.startswith("strap")]
    frames = [frame for m in own for frame in decode(m.payload, m.device).frames]
    raw = sum(_values(frame) for frame in frames if frame.stream in WAVEFORMS)
    return sum(len(message.payload) for message in own) / raw


def _bundled(frames: list[Frame]) -> float:
    waves = {_key(f): f for f in frames if f.stream in WAVEFORMS}
    rows = [
        Row(n, f.device, f.boot, f.seq, pack(Batch((f,)), f.device))
        for n, f in enumerate(waves.values())
    ]
    sizes = sum(len(b.payload(FORMAT_PACKED)) for b in bundles(rows, _BUNDLE_BYTES))
    return sizes / sum(map(_values, waves.values()))


def _key(frame: Frame) -> tuple[str, int, int]:
    return frame.device, frame.boot, frame.seq


def _values(frame: Frame) -> int:
    return sum(len(channel.values) for channel in frame.channels)


def _written(pid: int) -> int:
    """Bytes that the process has made the kernel write to a disk."""
    lines = Path(f"/proc/{pid}/io").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("write_bytes")).split()[1])


def growth(folder: Path, hours: float) -> Growth:
    """Let a fed edge's time pass as fast as it goes, everything at work, and look at its memory."""
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
        early = max(seen[: len(seen) // 10 + 2])
        readings = chain.given - given
        return Growth(hours, readings, cpu_s(pid) - spent, early, _rss_mb(pid))


def _rss_mb(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024
