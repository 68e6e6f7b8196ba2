"""Frames of many messages as columns: headers, channels and samples in three kinds of memory.

Waveform samples and single values are kept apart, because a store keeps them apart. A message is
taken whole or declined whole: after a decline nothing of it is left.
"""

from libc.math cimport rint
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free
from libc.string cimport memcpy, memset

from typing import NamedTuple

import numpy as np

cdef extern from "_wire.h" nogil:
    ctypedef struct Span:
        const uint8_t *at
        const uint8_t *end
    ctypedef struct FrameRow:
        uint64_t boot
        int64_t seq, mono_us, wall_us, uncertainty_us, dev_ts_ns
        double rate_hz
        int32_t layout, first_channel, channels, first_offset, offsets
        uint32_t quality
        uint8_t clock, has_wall, has_dev
        uint8_t spare[5]
    ctypedef struct ChannelRow:
        double scale, offset
        int64_t vsum
        int32_t frame, slot
        uint32_t metric
        int32_t start, n, vmin, vmax, wave
    ctypedef struct Buffer:
        char *data
        size_t used, room
    int wire_buffer_reserve(Buffer *, size_t)
    int wire_read_varint(Span *, uint64_t *)
    int wire_read_u32(Span *, uint32_t *)
    int wire_read_s64(Span *, int64_t *)
    int wire_read_u64(Span *, uint64_t *)
    int wire_read_double(Span *, double *)
    int wire_read_piece(Span *, Span *)
    int wire_is_id(const Span *)
    int wire_same(const Span *, const char *, size_t)
    int wire_step(int64_t *, int64_t)
    int wire_read_deltas(Span, int32_t *, ChannelRow *)
    int wire_read_offsets(Span, int64_t *, int64_t, int32_t *)
    int wire_whole_frame(const uint8_t *, size_t)

cdef extern from "_packed.h" nogil:
    ctypedef struct Before:
        Span stream
        bint has_device
        uint64_t boot
        uint32_t clock
        uint64_t uncertainty_us
        int64_t seq, mono_us, wall_offset_us, dev_ts_ns, dev_mono_us
    int64_t PACKED_WALL_US
    int HAS_OFFSETS, PACKED_STREAMS, PACKED_SCALES
    const char *const *packed_streams
    const double *packed_scales
    int packed_byte(Span *, uint8_t *)
    int packed_header(
        Span *, Before *, FrameRow *, uint64_t *, const char *, size_t, uint8_t *
    )
    int packed_count(Span *, uint64_t, uint64_t, uint32_t *)
    int packed_offsets(Span *, uint32_t, int64_t *, int64_t)
    int packed_channel(Span *, double, ChannelRow *, uint8_t *, uint8_t *)
    int packed_values(Span *, uint8_t, uint8_t, int32_t, int32_t *, ChannelRow *)

cdef enum:
    # Those of vointi_contract.checks; a test holds the two together.
    MOST_FRAMES = 4096
    MOST_CHANNELS = 32
    MOST_VALUES = 65536
    SCHEMA = 1
    # Protobuf's wire types.
    VARINT = 0
    FIXED64 = 1
    LENGTH = 2

cdef int64_t MOST_US = (1LL << 53) - 1
cdef int64_t MOST_DEV_NS = (1LL << 62) - 1
cdef uint64_t MOST_UHZ = 1000000000000ULL

# For the test that holds these and the contract's together.
LIMITS = {
    "frames": MOST_FRAMES, "channels": MOST_CHANNELS, "values": MOST_VALUES, "schema": SCHEMA,
    "us": MOST_US, "dev_ns": MOST_DEV_NS, "uhz": MOST_UHZ,
}
# For the test that holds the tables of the packed format together.
STREAMS = tuple([packed_streams[i].decode("ascii") for i in range(PACKED_STREAMS)])
SCALES = tuple([packed_scales[i] for i in range(PACKED_SCALES)])
FRAME = np.dtype(
    [
        ("boot", "u8"), ("seq", "i8"), ("mono_us", "i8"), ("wall_us", "i8"),
        ("uncertainty_us", "i8"), ("dev_ts_ns", "i8"), ("rate_hz", "f8"), ("layout", "i4"),
        ("first_channel", "i4"), ("channels", "i4"), ("first_offset", "i4"), ("offsets", "i4"),
        ("quality", "u4"), ("clock", "u1"), ("has_wall", "u1"), ("has_dev", "u1"), ("spare", "V5"),
    ]
)
CHANNEL = np.dtype(
    [
        ("scale", "f8"), ("offset", "f8"), ("vsum", "i8"), ("frame", "i4"), ("slot", "i4"),
        ("metric", "u4"), ("start", "i4"), ("n", "i4"), ("vmin", "i4"), ("vmax", "i4"),
        ("wave", "i4"),
    ]
)
assert FRAME.itemsize == sizeof(FrameRow) and CHANNEL.itemsize == sizeof(ChannelRow)


class Taken(NamedTuple):
    """What was collected; a channel's samples are in `waves` or `points`, from `start` on."""

    frames: object
    channels: object
    waves: object
    points: object
    offsets: object
    layouts: list


