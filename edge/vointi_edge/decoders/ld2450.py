"""Hi-Link LD2450 radar: up to three moving people ("Serial communication protocol", V1.03, 2.3).

Ten frames a second: AA FF 03 00, three targets of 8 bytes (x, y in mm and speed in cm/s with the
highest bit for plus, size of a distance gate in mm; all 0 = no target), 55 CC. There is no
checksum: a target outside of what the radar can see marks the frame as damaged.
"""

from __future__ import annotations

import struct
from collections import deque
from statistics import median_low

from vointi_edge.decoders.values import Decoded, channel
from vointi_edge.errors import DecodeError

HEAD, TAIL = b"\xaa\xff\x03\x00", b"\x55\xcc"
FRAME_BYTES = 30
_TARGET = struct.Struct("<4H")
# The data sheet's range is 6 m within ±60°; targets at its edge jump about by some decimetres.
_FARTHEST_MM = 8_000
_FASTEST_CM_S = 1_000
# A still person vanishes from single frames: one and a half seconds of frames vote.
_VOTES = 15


class FrameFinder:
    """Finds frames in a stream of bytes; what is between them is noise and counted."""

    def __init__(self) -> None:
        self._rest = b""
        self.noise_bytes = 0

    def push(self, data: bytes) -> list[bytes]:
        """Take bytes; return the whole frames in them."""
        frames = []
        data = self._rest + data
        at = 0
        while True:
            head = data.find(HEAD, at)
            if head < 0 or len(data) - head < FRAME_BYTES:
                break
            self.noise_bytes += head - at
            frame = data[head : head + FRAME_BYTES]
            good = frame.endswith(TAIL)
            if good:
                frames.append(frame)
            at = head + (FRAME_BYTES if good else 1)
            self.noise_bytes += not good
        keep = at if head < 0 else head
        if head < 0:  # the beginning of a head may be at the end
            keep = max(at, len(data) - len(HEAD) + 1)
        self.noise_bytes += keep - at
        self._rest = data[keep:]
        return frames


def target_count(frame: bytes) -> int:
    """Return how many people a frame shows (0 to 3); DecodeError when it is damaged."""
    count = 0
    for n in range(3):
        x, y, speed, gate = _TARGET.unpack_from(frame, len(HEAD) + n * _TARGET.size)
        if not (x or y or speed or gate):
            continue
        far = max(abs(_signed(x)), abs(_signed(y)))
        if far > _FARTHEST_MM or abs(_signed(speed)) > _FASTEST_CM_S:
            raise DecodeError("radar frame", f"target {n + 1} is {far} mm away; a byte was damaged")
        count += 1
    return count


class PresenceVote:
    """How many people are there: the median of the last frames."""

    def __init__(self) -> None:
        self._counts: deque[int] = deque(maxlen=_VOTES)

    def push(self, count: int) -> Decoded | None:
        """Take a frame's count; return people_present [1] once enough frames have voted."""
        self._counts.append(count)
        if len(self._counts) < _VOTES:
            return None
        return Decoded((channel("people_present", [median_low(self._counts)]),))


def _signed(value: int) -> int:
    return value - 0x8000 if value & 0x8000 else -value
