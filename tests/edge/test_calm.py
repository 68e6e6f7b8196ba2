"""An edge sleeps in between: what it does at once, in step, or not at all."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable
from typing import cast

import numpy as np
import pytest
from edge_chain import TOPICS
from vointi_contract.frame import Channel, Quality
from vointi_edge import beat
from vointi_edge.clock import SystemClock
from vointi_edge.keeper import PolicyKeeper
from vointi_edge.keeping import Keeping
from vointi_edge.outbox.store import Entry
from vointi_edge.outbox.writer import OutboxWriter
from vointi_edge.reading import Reading
from vointi_edge.sources.ble.virtual.host import QuietHost
from vointi_edge.uplink.session import Broker, Session

ATT, NOTIFICATION, INDICATION = 4, 0x1B, 0x1D


@pytest.mark.parametrize(
    ("now_s", "period_s", "left_s"),
    [(100.25, 1.0, 0.75), (100.0, 1.0, 1.0), (100.99, 1.0, 1.01), (101.5, 2.0, 0.5)],
)
def test_a_beat_is_a_whole_multiple_for_everybody(
    now_s: float, period_s: float, left_s: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(beat.time, "monotonic", lambda: now_s)
    assert beat.until_beat(period_s) == pytest.approx(left_s)


class Offered:
    """A writer that notes what it was offered, and how often."""

    def __init__(self) -> None:
        self.groups: list[tuple[Entry, ...]] = []

    def offer(self, *entries: Entry) -> None:
        self.groups.append(entries)


class Agreed:
    def collects(self, device: str, stream: str, class_: str) -> bool:
        return stream != "secret"


def _reading(stream: str) -> Reading:
    channels = (Channel(1, np.array([1], np.int32)),)
    return Reading("strap-1", stream, 1, None, 0.0, None, channels, None, Quality.OK)


def _keeping(offered: Offered) -> Keeping:
    keeper, writer = cast(PolicyKeeper, Agreed()), cast(OutboxWriter, offered)
    return Keeping({}, keeper, SystemClock(), writer)


async def test_what_one_message_gave_goes_to_the_outbox_together() -> None:
    offered = Offered()
    keeping = _keeping(offered)
    for stream in ("ecg", "secret", "beats"):
        keeping.keep(_reading(stream))
    assert not offered.groups
    await asyncio.sleep(0)
    assert [[entry.stream for entry in group] for group in offered.groups] == [["ecg", "beats"]]
    keeping.keep(_reading("hr"))
    await asyncio.sleep(0)
    assert len(offered.groups) == 2


async def test_what_was_kept_can_be_had_at_once_and_only_once() -> None:
    """A new policy asks for it, so that nothing slips in behind what it erases."""
    offered = Offered()
    keeping = _keeping(offered)
    keeping.keep(_reading("ecg"))
    keeping.hand_over()
    await asyncio.sleep(0)
    assert [len(group) for group in offered.groups] == [1]


def _acl(
    value: bytes, *, opcode: int = NOTIFICATION, channel: int = ATT, flags: int = 0x2000,
    cut: int = 0,
) -> bytes:  # fmt: skip
    att = struct.pack("<BH", opcode, 42) + value
    pdu = struct.pack("<HH", len(att), channel) + att
    pdu = pdu[: len(pdu) - cut]
    return struct.pack("<BHH", 2, 7 | flags, len(pdu)) + pdu


def _report(address: str, event: int = 0x3E) -> bytes:
    body = bytes((2, 1, 0, 1, *reversed(bytes.fromhex(address.replace(":", ""))), 0, 0xC0))
    return bytes((4, event, len(body))) + body


@pytest.fixture
def went_on(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """What a host left to Bumble."""
    found: list[bytes] = []
    monkeypatch.setattr("bumble.host.Host.on_packet", lambda _host, packet: found.append(packet))
    return found


def _host(wanted: Callable[[str], bool] | None = None) -> QuietHost:
    host = QuietHost(wanted=wanted)
    host.ready = True
    return host


def test_a_whole_notification_goes_straight_to_its_taker(went_on: list[bytes]) -> None:
    host, taken = _host(), list[bytes]()
    host.take_notifications(7, 42, taken.append)
    host.on_packet(_acl(b"value"))
    host.on_packet(_acl(b""))
    assert taken == [b"value", b""]
    assert not went_on


@pytest.mark.parametrize(
    "packet",
    [
        _acl(b"value", opcode=INDICATION),
        _acl(b"value", channel=5),
        _acl(b"value", flags=0x1000),
        _acl(b"value", cut=2),
        _acl(b"value")[:9],
        _acl(b"value") + b"more",
    ],
)
def test_anything_else_is_left_to_bumble(packet: bytes, went_on: list[bytes]) -> None:
    host, taken = _host(), list[bytes]()
    host.take_notifications(7, 42, taken.append)
    host.on_packet(packet)
    assert (taken, went_on) == ([], [packet])


def test_nobody_is_told_after_the_end(went_on: list[bytes]) -> None:
    host, taken = _host(), list[bytes]()
    host.take_notifications(7, 42, taken.append)
    host.take_notifications(7, 43, taken.append)
    host.take_notifications(8, 42, taken.append)
    host.leave_notifications(7, 43)
    host.on_packet(_acl(b"one"))
    host.leave_notifications(7)
    host.on_packet(_acl(b"two"))
    assert (taken, went_on) == ([b"one"], [_acl(b"two")])


def test_of_strangers_one_advertisement_a_second_goes_on(
    went_on: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    now_s = 100.0
    monkeypatch.setattr("vointi_edge.sources.ble.virtual.host.time.monotonic", lambda: now_s)
    ours, theirs = _report("C0:DE:00:00:00:01"), _report("C0:DE:00:00:00:99")
    other = _report("C0:DE:00:00:00:99", event=0x0E)
    host = _host(lambda address: address == "C0:DE:00:00:00:01")
    for packet in (ours, theirs, theirs, ours, other):
        host.on_packet(packet)
    now_s = 101.0
    host.on_packet(theirs)
    assert went_on == [ours, theirs, ours, other, theirs]
    went_on.clear()
    for packet in (theirs, theirs):
        _host().on_packet(packet)
    assert went_on == [theirs, theirs]


@pytest.mark.network
async def test_what_a_full_line_does_not_take_goes_when_it_can() -> None:
    """40 messages of 64 KiB are more than two kernels hold."""
    reads, came = asyncio.Event(), bytearray()
    wanted = 40 * 65_536

    async def broker(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(10)
        writer.write(bytes((0x20, 2, 0, 0)))
        await reads.wait()
        while len(came) < wanted and (some := await reader.read(1 << 20)):
            came.extend(some)
        writer.close()

    server = await asyncio.start_server(broker, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    session = Session(
        Broker("127.0.0.1", port, "3.1.1", "home-1", None, None),
        (TOPICS.state, b"{}"), lambda topic, payload: None, lambda mid, reason: None, 100,
    )  # fmt: skip
    await session.open((TOPICS.ack,))
    for _ in range(40):
        assert session.publish(TOPICS.clk, bytes(65_536)) is not None
    assert session._client.want_write()
    reads.set()
    async with asyncio.timeout(60):
        await session.ended
    await session.abort()
    server.close()
    assert len(came) >= wanted
