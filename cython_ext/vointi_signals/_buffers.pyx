"""What every streaming routine does at its rim: accept samples once, then work on pointers.

Accepted are buffers of float64, float32, int16 and int32 (what analogue-to-digital converters
and their drivers deliver). A C-contiguous array is used where it lies; anything else is copied
into one. Booleans, complex numbers, text and objects are refused.
"""

cimport numpy as cnp

import numpy as np

from vointi_signals.errors import InputError, ParameterError

cnp.import_array()

cdef extern from "math.h" nogil:
    bint isfinite(double)

cdef extern from "Python.h":
    const Py_ssize_t PY_SSIZE_T_MAX


cdef inline bint _usable(cnp.ndarray x) noexcept:
    cdef int kind = cnp.PyArray_TYPE(x)
    return (
        kind == cnp.NPY_DOUBLE or kind == cnp.NPY_FLOAT
        or kind == cnp.NPY_INT16 or kind == cnp.NPY_INT32
    ) and cnp.PyArray_IS_C_CONTIGUOUS(x) and cnp.PyArray_ISALIGNED(x) \
        and cnp.PyArray_ISNOTSWAPPED(x)


cdef cnp.ndarray _converted(object x):
    cdef cnp.ndarray a
    try:
        a = np.asarray(x)
    except (ValueError, TypeError) as error:
        raise InputError("x", f"not an array of numbers ({error})") from None
    if a.dtype.kind not in "fiu":
        raise InputError("x", f"dtype {a.dtype}", "pass float64, float32, int32 or int16")
    if a.dtype.kind == "f":
        kind = np.float32 if a.dtype.itemsize <= 4 else np.float64
    elif a.dtype.newbyteorder("=") == np.int16:
        kind = np.int16
    elif a.dtype.newbyteorder("=") == np.int32:
        kind = np.int32
    else:
        kind = np.float64
    return np.require(a, dtype=kind, requirements=("C", "A"))


cdef cnp.ndarray samples(object x, Py_ssize_t channels):
    """Return ``x`` as a native contiguous array, (n,) for one channel and (n, channels) else."""
    cdef cnp.ndarray a
    if cnp.PyArray_Check(x) and _usable(<cnp.ndarray>x):
        a = <cnp.ndarray>x
    else:
        a = _converted(x)
    if channels == 1:
        if cnp.PyArray_NDIM(a) != 1:
            raise InputError("x", f"shape {np.shape(a)}", "pass one channel as shape (n,)")
    elif cnp.PyArray_NDIM(a) != 2 or cnp.PyArray_DIM(a, 1) != channels:
        raise InputError(
            "x", f"shape {np.shape(a)}", f"pass {channels} channels as shape (n, {channels})"
        )
    return a


cdef cnp.ndarray empty(Py_ssize_t rows, Py_ssize_t channels, int typenum):
    """Return a new array, (rows,) for one channel and (rows, channels) for several."""
    cdef cnp.npy_intp dims[2]
    dims[0] = rows
    dims[1] = channels
    return cnp.PyArray_EMPTY(1 if channels == 1 else 2, dims, typenum, 0)


cdef cnp.ndarray output(
    object out, cnp.ndarray x, Py_ssize_t rows, Py_ssize_t channels, int typenum
):
    """Return ``out`` when it can take ``rows`` rows, or a new array when it is None."""
    cdef cnp.ndarray a
    cdef int ndim = 1 if channels == 1 else 2
    if out is None:
        return empty(rows, channels, typenum)
    if not cnp.PyArray_Check(out):
        raise InputError("out", f"a {type(out).__name__}", "pass a NumPy array")
    a = <cnp.ndarray>out
    if cnp.PyArray_TYPE(a) != typenum or not cnp.PyArray_ISNOTSWAPPED(a):
        want = "float64" if typenum == cnp.NPY_DOUBLE else "float32"
        raise InputError("out", f"dtype {a.dtype}", f"pass {want}")
    if (
        cnp.PyArray_NDIM(a) != ndim or cnp.PyArray_DIM(a, 0) != rows
        or (ndim == 2 and cnp.PyArray_DIM(a, 1) != channels)
    ):
        want = f"({rows},)" if ndim == 1 else f"({rows}, {channels})"
        raise InputError("out", f"shape {np.shape(a)}", f"pass shape {want}")
    if not (
        cnp.PyArray_ISWRITEABLE(a) and cnp.PyArray_IS_C_CONTIGUOUS(a) and cnp.PyArray_ISALIGNED(a)
    ):
        raise InputError("out", "read-only or not contiguous", "pass a plain writable array")
    _check_overlap(a, x)
    return a


cdef int _check_overlap(cnp.ndarray a, cnp.ndarray x) except -1:
    cdef const char *start = <const char *>cnp.PyArray_DATA(a)
    cdef const char *first = <const char *>cnp.PyArray_DATA(x)
    cdef bint same = start == first and cnp.PyArray_NBYTES(a) == cnp.PyArray_NBYTES(x)
    if same or start + cnp.PyArray_NBYTES(a) <= first or first + cnp.PyArray_NBYTES(x) <= start:
        return 0
    raise InputError("out", "overlaps x in part", "pass x itself or memory of its own")


