"""Node-RED beside the gateway: the same straps through the same broker, each a process of its own.

Node-RED gets JSON of a second at a time and writes points to a server that only says that it has
them; the gateway checks, deduplicates and has every value on the disk before it acknowledges. What
is compared is the processor time of each whole process, its MQTT client included.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from vointi_contract.codec import encode
from vointi_contract.frame import Batch, Frame
from vointi_contract.metrics import by_code

from benchmarks.node_red_rig import NotInstalledError, cpu_s, flow, install, running
from benchmarks.rows import ROOT, Row, Settings
from benchmarks.sink import sink
from benchmarks.strap_payloads import SECONDS, Strap, frames

sys.path.append(str(ROOT / "tests" / "support"))

import gateway_kit

NAME = "node_red"
GOAL = 4.0
#: Its engine compiles what runs often: that is over before it is measured.
WARM = 0.25
#: A broker's queue must not fill while somebody is slow.
AHEAD = 2000
PATIENCE_S = 300.0
#: Each look at the gateway is a request to it.
_LOOK_S = 0.2
_EDGES = (gateway_kit.EDGE, gateway_kit.OTHER_EDGE)
_PILOTS = (gateway_kit.PILOT, gateway_kit.OTHER_PILOT)


@dataclass(frozen=True, slots=True)
class Said:
    """One frame in both forms; `points` is how many lines Node-RED makes of it."""

    edge: int
    text: bytes
    payload: bytes
    points: int
    values: int


@dataclass(frozen=True, slots=True)
class Cost:
    """Processor seconds for so many values."""

    cpu_s: float
    values: int

    @property
    def rate(self) -> float:
        return self.values / self.cpu_s


def run(settings: Settings) -> list[Row]:
    """Both, one after the other."""
    try:
        home = install()
    except NotInstalledError as exc:
        return [Row("beside Node-RED", f"not run: {exc}")]
    said = list(_all(200.0 if settings.quick else 2000.0))
    settings.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=settings.out) as place:
        theirs = _theirs(home, Path(place) / "red", said)
        ours = _ours(Path(place) / "ours", said)
    ratio = ours.rate / theirs.rate
    return [
        Row("values that were measured", theirs.values),
        Row(
            "a CPU second of the whole process",
            ours.rate,
            "values/s",
            theirs.rate,
            "Node-RED 4.1 to a server that only says 204",
            ratio,
            f">= {GOAL:.0f}x",
            ratio >= GOAL,
        ),
    ]


def _all(seconds: float) -> Iterator[Said]:
    """One strap of each edge, mixed by time."""
    made = [
        (frame.mono_us, edge, frame)
        for edge, name in enumerate(_EDGES)
        for frame in frames(Strap(name, gateway_kit.DEVICE, edge + 1), SECONDS, seconds)
    ]
    for _, edge, frame in sorted(made, key=lambda one: one[:2]):
        yield _said(edge, frame)


def _said(edge: int, frame: Frame) -> Said:
    channels = {by_code(c.metric).name: c.physical().tolist() for c in frame.channels}
    body = {"edge": _EDGES[edge], "device": frame.device, "stream": frame.stream}
    body |= {"t_us": frame.wall_us, "hz": frame.rate_hz, "channels": channels}
    lengths = [len(values) for values in channels.values()]
    return Said(
        edge, json.dumps(body).encode(), encode(Batch((frame,))), max(lengths), sum(lengths)
    )


def _theirs(home: Path, folder: Path, said: Sequence[Said]) -> Cost:
    folder.mkdir()
    with (
        gateway_kit.running_broker(folder / "broker", "mosquitto") as broker,
        sink() as (port, got),
    ):
        nodes = flow(broker.port, port, "vointi/1/+/+/+/d/+")
        who = ("gateway", gateway_kit.PASSWORDS["gateway"])
        with (
            running(home, folder / "user", nodes, *who) as pid,
            _edges(broker.port) as edges,
        ):
            _until_heard(edges, got)
            return _measured(edges, said, lambda s: s.text, lambda s: s.points, got, pid)


def _ours(folder: Path, said: Sequence[Said]) -> Cost:
    folder.mkdir()
    with gateway_kit.running_broker(folder / "broker", "mosquitto") as broker:
        config = gateway_kit.gateway_toml(folder, broker.port)
        with (
            gateway_kit.running_gateway(folder, config) as process,
            _edges(broker.port) as edges,
        ):
            process.connected()

            def stored() -> int:
                return process.counts()["stored"]

            assert process.child is not None
            return _measured(
                edges, said, lambda s: s.payload, lambda _: 1, stored, process.child.pid
            )


@contextmanager
def _edges(port: int) -> Iterator[list[gateway_kit.EdgeClient]]:
    with (
        gateway_kit.EdgeClient(port, _EDGES[0], _PILOTS[0]) as one,
        gateway_kit.EdgeClient(port, _EDGES[1], _PILOTS[1]) as other,
    ):
        yield [one, other]


def _until_heard(edges: Sequence[gateway_kit.EdgeClient], got: Callable[[], int]) -> None:
    """Say something until somebody listens."""
    word = {"edge": "x", "device": "x", "stream": "x", "t_us": 1, "hz": 0, "channels": {"x": [1]}}

    def heard() -> bool:
        edges[0].publish(edges[0].topics.live(gateway_kit.DEVICE), json.dumps(word).encode())
        return got() > 0

    gateway_kit.wait_for(heard, 60, 0.5)


def _measured(
    edges: Sequence[gateway_kit.EdgeClient],
    said: Sequence[Said],
    form: Callable[[Said], bytes],
    marks: Callable[[Said], int],
    got: Callable[[], int],
    pid: int,
) -> Cost:
    """Send everything; the cost of what came after the warm part. `marks`: what `got` counts."""
    warm = int(len(said) * WARM)
    _send(edges, said[:warm], form, marks, got)
    before_s = cpu_s(pid)
    _send(edges, said[warm:], form, marks, got)
    return Cost(cpu_s(pid) - before_s, sum(one.values for one in said[warm:]))


def _send(
    edges: Sequence[gateway_kit.EdgeClient],
    said: Sequence[Said],
    form: Callable[[Said], bytes],
    marks: Callable[[Said], int],
    got: Callable[[], int],
) -> None:
    due = got()
    for at in range(0, len(said), AHEAD):
        for one in said[at : at + AHEAD]:
            edge = edges[one.edge]
            edge.client.publish(edge.topics.live(gateway_kit.DEVICE), form(one), qos=1)
            due += marks(one)
        gateway_kit.wait_for(lambda: got() >= due, PATIENCE_S, _LOOK_S)  # noqa: B023 - called here
