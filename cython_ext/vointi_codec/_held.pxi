# What both readers share: the columns that are filled, and what must hold for each frame.

cdef struct Header:
    Span stream
    Span offsets
    Span channels[MOST_CHANNELS]
    int count
    uint64_t rate_uhz
    int64_t wall_step, dev_step
    bint has_device, has_offsets


cdef class Held:
    """Where frames are collected, and how one is judged and taken."""

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

    cdef int _keep(self, FrameRow *row) except -2:
        """Take a frame whose channels were taken."""
        if self._check_layout(row):
            return -1
        row.layout = self._layout(row)
        if wire_buffer_reserve(&self._frames, sizeof(FrameRow)):
            raise MemoryError
        memcpy(self._frames.data + self._frames.used, row, sizeof(FrameRow))
        self._frames.used += sizeof(FrameRow)
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

    cdef Buffer *_samples_of(self, ChannelRow *channel, int slot) noexcept nogil:
        """Where a channel's samples go; the channel is told that, and whose it is."""
        cdef Buffer *samples
        channel.frame = <int32_t>(self._frames.used // sizeof(FrameRow))
        channel.slot = slot
        channel.wave = self._header.rate_uhz > 0 and self._wave[channel.metric]
        samples = &self._waves if channel.wave else &self._points
        channel.start = <int32_t>(samples.used // sizeof(int32_t))
        return samples

    cdef int _keep_channel(self, ChannelRow *channel, Buffer *samples) except -2:
        """Take a channel whose samples stand behind the others."""
        samples.used += channel.n * sizeof(int32_t)
        if channel.n > MOST_VALUES or not self._in_range(channel):
            return -1
        if wire_buffer_reserve(&self._channels, sizeof(ChannelRow)):
            raise MemoryError
        memcpy(self._channels.data + self._channels.used, channel, sizeof(ChannelRow))
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