def whole_blocks(bytes payload not None, Py_ssize_t start=0):
    """Whether a magicless zstd frame from `start` on states no size and ends with the bytes."""
    cdef const char *data = payload
    if not 0 <= start < len(payload):
        return False
    return bool(wire_whole_frame(<const uint8_t *>data + start, len(payload) - start))


include "_held.pxi"
include "_protobuf.pxi"
include "_packed.pxi"


cdef class FrameColumns(PackedReader):
    """Collects frames until they are taken.

    Args:
        low: by metric code the least value allowed, NaN where no metric has the code.
        high: the largest.
        wave: 1 where the metric is a waveform.
    """

    def __init__(self, low, high, wave):
        self._low = np.array(low, np.float64)
        self._high = np.array(high, np.float64)
        self._wave = np.array(wave, np.uint8)
        if not self._low.shape[0] == self._high.shape[0] == self._wave.shape[0]:
            raise ValueError("low, high, wave: give one entry for each metric code")
        self._known = {}
        self._layouts = []
        self._note()

    def __dealloc__(self):
        free(self._frames.data)
        free(self._channels.data)
        free(self._waves.data)
        free(self._points.data)
        free(self._offsets.data)

    def __len__(self):
        return self._frames.used // sizeof(FrameRow)

    @property
    def samples(self):
        """How many samples are held."""
        return (self._waves.used + self._points.used) // sizeof(int32_t)

    def limits(self, int64_t earliest_us, int64_t latest_us, int64_t longest_us):
        """Decline wall times outside these, and frames that last longer."""
        self._earliest_us, self._latest_us = earliest_us, latest_us
        self._longest_us = longest_us

    def add(
        self, bytes message not None, int32_t owner, bytes device not None, int64_t now_us,
        bint packed=False,
    ):
        """Take the frames of a batch that `owner` sent on the topic of `device`.

        The batch is uncompressed Protobuf, or with `packed` a whole payload of format 0x02.

        Returns (frames, runs, layouts, first µs, last µs): runs of sequence numbers as (boot,
        first, last) in the message's order, the numbers of the layouts that occur, and the times
        between which the frames were made (`now_us` for one without a wall time). None: declined.
        """
        cdef const char *data = message
        cdef Span rest
        rest.at = <const uint8_t *>data
        rest.end = rest.at + len(message)
        self._note()
        self._device, self._device_length = device, len(device)
        self._owner = owner
        memset(&self._before, 0, sizeof(Before))
        if (self._packed(rest) if packed else self._batch(rest)) or not self._grown():
            self.undo()
            return None
        return self._summary(now_us)

    def layout(self, Py_ssize_t number):
        """What a number of a layout stands for: (owner, stream, metrics)."""
        return self._layouts[number]

    def undo(self):
        """Forget what the last `add` took."""
        self._frames.used, self._channels.used = self._mark[0], self._mark[1]
        self._waves.used, self._points.used = self._mark[2], self._mark[3]
        self._offsets.used = self._mark[4]

    def take(self):
        """Hand everything over and begin anew."""
        taken = Taken(
            _rows(&self._frames, FRAME), _rows(&self._channels, CHANNEL),
            _rows(&self._waves, np.dtype(np.int32)), _rows(&self._points, np.dtype(np.int32)),
            _rows(&self._offsets, np.dtype(np.int64)), self._layouts,
        )
        self._known, self._layouts = {}, []
        self._note()
        return taken

    cdef void _note(self):
        self._mark[0], self._mark[1] = self._frames.used, self._channels.used
        self._mark[2], self._mark[3] = self._waves.used, self._points.used
        self._mark[4] = self._offsets.used

    cdef bint _grown(self) noexcept nogil:
        return self._frames.used > self._mark[0]

    cdef tuple _summary(self, int64_t now_us):
        cdef FrameRow *rows = <FrameRow *>(self._frames.data + self._mark[0])
        cdef Py_ssize_t count = (self._frames.used - self._mark[0]) // sizeof(FrameRow)
        cdef int64_t first_us = MOST_US, last_us = 0, at_us
        cdef Py_ssize_t i, begin = 0
        cdef list runs = [], layouts = []
        for i in range(count):
            at_us = rows[i].wall_us if rows[i].has_wall else now_us
            first_us, last_us = min(first_us, at_us), max(last_us, at_us)
            if i and (rows[i].boot != rows[i - 1].boot or rows[i].seq != rows[i - 1].seq + 1):
                runs.append((rows[begin].boot, rows[begin].seq, rows[i - 1].seq))
                begin = i
            if i == 0 or rows[i].layout != rows[i - 1].layout:
                if rows[i].layout not in layouts:
                    layouts.append(rows[i].layout)
        runs.append((rows[begin].boot, rows[begin].seq, rows[count - 1].seq))
        return count, runs, layouts, first_us, last_us


cdef object _rows(Buffer *buffer, object dtype):
    """A copy of what a buffer holds; the buffer is empty afterwards and keeps its memory."""
    made = np.frombuffer(buffer.data[:buffer.used], dtype)
    buffer.used = 0
    return made


cdef inline int _once(uint32_t *seen, uint64_t tag) noexcept nogil:
    """-1 where the field came before: of two, Protobuf takes the last, and no encoder sends two."""
    cdef uint32_t bit = <uint32_t>1 << (tag >> 3 & 31)
    if seen[0] & bit:
        return -1
    seen[0] |= bit
    return 0
