/* Frames of the packed format (vointi_contract.packed), read within bounds. As in _wire.h every
   reader returns 0, or -1 where the caller declines the whole message. */
#ifndef VOINTI_PACKED_H
#define VOINTI_PACKED_H

#include "_rice.h"

enum {
    HAS_DEVICE = 1, HAS_BOOT = 2, HAS_CLOCK = 4, HAS_WALL = 8, HAS_NO_WALL = 16, HAS_DEV = 32,
    HAS_QUALITY = 64, HAS_OFFSETS = 128,
    PACKED_RATE = 128, PACKED_TABLE = 64, PACKED_STREAMS = 31,
    PACKED_MORE = 128, MORE_OFFSET = 1, MORE_SCALE = 2, MORE_CODES = 4,
    PACKED_SCALES = 17, PACKED_SAME = 31
};

#define PACKED_WALL_US 1700000000000000LL

static const char *const packed_streams[PACKED_STREAMS] = {
    "ecg", "acc", "hr", "beats", "ppg", "ppi", "hrv", "steps", "imu", "gyro", "spo2", "spot",
    "battery", "air", "temperature", "humidity", "pressure", "light", "motion", "door", "people",
    "feedback", "weight", "composition", "cuff", "glucose", "site", "co2", "voc", "noise", "dust",
};

static const double packed_scales[PACKED_SCALES] = {
    1.0, 0.1, 0.01, 0.001, 0.005, 0.0025, 1000.0 / 1024.0, 0.5, 0.2, 0.05, 0.02, 0.002, 0.0001,
    10.0, 100.0, 1.0 / 1024.0, 1.0 / 256.0,
};

typedef struct {
    Span stream;
    int has_device; /* the topic's */
    uint64_t boot;
    uint32_t clock;
    uint64_t uncertainty_us;
    int64_t seq, mono_us, wall_offset_us, dev_ts_ns, dev_mono_us;
    uint64_t rates[PACKED_STREAMS];
} Before;

static inline int packed_byte(Span *s, uint8_t *out) {
    if (s->at == s->end) return -1;
    *out = *s->at++;
    return 0;
}

static inline int packed_take(Span *s, size_t length, Span *out) {
    if (length > (size_t)(s->end - s->at)) return -1;
    out->at = s->at;
    out->end = s->at += length;
    return 0;
}

/* The stream's name into b; *slot is its place in the table, or -1. */
static inline int packed_stream(Span *s, Before *b, uint8_t *code, int *slot) {
    int name, i;
    if (packed_byte(s, code)) return -1;
    name = *code & ~PACKED_RATE;
    if (name >= PACKED_TABLE) {
        if (name - PACKED_TABLE >= PACKED_STREAMS) return -1;
        b->stream.at = (const uint8_t *)packed_streams[name - PACKED_TABLE];
        b->stream.end = b->stream.at + strlen(packed_streams[name - PACKED_TABLE]);
    } else if (name) {
        if (packed_take(s, (size_t)name, &b->stream) || !wire_is_id(&b->stream)) return -1;
    }
    *slot = -1;
    for (i = 0; b->stream.at && i < PACKED_STREAMS; i++) {
        if (wire_same(&b->stream, packed_streams[i], strlen(packed_streams[i]))) *slot = i;
    }
    return b->stream.at ? 0 : -1;
}

static inline int packed_who(Span *s, uint8_t flags, Before *b, const char *device, size_t length) {
    Span name;
    uint8_t byte;
    if (flags & HAS_DEVICE) {
        if (packed_byte(s, &byte) || packed_take(s, byte, &name)) return -1;
        if (!wire_same(&name, device, length)) return -1;
    }
    if (flags & HAS_BOOT && wire_read_u64(s, &b->boot)) return -1;
    if (flags & HAS_CLOCK) {
        if (packed_byte(s, &byte) || wire_read_varint(s, &b->uncertainty_us)) return -1;
        b->clock = byte;
    }
    return 0;
}

