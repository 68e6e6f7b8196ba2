"""The uplink against a real broker: lanes, losses, refusals, and a broker that goes away."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from edge_chain import TOPICS, Gateway, Process, broker, free_port, mosquitto, start_listening
from uplink_kit import BOOT, Kept, made, until
from vointi_contract.codec import FORMAT_PACKED, FORMAT_ZSTD_V1, decode, pack
from vointi_contract.frame import Batch, Loss
from vointi_edge.outbox.store import Row
from vointi_edge.uplink.session import Broker, Session, SessionError, WindowError
from vointi_edge.uplink.uplink import Uplink

pytestmark = [
    pytest.mark.network,
    pytest.mark.skipif(mosquitto() is None, reason="no mosquitto: apt-get install mosquitto"),
]


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def running_broker(tmp_path: Path, port: int) -> Iterator[Process]:
    process = broker(tmp_path, port)
    yield process
    process.kill()


@pytest.fixture
def gateway(running_broker: Process, port: int, protocol: str) -> Iterator[Gateway]:
    gateway = Gateway(port, protocol)
    yield gateway
    gateway.close()


@pytest.fixture(params=["3.1.1", "5"])
def protocol(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
async def uplink(gateway: Gateway, port: int, protocol: str) -> AsyncIterator[tuple[Uplink, Kept]]:
    kept = Kept()
    kept.add(40)
    kept.lost.append(Loss("strap-1", BOOT, 900, 905, "outbox full"))
    uplink = made(kept, port, protocol)
    task = asyncio.create_task(uplink.run())
    yield uplink, kept
    await uplink.stop()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_live_comes_at_once_and_the_backlog_in_bundles(
    uplink: tuple[Uplink, Kept], gateway: Gateway
) -> None:
    link, kept = uplink
    await until(lambda: link.connected)
    link.offer_live(kept.add(3))
    await until(lambda: len(gateway.frames) == 43)
    assert gateway.lanes["d"] == 3
    assert gateway.lanes["b"] == 40
    assert gateway.seqs("strap-1", BOOT) == list(range(1, 44))
    await until(lambda: kept.marks and kept.marks[0].upto >= 43)
    assert gateway.losses[0] == Loss("strap-1", BOOT, 900, 905, "outbox full")


async def test_waveforms_of_a_device_share_a_message(
    uplink: tuple[Uplink, Kept], gateway: Gateway
) -> None:
    link, kept = uplink
    await until(lambda: len(gateway.frames) == 40)
    await until(lambda: kept.marks and kept.marks[0].upto >= 40)
    link.offer_live([replace(row, class_="waveform") for row in kept.add(3)])
    await until(lambda: len(gateway.frames) == 43)
    (live,) = [message for message in gateway.messages if message.lane == "d"]
    assert (live.payload[0], live.frames) == (FORMAT_PACKED, 3)


async def test_an_older_gateway_is_sent_what_it_reads(
    uplink: tuple[Uplink, Kept], gateway: Gateway
) -> None:
    gateway.reads = 0  # it says nothing of formats
    link, kept = uplink
    await until(lambda: len(gateway.frames) == 40)
    sealed = Batch((replace(decode(kept.rows[0].payload).frames[0], seq=41),))
    row = Row(41, "strap-1", BOOT, 41, pack(sealed, "strap-1"))
    kept.rows.append(row)
    link.offer_live([row])
    await until(lambda: len(gateway.frames) == 41)
    assert {message.payload[0] for message in gateway.messages} == {FORMAT_ZSTD_V1}


async def test_a_broker_that_dies_is_found_again_and_nothing_is_missing(
    uplink: tuple[Uplink, Kept], gateway: Gateway, running_broker: Process, port: int
) -> None:
    link, kept = uplink
    await until(lambda: len(gateway.frames) == 40)
    running_broker.kill()
    await until(lambda: not link.connected)
    link.offer_live(kept.add(30))  # nobody listens: they wait in the outbox
    await asyncio.get_running_loop().run_in_executor(None, start_listening, running_broker, port)
    await until(lambda: len(gateway.frames) == 70)
    assert gateway.states[-1]["online"] is True


async def test_stop_leaves_the_offline_state_behind(
    uplink: tuple[Uplink, Kept], gateway: Gateway
) -> None:
    link, _ = uplink
    await until(lambda: gateway.births and link.connected)
    await link.stop()
    await until(lambda: gateway.states[-1]["online"] is False)


async def test_no_broker_is_one_line_and_nothing_else_stops(
    port: int, caplog: pytest.LogCaptureFixture
) -> None:
    link = made(Kept(), port, "3.1.1")
    with caplog.at_level(logging.INFO):
        task = asyncio.create_task(link.run())
        await asyncio.sleep(2.5)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    (line,) = [record.getMessage() for record in caplog.records if record.name.endswith("uplink")]
    assert line.startswith(f"uplink: no broker at 127.0.0.1:{port} (Connection refused)")


def session(port: int, protocol: str, window: int = 20) -> Session:
    return Session(
        Broker("127.0.0.1", port, protocol, "home-1", "home-1", "wrong"),
        (TOPICS.state, b"{}"), lambda topic, payload: None, lambda mid, reason: None, window,
    )  # fmt: skip


async def test_a_refusal_is_told_in_words(tmp_path: Path, port: int, protocol: str) -> None:
    config = tmp_path / "closed.conf"
    config.write_text(f"listener {port} 127.0.0.1\nallow_anonymous false\n")
    closed = Process("broker", [mosquitto() or "", "-c", str(config)], tmp_path / "closed.log")
    start_listening(closed, port)
    try:
        with pytest.raises(SessionError, match=r"broker refuses: .*[Nn]ot authori"):
            await session(port, protocol).open((TOPICS.ack,))
    finally:
        closed.kill()


async def test_a_small_receive_maximum_of_the_broker_is_kept(tmp_path: Path, port: int) -> None:
    config = tmp_path / "small.conf"
    config.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\nmax_inflight_messages 5\n")
    small = Process("broker", [mosquitto() or "", "-c", str(config)], tmp_path / "small.log")
    start_listening(small, port)
    try:
        with pytest.raises(WindowError) as caught:
            await session(port, "5").open((TOPICS.ack,))
        assert caught.value.allowed == 5
        fitting = session(port, "5", window=5)
        await fitting.open((TOPICS.ack,))
        await fitting.close()
        assert fitting.ended.done()
    finally:
        small.kill()


async def test_a_broker_that_says_nothing_is_given_up(port: int) -> None:
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", port))
        deaf.listen()
        with pytest.raises(SessionError, match="no answer to CONNECT"):
            await session(port, "3.1.1").open((TOPICS.ack,))


async def test_an_exception_in_a_callback_does_not_deafen_the_session(
    running_broker: Process, port: int, protocol: str
) -> None:
    """paho's thread dies of one, unless told otherwise, and claims to be connected."""
    acked: list[int] = []
    one = Session(
        Broker("127.0.0.1", port, protocol, "home-1", None, None),
        (TOPICS.state, b"{}"), lambda topic, payload: None, lambda mid, reason: acked.append(mid),
    )  # fmt: skip
    await one.open((TOPICS.ack,))

    def fail(*_: object) -> None:
        raise RuntimeError("on purpose")

    real, one._client.on_publish = one._client.on_publish, fail
    one.publish(TOPICS.clk, b"1")
    await asyncio.sleep(0.3)
    one._client.on_publish = real
    mid = one.publish(TOPICS.clk, b"2")
    await until(lambda: mid in acked, 5)
    await one.close()
