/* Least, largest and sum of a channel's values, while they are read. */
#ifndef VOINTI_EXTENT_H
#define VOINTI_EXTENT_H

#include <stdint.h>

typedef struct {
    int64_t low, high, sum;
} Extent;

static inline Extent extent_of_none(void) {
    Extent none = {INT32_MAX, INT32_MIN, 0};
    return none;
}

static inline void extent_take(Extent *e, int64_t value) {
    e->low = value < e->low ? value : e->low;
    e->high = value > e->high ? value : e->high;
    e->sum += value;
}

#endif
