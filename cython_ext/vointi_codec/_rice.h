/* Rice codes as vointi_contract.rice describes them. */
#ifndef VOINTI_RICE_H
#define VOINTI_RICE_H

#include <stdint.h>
#include <string.h>

#include "_wire.h"

enum { RICE_ESCAPE = 24, RICE_ORDERS = 4, RICE_MOST_K = 30, RICE_RAW = 32 };

static inline int64_t rice_expected(const int32_t *v, int order) {
    switch (order) {
        case 0: return 0;
        case 1: return v[-1];
        case 2: return 2 * (int64_t)v[-1] - v[-2];
        default: return 3 * ((int64_t)v[-1] - v[-2]) + v[-3];
    }
}

static inline uint64_t rice_zigzag(int64_t r) {
    return r < 0 ? ((uint64_t)~r << 1) | 1 : (uint64_t)r << 1;
}

/* Bits from a byte position on, the highest of each byte first. */
typedef struct {
    const uint8_t *at, *end;
    uint64_t held; /* the next bits, from the highest on */
    int count;
} RiceBits;

static inline void rice_fill(RiceBits *b) {
    while (b->count <= 56 && b->at < b->end) {
        b->held |= (uint64_t)*b->at++ << (56 - b->count);
        b->count += 8;
    }
}

/* The next code; -1 where the bits end. After a fill at least 57 bits are held, or all there are;
   a code takes 24 + 32 at most. */
static inline int rice_next(RiceBits *b, int k, uint64_t *z) {
    int ones, width;
    if (b->count < RICE_ESCAPE + RICE_RAW) rice_fill(b);
    ones = ~b->held ? __builtin_clzll(~b->held) : 64;
    if (ones >= RICE_ESCAPE) {
        ones = RICE_ESCAPE;
        width = RICE_RAW;
        b->held <<= ones;
    } else {
        width = k;
        b->held <<= ones + 1;
        b->count--;
    }
    b->count -= ones + width;
    if (b->count < 0) return -1;
    *z = width ? b->held >> (64 - width) : 0;
    if (width == k && ones < RICE_ESCAPE) *z |= (uint64_t)ones << k;
    b->held <<= width;
    return 0;
}

/* n values into out; *s is moved behind them. -1: the bits end, a value leaves int32, or the bits
   that fill the last byte are not 0. */
static inline int rice_read(Span *s, int32_t *out, int32_t n, int order, int k) {
    RiceBits bits;
    int64_t value;
    uint64_t z;
    int32_t i;
    if (wire_read_s64(s, &value) || value > INT32_MAX || value < INT32_MIN) return -1;
    out[0] = (int32_t)value;
    if (n == 1) return 0;
    bits.at = s->at;
    bits.end = s->end;
    bits.held = 0;
    bits.count = 0;
    for (i = 1; i < n; i++) {
        if (rice_next(&bits, k, &z)) return -1;
        value = (int64_t)(z >> 1) ^ -(int64_t)(z & 1);
        value += rice_expected(out + i, order < i ? order : i);
        if (value > INT32_MAX || value < INT32_MIN) return -1;
        out[i] = (int32_t)value;
    }
    while (bits.count >= 8) { /* whole bytes that were read ahead */
        bits.at--;
        bits.count -= 8;
    }
    if (bits.count && bits.held >> (64 - bits.count)) return -1;
    s->at = bits.at;
    return 0;
}

static inline uint64_t rice_cost(const uint64_t *z, int32_t n, int k) {
    uint64_t bits = 0;
    int32_t i;
    for (i = 0; i < n; i++) {
        uint64_t q = z[i] >> k;
        bits += q < RICE_ESCAPE ? q + 1 + (uint64_t)k : RICE_ESCAPE + RICE_RAW;
    }
    return bits;
}

/* What an order leaves of v[1] to v[n - 1]; -1 where one does not fit 32 bits. */
static inline int rice_residuals(const int32_t *v, int32_t n, int order, uint64_t *z) {
    int32_t i;
    uint64_t all = 0;
    for (i = 1; i < n; i++) {
        z[i - 1] = rice_zigzag(v[i] - rice_expected(v + i, order < i ? order : i));
        all |= z[i - 1];
    }
    return all >> RICE_RAW ? -1 : 0;
}

/* The cheapest (order, k) and its bits; z is room for n - 1 numbers. */
static inline uint64_t rice_choose(const int32_t *v, int32_t n, uint64_t *z, int *order, int *k) {
    uint64_t best = UINT64_MAX;
    int o, j;
    for (o = 0; o < RICE_ORDERS && o < n; o++) {
        if (rice_residuals(v, n, o, z)) continue;
        for (j = 0; j <= RICE_MOST_K; j++) {
            uint64_t cost = rice_cost(z, n - 1, j);
            if (cost < best) {
                best = cost;
                *order = o;
                *k = j;
            }
        }
    }
    return best;
}

static inline void rice_put(uint8_t *out, uint64_t *at, uint64_t value, int width) {
    while (width--) {
        if (value >> width & 1) out[*at >> 3] |= (uint8_t)(0x80 >> (*at & 7));
        ++*at;
    }
}

/* The codes of n numbers into zeroed room. */
static inline void rice_write(const uint64_t *z, int32_t n, int k, uint8_t *out) {
    uint64_t at = 0;
    int32_t i;
    for (i = 0; i < n; i++) {
        uint64_t q = z[i] >> k;
        if (q < RICE_ESCAPE) {
            rice_put(out, &at, (1ULL << (q + 1)) - 2, (int)q + 1);
            rice_put(out, &at, z[i] & ((1ULL << k) - 1), k);
        } else {
            rice_put(out, &at, (1ULL << RICE_ESCAPE) - 1, RICE_ESCAPE);
            rice_put(out, &at, z[i], RICE_RAW);
        }
    }
}

#endif
