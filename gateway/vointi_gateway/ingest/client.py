"""paho's client with fewer looks at the socket: each gives the interpreter away for a while."""

from __future__ import annotations

import ssl
from collections.abc import Iterable, Iterator
from typing import Any, Protocol

import paho.mqtt.client as paho
from paho.mqtt.enums import MQTTErrorCode
from paho.mqtt.matcher import MQTTMatcher

#: What one look at the socket takes at most: some hundred messages.
READ_BYTES = 65_536
#: Packets that are handled before what waits to be sent has its turn.
MOST_PACKETS = 256
#: A PUBACK without properties, the same in MQTT 3.1.1 and 5: its type, its length, the packet id.
_PUBACK = b"\x40\x02"


class _Socket(Protocol):
    def recv(self, buffer_size: int) -> bytes: ...

    def send(self, buffer: bytes | bytearray) -> int: ...

    def close(self) -> None: ...

    def fileno(self) -> int: ...

    def setblocking(self, flag: bool) -> None: ...


class BufferedSocket:
    """A socket that is read in large pieces and gives them out in small ones.

    Args:
        sock: connected.

    """

    def __init__(self, sock: _Socket) -> None:
        self._sock = sock
        self._held, self._at = b"", 0

    def recv(self, buffer_size: int) -> bytes:
        """At most so many bytes; empty at the end. Raises as the socket does."""
        if self._at == len(self._held):
            self._held, self._at = self._sock.recv(READ_BYTES), 0
        found = self._held[self._at : self._at + buffer_size]
        self._at += len(found)
        return found

    def pending(self) -> int:
        """Bytes that were read and not given out: nobody should wait for the socket then."""
        inside = self._sock.pending() if isinstance(self._sock, ssl.SSLSocket) else 0
        return len(self._held) - self._at + inside

    def send(self, buffer: bytes | bytearray) -> int:
        """As the socket."""
        return self._sock.send(buffer)

    def close(self) -> None:
        """As the socket."""
        self._sock.close()

    def fileno(self) -> int:
        """As the socket."""
        return self._sock.fileno()

    def setblocking(self, flag: bool) -> None:
        """As the socket."""
        self._sock.setblocking(flag)


class _Filters(MQTTMatcher):
    """Finds nothing where nothing is.

    paho's search calls itself by a name that it closes over, so each message leaves a ring of six
    objects: some 50 ms of the collector, with every thread at rest, for each 9,000 messages.
    """

    def iter_match(self, topic: str) -> Iterator[Any]:
        """What was added for the topic."""
        if not self._root._children:
            return
        yield from super().iter_match(topic)  # type: ignore[no-untyped-call]


class Client(paho.Client):
    """Reads a socketful of packets at once, and acknowledges many in one.

    paho asks the socket four times for each packet, and select in between; each acknowledgement
    wakes its thread. Some of what is overridden or called here is not public:
    tests/gateway/test_client.py says when a new version has others.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """As paho's."""
        super().__init__(*args, **kwargs)
        self._on_message_filtered = _Filters()  # type: ignore[no-untyped-call]

    def _create_socket(self) -> BufferedSocket:
        return BufferedSocket(super()._create_socket())

    def loop_read(self, max_packets: int = 1) -> MQTTErrorCode:
        """As paho's, and whatever else has been read."""
        done = super().loop_read(max_packets)
        for _ in range(MOST_PACKETS):
            sock = self._sock
            if done or not isinstance(sock, BufferedSocket) or not sock.pending():
                break
            done = super().loop_read(max_packets)
        return done

    def ack_all(self, mids: Iterable[int]) -> None:
        """Acknowledge these QoS 1 messages of the connection at hand."""
        packets = b"".join(_PUBACK + mid.to_bytes(2, "big") for mid in mids)
        if packets:
            self._packet_queue(paho.PUBACK, packets, 0, 1)
