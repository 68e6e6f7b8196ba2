"""Values as Arrow arrays, made of their buffers.

`pyarrow.array` first looks whether a list or an array could be pandas', and for that it imports
pandas wherever that is installed: a fifth of the time that a gateway takes to start.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

_NUMBERS: dict[pa.DataType, type[np.generic]] = {
    pa.uint8(): np.uint8,
    pa.int32(): np.int32,
    pa.uint32(): np.uint32,
    pa.int64(): np.int64,
    pa.uint64(): np.uint64,
    pa.float64(): np.float64,
}


def of_list(values: Sequence[Any], kind: pa.DataType) -> pa.Array:
    """A column of numbers, texts or bytes, null where None is.

    Raises OverflowError or ValueError for what the kind cannot hold.
    """
    known = np.array([value is not None for value in values])
    if kind in _NUMBERS:
        filled = values if known.all() else [0 if value is None else value for value in values]
        return of_numbers(np.array(filled, _NUMBERS[kind]), known)
    pieces = [value.encode() if isinstance(value, str) else value or b"" for value in values]
    ends = np.cumsum([0, *map(len, pieces)], dtype=np.int32)
    buffers = [_validity(known), pa.py_buffer(ends), pa.py_buffer(b"".join(pieces))]
    return pa.Array.from_buffers(kind, len(pieces), buffers)


def of_numbers(values: npt.NDArray[Any], known: npt.NDArray[np.bool_] | None = None) -> pa.Array:
    """A column of an array's values, null where they are not known; they are not copied."""
    plain = np.ascontiguousarray(values)
    buffers = [None if known is None else _validity(known), pa.py_buffer(plain)]
    return pa.Array.from_buffers(pa.from_numpy_dtype(plain.dtype), len(plain), buffers)


def _validity(known: npt.NDArray[np.bool_]) -> pa.Buffer | None:
    return None if known.all() else pa.py_buffer(np.packbits(known, bitorder="little"))


def of_rows(rows: Sequence[tuple[Any, ...]], schema: pa.Schema) -> pa.Table:
    """A table of at least one row, its values in the order of the columns. Raises as of_list."""
    each = zip(zip(*rows, strict=True), schema, strict=True)
    return pa.Table.from_arrays([of_list(values, f.type) for values, f in each], schema=schema)


def empty(schema: pa.Schema) -> pa.Table:
    """No rows of these columns."""
    return pa.Table.from_batches([], schema)
