"""The gateway's MQTT client: many packets with one look at the socket, many acks with one."""

from __future__ import annotations

import gc

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from vointi_gateway.ingest.client import READ_BYTES, BufferedSocket, Client


class Pipe:
    """A socket that gives what it is told to, a piece at each look."""

    def __init__(self, *pieces: bytes) -> None:
        self.pieces, self.looks = list(pieces), 0
        self.sent: list[bytes] = []
        self.closed = False

    def recv(self, buffer_size: int) -> bytes:
        assert buffer_size == READ_BYTES
        self.looks += 1
        if not self.pieces:
            raise BlockingIOError
        return self.pieces.pop(0)

    def send(self, buffer: bytes | bytearray) -> int:
        self.sent.append(bytes(buffer))
        return len(buffer)

    def close(self) -> None:
        self.closed = True

    def fileno(self) -> int:
        return -1

    def setblocking(self, flag: bool) -> None:
        assert not flag


def _publish(mid: int, body: bytes) -> bytes:
    topic = b"vointi/1/p/0/e/d/x"
    rest = len(topic).to_bytes(2, "big") + topic + mid.to_bytes(2, "big") + body
    assert len(rest) < 128
    return bytes([0x32, len(rest)]) + rest


@pytest.fixture
def client() -> Client:
    return Client(CallbackAPIVersion.VERSION2, client_id="c", clean_session=False, manual_ack=True)


def _connect(
    client: Client, monkeypatch: pytest.MonkeyPatch, pipe: Pipe
) -> list[tuple[int, bytes]]:
    """As if connected by the pipe; what arrives."""
    monkeypatch.setattr(paho.Client, "_create_socket", lambda _client: pipe)
    client._sock = client._create_socket()
    got: list[tuple[int, bytes]] = []
    client.on_message = lambda _client, _data, message: got.append((message.mid, message.payload))
    return got


def test_one_look_gives_every_packet(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = b"".join(_publish(mid, b"x" * mid) for mid in range(1, 31))
    pipe = Pipe(stream[:700], stream[700:])
    got = _connect(client, monkeypatch, pipe)
    assert client.loop_read() == MQTTErrorCode.MQTT_ERR_SUCCESS
    assert got == [(mid, b"x" * mid) for mid in range(1, 31)]
    assert pipe.looks == 2
    assert client.loop_read() == MQTTErrorCode.MQTT_ERR_SUCCESS
    assert (len(got), pipe.looks) == (30, 3)


def test_the_end_of_the_connection_is_seen(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    got = _connect(client, monkeypatch, Pipe(_publish(1, b"a") + _publish(2, b"b")[:9], b""))
    assert client.loop_read() == MQTTErrorCode.MQTT_ERR_CONN_LOST
    assert [mid for mid, _ in got] == [1]
    assert client._sock is None


def test_many_acks_are_one_write(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    pipe = Pipe()
    _connect(client, monkeypatch, pipe)
    client.ack_all([])
    assert pipe.sent == []
    client.ack_all([1, 258, 65535])
    client.loop_write()
    assert pipe.sent == [bytes.fromhex("40020001 40020102 4002ffff")]


def test_what_was_read_is_pending() -> None:
    pipe = Pipe(b"abcdef", b"g")
    sock = BufferedSocket(pipe)
    assert (sock.pending(), sock.recv(2), sock.pending()) == (0, b"ab", 4)
    assert (sock.recv(100), sock.pending(), sock.recv(1)) == (b"cdef", 0, b"g")
    with pytest.raises(BlockingIOError):
        sock.recv(1)
    sock.close()
    assert pipe.closed


def test_messages_leave_nothing_to_the_collector(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its passes stop every thread, the longer the more is left to it."""
    _connect(client, monkeypatch, Pipe(b"".join(_publish(mid, b"x") for mid in range(1, 101))))
    gc.collect()
    gc.disable()
    try:
        client.loop_read()
        assert gc.collect() < 100
    finally:
        gc.enable()


def test_a_callback_for_a_topic_is_called(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    got = _connect(client, monkeypatch, Pipe(_publish(1, b"x")))
    apart: list[bytes] = []
    client.message_callback_add(
        "vointi/+/p/#", lambda _c, _d, message: apart.append(message.payload)
    )
    client.loop_read()
    assert (apart, got) == ([b"x"], [])
