"""Rice codes, compiled. The pure twin, which says what they are, is `vointi_contract.rice`."""

from libc.stdint cimport int32_t, uint8_t, uint64_t
from libc.stdlib cimport free, malloc

import numpy as np

cdef extern from "_wire.h" nogil:
    ctypedef struct Span:
        const uint8_t *at
        const uint8_t *end

cdef extern from "_rice.h" nogil:
    int RICE_MOST_K, RICE_ORDERS
    int rice_read(Span *, int32_t *, int32_t, int, int)
    uint64_t rice_zigzag(long long)
    int rice_residuals(const int32_t *, int32_t, int, uint64_t *)
    uint64_t rice_choose(const int32_t *, int32_t, uint64_t *, int *, int *)
    void rice_write(const uint64_t *, int32_t, int, uint8_t *)


def pack(values):
    """(order, k, body) of at least one value that fits int32."""
    cdef const int32_t[::1] v = np.ascontiguousarray(values, np.int32)
    cdef int32_t n = <int32_t>v.shape[0]
    cdef int order = 0, k = 0
    cdef uint64_t bits
    cdef uint64_t *z
    cdef bytearray body
    if n < 1:
        raise ValueError("values: give at least one")
    body = _varint(rice_zigzag(v[0]))
    if n == 1:
        return 0, 0, bytes(body)
    z = <uint64_t *>malloc(<size_t>n * sizeof(uint64_t))
    if not z:
        raise MemoryError
    try:
        bits = rice_choose(&v[0], n, z, &order, &k)
        rice_residuals(&v[0], n, order, z)
        return order, k, bytes(body) + _bits(z, n - 1, k, bits)
    finally:
        free(z)


cdef bytes _bits(const uint64_t *z, int32_t n, int k, uint64_t bits):
    cdef bytearray out = bytearray(<Py_ssize_t>((bits + 7) // 8))
    cdef uint8_t[::1] room = out
    rice_write(z, n, k, &room[0])
    return bytes(out)


cdef bytearray _varint(uint64_t value):
    cdef bytearray out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return out


def unpack(bytes data not None, Py_ssize_t at, Py_ssize_t count, int order, int k):
    """(values, where they end) of `count` values from `at` on; None: they are not well formed."""
    cdef const char *start = data
    cdef Span rest
    cdef int32_t[::1] out
    if not (0 <= at <= len(data) and 0 <= order < RICE_ORDERS and 0 <= k <= RICE_MOST_K):
        return None
    # The first value takes a byte and every other one a bit at least.
    if not 0 < count <= 8 * (len(data) - at):
        return None
    rest.at = <const uint8_t *>start + at
    rest.end = <const uint8_t *>start + len(data)
    values = np.empty(count, np.int32)
    out = values
    if rice_read(&rest, &out[0], <int32_t>count, order, k):
        return None
    return values, rest.at - <const uint8_t *>start