cdef Py_ssize_t item_size(int typenum) noexcept nogil:
    """Return the bytes of one element."""
    return 8 if typenum == cnp.NPY_DOUBLE else 2 if typenum == cnp.NPY_INT16 else 4


cdef void load(int typenum, const char *src, Py_ssize_t n, double *dst) noexcept nogil:
    """Convert ``n`` elements at ``src`` to double."""
    cdef Py_ssize_t i
    if typenum == cnp.NPY_DOUBLE:
        for i in range(n):
            dst[i] = (<const double *>src)[i]
    elif typenum == cnp.NPY_FLOAT:
        for i in range(n):
            dst[i] = (<const float *>src)[i]
    elif typenum == cnp.NPY_INT16:
        for i in range(n):
            dst[i] = (<const short *>src)[i]
    else:
        for i in range(n):
            dst[i] = (<const int *>src)[i]


cdef void store(int typenum, const double *src, Py_ssize_t n, char *dst) noexcept nogil:
    """Convert ``n`` doubles to the element type at ``dst`` (float64 or float32)."""
    cdef Py_ssize_t i
    if typenum == cnp.NPY_DOUBLE:
        for i in range(n):
            (<double *>dst)[i] = src[i]
    else:
        for i in range(n):
            (<float *>dst)[i] = <float>src[i]


cdef bint all_finite(const double *x, Py_ssize_t n) noexcept nogil:
    """Tell whether no element is NaN or infinite; whole numbers, so that it vectorises."""
    cdef const unsigned long long *bits = <const unsigned long long *>x
    cdef unsigned long long seen = 0
    cdef Py_ssize_t i
    for i in range(n):
        seen |= (bits[i] & 0x7FF0000000000000ULL) + 0x0010000000000000ULL
    return (seen >> 63) == 0


cdef int output_type(object dtype) except -1:
    """Return NumPy's type number of an output dtype."""
    try:
        kind = np.dtype(dtype)
    except TypeError:
        kind = None
    if kind == np.float64:
        return cnp.NPY_DOUBLE
    if kind == np.float32:
        return cnp.NPY_FLOAT
    raise ParameterError("dtype", f"{dtype!r} is not an output type", "use float64 or float32")


cdef Rows rows_of(cnp.ndarray a):
    """Return the rows of what ``samples`` returned; the array must outlive them."""
    cdef Rows rows
    rows.at = <const char *>cnp.PyArray_DATA(a)
    rows.left = cnp.PyArray_DIM(a, 0)
    rows.width = cnp.PyArray_DIM(a, 1) if cnp.PyArray_NDIM(a) == 2 else 1
    rows.kind = cnp.PyArray_TYPE(a)
    return rows


cdef Py_ssize_t fill(Rows *rows, double *block) noexcept nogil:
    """Convert the next rows, BLOCK at most, into ``block``; return how many, 0 at the end."""
    cdef Py_ssize_t n = min(<Py_ssize_t>BLOCK, rows.left)
    load(rows.kind, rows.at, n * rows.width, block)
    rows.at += n * rows.width * item_size(rows.kind)
    rows.left -= n
    return n


cdef class Filter:
    """What filters share: samples in, samples out.

    One that gives a row for each row overrides ``_work``, which changes a block of up to BLOCK
    elements where it lies, or ``_all``, which gets the whole input. One whose state two threads
    could damage together keeps the interpreter lock: ``_unlock`` stays as it is.
    """

    def __cinit__(self):
        self.channels = 1
        self._unlock = PY_SSIZE_T_MAX

    cdef void _work(self, double *x, Py_ssize_t rows) noexcept nogil:
        pass

    cdef void _all(self, int kind, const char *x, char *y, Py_ssize_t rows) noexcept nogil:
        cdef double block[BLOCK]
        cdef Py_ssize_t size_in = item_size(kind) * self.channels
        cdef Py_ssize_t size_out = item_size(self._typenum) * self.channels
        cdef Py_ssize_t n
        while rows > 0:
            n = min(BLOCK // self.channels, rows)
            load(kind, x, n * self.channels, block)
            self._work(block, n)
            store(self._typenum, block, n * self.channels, y)
            x += n * size_in
            y += n * size_out
            rows -= n

    def process(self, x, out=None):
        """Filter ``x`` and return the result, which is ``out`` (or ``x`` itself) if given.

        Nothing is allocated when ``out`` is given and ``x`` is a contiguous array.
        """
        cdef cnp.ndarray xs = samples(x, self.channels)
        cdef Py_ssize_t rows = cnp.PyArray_DIM(xs, 0)
        cdef cnp.ndarray ys = output(out, xs, rows, self.channels, self._typenum)
        cdef int kind = cnp.PyArray_TYPE(xs)
        cdef const char *src = <const char *>cnp.PyArray_DATA(xs)
        cdef char *dst = <char *>cnp.PyArray_DATA(ys)
        if rows * self.channels > self._unlock:
            with nogil:
                self._all(kind, src, dst, rows)
        else:
            self._all(kind, src, dst, rows)
        return ys

    def push(self, x):
        """Filter ``x``: the name that stages of a pipeline share."""
        return self.process(x)

    def flush(self):
        """Return what is held back: nothing, every sample has had its answer."""
        return empty(0, self.channels, self._typenum)