static inline int packed_times(Span *s, uint8_t flags, Before *b, FrameRow *row) {
    int64_t number;
    if (wire_read_s64(s, &number) || wire_step(&b->seq, number) || wire_step(&b->seq, 1)) return -1;
    if (wire_read_s64(s, &number) || wire_step(&b->mono_us, number)) return -1;
    if (flags & HAS_WALL) {
        if (flags & HAS_NO_WALL || wire_read_s64(s, &number)) return -1;
        if (wire_step(&b->wall_offset_us, number)) return -1;
    }
    row->has_wall = !(flags & HAS_NO_WALL);
    if (flags & HAS_DEV) {
        if (wire_read_s64(s, &number)) return -1;
        /* Modulo 2^64, as the sender counts. */
        b->dev_ts_ns = (int64_t)((uint64_t)b->dev_ts_ns + (uint64_t)number +
                                 ((uint64_t)b->mono_us - (uint64_t)b->dev_mono_us) * 1000u);
        b->dev_mono_us = b->mono_us;
        row->has_dev = 1;
    }
    return 0;
}

/* Everything before the offsets; *flags is what else there is. */
static inline int packed_header(Span *s, Before *b, FrameRow *row, uint64_t *rate_uhz,
                                const char *device, size_t length, uint8_t *flags) {
    uint8_t code;
    int slot;
    if (packed_byte(s, flags) || packed_stream(s, b, &code, &slot)) return -1;
    if (packed_who(s, *flags, b, device, length) || packed_times(s, *flags, b, row)) return -1;
    *rate_uhz = slot < 0 ? 0 : b->rates[slot];
    if (code & PACKED_RATE) {
        if (wire_read_varint(s, rate_uhz)) return -1;
        if (slot >= 0) b->rates[slot] = *rate_uhz;
    }
    if (*flags & HAS_QUALITY && wire_read_u32(s, &row->quality)) return -1;
    return 0;
}

/* A number of things of a byte (8 for a bit) at least: no more than there is left. */
static inline int packed_count(Span *s, uint64_t most, uint64_t a_byte, uint32_t *out) {
    uint64_t count;
    if (wire_read_varint(s, &count) || !count || count > most) return -1;
    if (count > a_byte * (uint64_t)(s->end - s->at)) return -1;
    *out = (uint32_t)count;
    return 0;
}

static inline int packed_offsets(Span *s, uint32_t count, int64_t *out, int64_t most) {
    uint64_t step;
    int64_t value = 0;
    uint32_t i;
    for (i = 0; i < count; i++) {
        if (wire_read_varint(s, &step) || step > (uint64_t)most || (!i && step)) return -1;
        value += (int64_t)step;
        if (value > most) return -1;
        out[i] = value;
    }
    return 0;
}

/* Metric, scale and offset of a channel, and how its values are said. */
static inline int packed_channel(Span *s, double scale_before, ChannelRow *row, uint8_t *form,
                                 uint8_t *more) {
    *more = 0;
    row->scale = 1.0;
    if (wire_read_u32(s, &row->metric) || packed_byte(s, form)) return -1;
    if (*form & PACKED_MORE && packed_byte(s, more)) return -1;
    if (*more & MORE_SCALE) {
        if (wire_read_double(s, &row->scale)) return -1;
    } else if (*more >> 3 == PACKED_SAME) {
        row->scale = scale_before;
    } else if (*more >> 3 < PACKED_SCALES) {
        row->scale = packed_scales[*more >> 3];
    } else {
        return -1;
    }
    if (*more & MORE_OFFSET && wire_read_double(s, &row->offset)) return -1;
    return row->scale == 0 ? -1 : 0;
}

/* n values into out with their least, largest and sum. */
static inline int packed_values(Span *s, uint8_t form, uint8_t more, int32_t n, int32_t *out,
                                ChannelRow *row) {
    int64_t value;
    int32_t i;
    Extent seen = extent_of_none();
    int k = form >> 2 & 31;
    if (k > RICE_MOST_K || rice_read(s, out, n, form & 3, k)) return -1;
    for (i = 0; i < n; i++) {
        value = out[i];
        if (more & MORE_CODES) {
            value = value < 0 ? -(-value * 37400 >> 14) : value * 37400 >> 14;
            if (value > INT32_MAX || value < -INT32_MAX) return -1;
            out[i] = (int32_t)value;
        }
        extent_take(&seen, value);
    }
    wire_tell_extent(&seen, n, row);
    return 0;
}

#endif
