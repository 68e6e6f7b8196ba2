# The reader of format 0x01, Protobuf once it is decompressed.

cdef class ProtobufReader(Held):
    """Reads what frame.proto describes."""

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
        return self._keep(&row)

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
        if deltas.at == deltas.end or not 0 < channel.metric < <size_t>self._wave.shape[0]:
            return -1
        channel.scale = channel.scale or 1.0
        samples = self._samples_of(&channel, slot)
        if wire_buffer_reserve(samples, (deltas.end - deltas.at) * sizeof(int32_t)):
            raise MemoryError
        if wire_read_deltas(deltas, <int32_t *>(samples.data + samples.used), &channel):
            return -1
        return self._keep_channel(&channel, samples)
