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


cdef struct Header:
    Span stream
    Span offsets
    Span channels[MOST_CHANNELS]
    int count
    uint64_t rate_uhz
    int64_t wall_step, dev_step
    bint has_device, has_offsets


cdef struct Before:
    Span stream
    bint has_device
    uint64_t boot
    uint32_t clock
    uint64_t uncertainty_us
    int64_t seq, mono_us, wall_offset_us, dev_ts_ns


cdef class FrameColumns:
    """Collects frames until they are taken.

    Args:
        low: by metric code the least value allowed, NaN where no metric has the code.
        high: the largest.
        wave: 1 where the metric is a waveform.
    """

    cdef Buffer _frames, _channels, _waves, _points, _offsets
    cdef size_t _mark[5]
    cdef double[::1] _low, _high
    cdef uint8_t[::1] _wave
    cdef dict _known
    cdef list _layouts
    cdef Before _before
    cdef Header _header
    cdef const char *_device
    cdef size_t _device_length
    cdef int32_t _owner
    cdef int64_t _earliest_us, _latest_us, _longest_us

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

    def add(self, bytes message not None, int32_t owner, bytes device not None, int64_t now_us):
        """Take the frames of an uncompressed batch that `owner` sent on the topic of `device`.

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
        if self._batch(rest) or self._frames.used == self._mark[0]:
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

    cdef int _batch(self, Span rest) except -2:
        cdef uint64_t tag, schema = 0
        cdef Span piece
        cdef int frames = 0
        while rest.at < rest.end:
            if wire_read_varint(&rest, &tag):
                return -1
            if tag == (1 << 3 | VARINT):
                if schema or wire_read_varint(&rest, &schema):
                    return -1
            elif tag == (2 << 3 | LENGTH):
                frames += 1
                if frames > MOST_FRAMES or wire_read_piece(&rest, &piece) or self._frame(piece):
                    return -1
            else:
                return -1
        return 0 if schema == SCHEMA else -1

    cdef int _frame(self, Span rest) except -2:
        cdef Header *h = &self._header
        cdef FrameRow row
        cdef int i
        memset(&row, 0, sizeof(FrameRow))
        if self._read_header(rest, &row) or self._check_header(&row):
            return -1
        row.first_channel = <int32_t>(self._channels.used // sizeof(ChannelRow))
        row.channels = h.count
        if self._read_offsets(&row):
            return -1
        for i in range(h.count):
            if self._channel(h.channels[i], &row, i):
                return -1
        if self._check_layout(&row):
            return -1
        row.layout = self._layout(&row)
        if wire_buffer_reserve(&self._frames, sizeof(FrameRow)):
            raise MemoryError
        memcpy(self._frames.data + self._frames.used, &row, sizeof(FrameRow))
        self._frames.used += sizeof(FrameRow)
        return 0

    cdef int _read_header(self, Span rest, FrameRow *row) noexcept nogil:
        cdef Header *h = &self._header
        cdef Before *b = &self._before
        cdef uint64_t tag, value
        cdef int64_t number
        cdef uint32_t seen = 0
        cdef Span piece
        h.count = 0
        h.rate_uhz = 0
        h.has_offsets = False
        while rest.at < rest.end:
            if wire_read_varint(&rest, &tag):
                return -1
            if tag != (11 << 3 | LENGTH) and _once(&seen, tag):
                return -1
            if tag == (11 << 3 | LENGTH):
                if h.count == MOST_CHANNELS or wire_read_piece(&rest, &h.channels[h.count]):
                    return -1
                h.count += 1
            elif tag == (6 << 3 | VARINT):
                if wire_read_s64(&rest, &number) or wire_step(&b.seq, number):
                    return -1
            elif tag == (7 << 3 | VARINT):
                if wire_read_s64(&rest, &number) or wire_step(&b.mono_us, number):
                    return -1
            elif tag == (8 << 3 | VARINT):
                if wire_read_s64(&rest, &number) or wire_step(&b.wall_offset_us, number):
                    return -1
                row.has_wall = 1
            elif tag == (9 << 3 | VARINT):
                if wire_read_s64(&rest, &number) or wire_step(&b.dev_ts_ns, number):
                    return -1
                row.has_dev = 1
            elif tag == (10 << 3 | VARINT):
                if wire_read_varint(&rest, &h.rate_uhz):
                    return -1
            elif tag == (13 << 3 | VARINT):
                if wire_read_u32(&rest, &row.quality):
                    return -1
            elif tag == (1 << 3 | LENGTH):
                if wire_read_piece(&rest, &piece):
                    return -1
                if piece.at < piece.end:
                    if not wire_same(&piece, self._device, self._device_length):
                        return -1
                    b.has_device = True
            elif tag == (2 << 3 | LENGTH):
                if wire_read_piece(&rest, &piece):
                    return -1
                if piece.at < piece.end:
                    if not wire_is_id(&piece):
                        return -1
                    b.stream = piece
            elif tag == (3 << 3 | VARINT):
                if wire_read_u32(&rest, &b.clock):
                    return -1
            elif tag == (4 << 3 | VARINT):
                if wire_read_varint(&rest, &b.uncertainty_us):
                    return -1
            elif tag == (5 << 3 | FIXED64):
                if wire_read_u64(&rest, &value):
                    return -1
                b.boot = value or b.boot
            elif tag == (12 << 3 | LENGTH):
                if wire_read_piece(&rest, &h.offsets):
                    return -1
                h.has_offsets = h.offsets.at < h.offsets.end
            else:
                return -1
        return 0

    cdef int _check_header(self, FrameRow *row) noexcept nogil:
        cdef Before *b = &self._before
        cdef int64_t wall_us = b.mono_us
        row.boot, row.seq, row.mono_us = b.boot, b.seq, b.mono_us
        row.clock = <uint8_t>b.clock
        row.uncertainty_us = <int64_t>b.uncertainty_us
        row.rate_hz = <double>self._header.rate_uhz / 1e6
        if not (b.has_device and b.stream.at and b.boot and b.seq > 0 and b.clock <= 3):
            return -1
        if b.mono_us < 0 or b.mono_us > MOST_US or b.uncertainty_us > <uint64_t>MOST_US:
            return -1
        if not self._header.count or self._header.rate_uhz > MOST_UHZ:
            return -1
        if row.has_wall:
            if wire_step(&wall_us, b.wall_offset_us) or wall_us < 0 or wall_us > MOST_US:
                return -1
            if wall_us < self._earliest_us or wall_us > self._latest_us:
                return -1
            row.wall_us = wall_us
        if row.has_dev:
            if b.dev_ts_ns > MOST_DEV_NS or b.dev_ts_ns < -MOST_DEV_NS:
                return -1
            row.dev_ts_ns = b.dev_ts_ns
        return 0

    cdef int _read_offsets(self, FrameRow *row) except -2:
        cdef Span piece = self._header.offsets
        row.first_offset = <int32_t>(self._offsets.used // sizeof(int64_t))
        if not self._header.has_offsets:
            return 0
        if self._header.rate_uhz:
            return -1
        if wire_buffer_reserve(&self._offsets, (piece.end - piece.at) * sizeof(int64_t)):
            raise MemoryError
        if wire_read_offsets(
            piece, <int64_t *>(self._offsets.data + self._offsets.used), MOST_US, &row.offsets
        ):
            return -1
        self._offsets.used += row.offsets * sizeof(int64_t)
        return 0 if row.offsets <= MOST_VALUES else -1

    cdef int _channel(self, Span rest, FrameRow *row, int slot) except -2:
        cdef ChannelRow channel
        cdef Buffer *samples
        cdef Span deltas
        cdef uint64_t tag
        cdef uint32_t seen = 0
        memset(&channel, 0, sizeof(ChannelRow))
        deltas.at = deltas.end = NULL
        while rest.at < rest.end:
            if wire_read_varint(&rest, &tag) or _once(&seen, tag):
                return -1
            if tag == (1 << 3 | VARINT):
                if wire_read_u32(&rest, &channel.metric):
                    return -1
            elif tag == (2 << 3 | LENGTH):
                if wire_read_piece(&rest, &deltas):
                    return -1
            elif tag == (3 << 3 | FIXED64):
                if wire_read_double(&rest, &channel.scale):
                    return -1
            elif tag == (4 << 3 | FIXED64):
                if wire_read_double(&rest, &channel.offset):
                    return -1
            else:
                return -1
        if deltas.at == deltas.end or channel.metric >= <size_t>self._wave.shape[0]:
            return -1
        channel.scale = channel.scale or 1.0
        channel.frame = <int32_t>(self._frames.used // sizeof(FrameRow))
        channel.slot = slot
        channel.wave = self._header.rate_uhz > 0 and self._wave[channel.metric]
        samples = &self._waves if channel.wave else &self._points
        channel.start = <int32_t>(samples.used // sizeof(int32_t))
        if wire_buffer_reserve(samples, (deltas.end - deltas.at) * sizeof(int32_t)):
            raise MemoryError
        if wire_read_deltas(deltas, <int32_t *>(samples.data + samples.used), &channel):
            return -1
        samples.used += channel.n * sizeof(int32_t)
        if channel.n > MOST_VALUES or not self._in_range(&channel):
            return -1
        if wire_buffer_reserve(&self._channels, sizeof(ChannelRow)):
            raise MemoryError
        memcpy(self._channels.data + self._channels.used, &channel, sizeof(ChannelRow))
        self._channels.used += sizeof(ChannelRow)
        return 0

    cdef bint _in_range(self, ChannelRow *channel) noexcept nogil:
        """Both ends lie within the metric's range; nothing compares with the NaN of no metric."""
        cdef double first = channel.vmin * channel.scale + channel.offset
        cdef double last = channel.vmax * channel.scale + channel.offset
        cdef double low = self._low[channel.metric], high = self._high[channel.metric]
        return low <= first and first <= high and low <= last and last <= high

    cdef int _check_layout(self, FrameRow *row) noexcept nogil:
        cdef ChannelRow *channels = <ChannelRow *>self._channels.data + row.first_channel
        cdef int32_t longest = 0
        cdef int i, j
        for i in range(row.channels):
            longest = max(longest, channels[i].n)
            for j in range(i):
                if channels[i].metric == channels[j].metric:
                    return -1
            if row.rate_hz > 0 and channels[i].n != channels[0].n:
                return -1
        if row.rate_hz > 0:
            return -1 if rint((longest - 1) * 1e6 / row.rate_hz) > self._longest_us else 0
        if row.offsets == 0:
            return 0
        if longest > row.offsets:
            return -1
        return -1 if self._last_offset() > self._longest_us else 0

    cdef int64_t _last_offset(self) noexcept nogil:
        return (<int64_t *>(self._offsets.data + self._offsets.used - sizeof(int64_t)))[0]

    cdef int32_t _layout(self, FrameRow *row) except -1:
        """The number of this owner's stream with these metrics, given out when it is new."""
        cdef char key[5 + 4 * MOST_CHANNELS + 64]
        cdef ChannelRow *channels = <ChannelRow *>self._channels.data + row.first_channel
        cdef Span stream = self._before.stream
        cdef size_t length = stream.end - stream.at
        cdef int i
        memcpy(key, &self._owner, 4)
        key[4] = <char>row.channels
        for i in range(row.channels):
            memcpy(key + 5 + 4 * i, &channels[i].metric, 4)
        memcpy(key + 5 + 4 * row.channels, stream.at, length)
        name = key[:5 + 4 * row.channels + length]
        found = self._known.get(name)
        if found is None:
            found = self._known[name] = len(self._layouts)
            metrics = tuple([channels[i].metric for i in range(row.channels)])
            text = (<const char *>stream.at)[:length].decode("ascii")
            self._layouts.append((self._owner, text, metrics))
        return found

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
