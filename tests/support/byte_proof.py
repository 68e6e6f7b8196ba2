"""What the raw samples of straps come to on the line, in bytes a value, each charged its share."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from edge_chain import Message
from fed_home import FedHome
from vointi_contract.codec import FORMAT_PACKED, decode, pack
from vointi_contract.frame import Batch, ClockState, Frame
from vointi_edge.keeping import _frame
from vointi_edge.outbox.store import Row
from vointi_edge.uplink.bundle import Bundle, bundles
from vointi_edge.uplink.live import LiveLane

WAVEFORMS = ("ecg", "acc")
# What the lane packs on a usual line; on 1 Mbit/s it is a third of that, on a quick one more.
_BUNDLE_BYTES = 16 * 1024
_STRAP = "strap-1"
_BOOT = 0x5AFE_C0DE_0DD5_EED5
_ORIGIN_US, _WALL_US = 10**12, 1_780_272_000_000_000


@dataclass(frozen=True)
class Size:
    """Bytes for each value of raw ECG and acceleration.

    `live` as it comes live; `live_all` with everything else that a strap says charged to them,
    too; `bundled` in a backlog's messages.
    """

    live: float
    live_all: float
    bundled: float

    @classmethod
    def of(cls, messages: Sequence[Message], frames: Sequence[Frame]) -> Size:
        """Of messages of the live topics, and of the same frames in bundles."""
        return cls(_live(messages), _straps(messages), _bundled(frames))


def simulated(seeds: Sequence[int], seconds: float) -> Size:
    """Straps of people who sit, walk and rest so long, through the edge's own live lane.

    No radio and no broker: what a day's mean is, whatever people do in the minutes of another run.
    """
    messages, frames = [], []
    for seed in seeds:
        said = list(_said(seed, seconds))
        frames += [frame for _, frame in said]
        messages += _sent(said)
    return Size.of(messages, frames)


def _said(seed: int, seconds: float) -> Iterator[tuple[float, Frame]]:
    home, seq = FedHome(seed, _ORIGIN_US, _WALL_US - _ORIGIN_US), 0
    for at_s, make in home.since(0.0):
        if at_s > seconds:
            return
        reading = make(_ORIGIN_US + round(at_s * 1e6))
        if reading.device == _STRAP:
            seq += 1
            yield at_s, _frame(reading, _BOOT + seed, seq, ClockState.SYSTEM, 1000)


def _sent(said: Sequence[tuple[float, Frame]]) -> list[Message]:
    lane, groups = LiveLane(), []
    for at_s, frame in said:
        while (due_s := lane.next_s()) is not None and due_s <= at_s:
            groups += lane.due(due_s)
        class_ = "waveform" if frame.stream in WAVEFORMS else "scalar"
        payload = pack(Batch((frame,)), _STRAP)
        groups += lane.offer([Row(frame.seq, _STRAP, frame.boot, frame.seq, payload, class_)], at_s)
    return [_message([row.payload for row in group]) for group in groups]


def _message(rows: Sequence[bytes]) -> Message:
    payload = Bundle(_STRAP, tuple(rows)).payload(FORMAT_PACKED)
    return Message("d", _STRAP, payload, len(rows))


def _live(messages: Sequence[Message]) -> float:
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


def _straps(messages: Sequence[Message]) -> float:
    """The same with everything else that a strap says charged to its raw values, too."""
    own = [message for message in messages if message.device.startswith("strap")]
    frames = [frame for m in own for frame in decode(m.payload, m.device).frames]
    raw = sum(_values(frame) for frame in frames if frame.stream in WAVEFORMS)
    return sum(len(message.payload) for message in own) / raw


def _bundled(frames: Sequence[Frame]) -> float:
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
