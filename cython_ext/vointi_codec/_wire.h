/* Protobuf's wire format, read within bounds. Every reader returns 0, or -1 where the bytes end or
   say what a plain sender does not (then the caller declines the whole message). */
#ifndef VOINTI_WIRE_H
#define VOINTI_WIRE_H

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "_extent.h"

typedef struct {
    const uint8_t *at;
    const uint8_t *end;
} Span;

typedef struct {
    uint64_t boot;
    int64_t seq, mono_us, wall_us, uncertainty_us, dev_ts_ns;
    double rate_hz;
    int32_t layout, first_channel, channels, first_offset, offsets;
    uint32_t quality;
    uint8_t clock, has_wall, has_dev, spare[5];
} FrameRow;

typedef struct {
    double scale, offset;
    int64_t vsum;
    int32_t frame, slot;
    uint32_t metric;
    int32_t start, n, vmin, vmax, wave;
} ChannelRow;

typedef struct {
    char *data;
    size_t used, room; /* bytes */
} Buffer;

static inline int wire_buffer_reserve(Buffer *b, size_t more) {
    size_t room = b->room ? b->room : 4096;
    char *data;
    if (b->room - b->used >= more) return 0;
    while (room - b->used < more) room *= 2;
    data = (char *)realloc(b->data, room);
    if (!data) return -1;
    b->data = data;
    b->room = room;
    return 0;
}

static inline int wire_read_varint(Span *s, uint64_t *out) {
    uint64_t value = 0;
    int shift;
    for (shift = 0; shift < 63; shift += 7) {
        uint8_t byte;
        if (s->at == s->end) return -1;
        byte = *s->at++;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            *out = value;
            return 0;
        }
    }
    if (s->at == s->end || *s->at > 1) return -1;
    *out = value | (uint64_t)*s->at++ << 63;
    return 0;
}

static inline int wire_read_u32(Span *s, uint32_t *out) {
    uint64_t value;
    if (wire_read_varint(s, &value) || value > UINT32_MAX) return -1;
    *out = (uint32_t)value;
    return 0;
}

static inline int wire_read_s64(Span *s, int64_t *out) {
    uint64_t value;
    if (wire_read_varint(s, &value)) return -1;
    *out = (int64_t)(value >> 1) ^ -(int64_t)(value & 1);
    return 0;
}

static inline int wire_read_s32(Span *s, int64_t *out) {
    uint32_t value;
    if (s->at < s->end && *s->at < 0x80) {
        value = *s->at++;
    } else if (wire_read_u32(s, &value)) {
        return -1;
    }
    *out = (int64_t)(value >> 1) ^ -(int64_t)(value & 1);
    return 0;
}

/* Eight bytes, the lowest first, on a machine of either order. */
static inline int wire_read_u64(Span *s, uint64_t *out) {
    uint64_t value = 0;
    int i;
    if (s->end - s->at < 8) return -1;
    for (i = 7; i >= 0; i--) value = value << 8 | s->at[i];
    s->at += 8;
    *out = value;
    return 0;
}

static inline int wire_read_double(Span *s, double *out) {
    uint64_t bits;
    if (wire_read_u64(s, &bits)) return -1;
    memcpy(out, &bits, 8);
    return isfinite(*out) ? 0 : -1;
}

static inline int wire_read_piece(Span *s, Span *out) {
    uint64_t length;
    if (wire_read_varint(s, &length) || length > (uint64_t)(s->end - s->at)) return -1;
    out->at = s->at;
    out->end = s->at += length;
    return 0;
}

/* An id of the contract's topics: [a-z0-9][a-z0-9_-]{0,62}. */
static inline int wire_is_id(const Span *s) {
    const uint8_t *c;
    if (s->end == s->at || s->end - s->at > 63 || *s->at == '_' || *s->at == '-') return 0;
    for (c = s->at; c < s->end; c++) {
        if (!((*c >= 'a' && *c <= 'z') || (*c >= '0' && *c <= '9') || *c == '_' || *c == '-'))
            return 0;
    }
    return 1;
}

static inline int wire_same(const Span *s, const char *text, size_t length) {
    return (size_t)(s->end - s->at) == length && !memcmp(s->at, text, length);
}

/* *to += by, or -1 where that leaves 64 bits. */
static inline int wire_step(int64_t *to, int64_t by) {
    return __builtin_add_overflow(*to, by, to) ? -1 : 0;
}

static inline void wire_tell_extent(const Extent *seen, int32_t n, ChannelRow *row) {
    row->n = n;
    row->vmin = (int32_t)seen->low;
    row->vmax = (int32_t)seen->high;
    row->vsum = seen->sum;
}

/* Running sums of packed sint32 deltas into int32 values with their least, largest and sum. */
static inline int wire_read_deltas(Span s, int32_t *out, ChannelRow *row) {
    int64_t value = 0, delta;
    int32_t n = 0;
    Extent seen = extent_of_none();
    while (s.at < s.end) {
        if (wire_read_s32(&s, &delta)) return -1;
        value += delta;
        if (value > INT32_MAX || value < INT32_MIN) return -1;
        out[n++] = (int32_t)value;
        extent_take(&seen, value);
    }
    wire_tell_extent(&seen, n, row);
    return 0;
}

/* Running sums of the steps between samples: from 0, never falling, up to `most`. */
static inline int wire_read_offsets(Span s, int64_t *out, int64_t most, int32_t *count) {
    int64_t value = 0, delta;
    int32_t n = 0;
    while (s.at < s.end) {
        if (wire_read_s32(&s, &delta) || delta < 0 || (n == 0 && delta)) return -1;
        value += delta;
        out[n++] = value;
    }
    if (value > most) return -1;
    *count = n;
    return 0;
}

/* Whether a magicless zstd frame states nothing and ends where the bytes end (RFC 8878, 3.1.1). */
static inline int wire_whole_frame(const uint8_t *data, size_t length) {
    size_t at = 2;
    uint32_t header = 0;
    if (!length || data[0]) return 0;
    while (!(header & 1)) {
        if (length < 3 || at > length - 3) return 0;
        header = data[at] | (uint32_t)data[at + 1] << 8 | (uint32_t)data[at + 2] << 16;
        at += 3 + ((header >> 1 & 3) == 1 ? 1 : header >> 3);
    }
    return at == length;
}

#endif
