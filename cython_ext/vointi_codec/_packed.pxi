# The reader of format 0x02 (vointi_contract.packed).

cdef class PackedReader(ProtobufReader):
    """Reads what vointi_contract.packed describes."""

    cdef int _packed(self, Span rest) except -2:
        cdef int frames = 0
        if rest.at == rest.end or rest.at[0] != 2:
            return -1
        rest.at += 1
        self._before.has_device = True
        self._before.wall_offset_us = PACKED_WALL_US
        while rest.at < rest.end:
            frames += 1
            if frames > MOST_FRAMES or self._packed_frame(&rest):
                return -1
        return 0

    cdef int _packed_frame(self, Span *rest) except -2:
        cdef FrameRow row
        cdef uint8_t flags, count
        cdef uint32_t n = 0
        cdef double scale = 1.0
        cdef int i
        memset(&row, 0, sizeof(FrameRow))
        if packed_header(
            rest, &self._before, &row, &self._header.rate_uhz, self._device, self._device_length,
            &flags,
        ) or self._packed_offsets(rest, flags, &row) or packed_byte(rest, &count):
            return -1
        if not 0 < count <= MOST_CHANNELS:
            return -1
        self._header.count = row.channels = count
        if self._check_header(&row):
            return -1
        row.first_channel = <int32_t>(self._channels.used // sizeof(ChannelRow))
        if self._header.rate_uhz and packed_count(rest, MOST_VALUES, 8, &n):
            return -1
        for i in range(count):
            if self._packed_channel(rest, i, n, &scale):
                return -1
        return self._keep(&row)

    cdef int _packed_offsets(self, Span *rest, uint8_t flags, FrameRow *row) except -2:
        cdef uint32_t count
        row.first_offset = <int32_t>(self._offsets.used // sizeof(int64_t))
        if not flags & HAS_OFFSETS:
            return 0
        if self._header.rate_uhz or packed_count(rest, MOST_VALUES, 1, &count):
            return -1
        if wire_buffer_reserve(&self._offsets, count * sizeof(int64_t)):
            raise MemoryError
        if packed_offsets(
            rest, count, <int64_t *>(self._offsets.data + self._offsets.used), MOST_US
        ):
            return -1
        row.offsets = <int32_t>count
        self._offsets.used += count * sizeof(int64_t)
        return 0

    cdef int _packed_channel(self, Span *rest, int slot, uint32_t n, double *scale) except -2:
        cdef ChannelRow channel
        cdef Buffer *samples
        cdef uint8_t form, more
        memset(&channel, 0, sizeof(ChannelRow))
        if packed_channel(rest, scale[0], &channel, &form, &more):
            return -1
        if not 0 < channel.metric < <size_t>self._wave.shape[0]:
            return -1
        if n == 0 and packed_count(rest, MOST_VALUES, 8, &n):
            return -1
        scale[0] = channel.scale
        samples = self._samples_of(&channel, slot)
        if wire_buffer_reserve(samples, n * sizeof(int32_t)):
            raise MemoryError
        if packed_values(
            rest, form, more, <int32_t>n, <int32_t *>(samples.data + samples.used), &channel
        ):
            return -1
        return self._keep_channel(&channel, samples)
