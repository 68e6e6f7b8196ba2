"""Rows into a table: many by a scan of Arrow memory, few as lists of values."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

#: Up to so many rows lists are cheaper: preparing a scan takes a millisecond.
FEW = 64
_KINDS = {
    pa.string(): "VARCHAR",
    pa.int32(): "INTEGER",
    pa.int64(): "BIGINT",
    pa.uint64(): "UBIGINT",
}


def insert(con: Any, table: str, rows: pa.Table | None) -> None:
    """Append the rows, whose columns are those of the table in their order."""
    if rows is None or rows.num_rows == 0:
        return
    if rows.num_rows <= FEW and all(field.type in _KINDS for field in rows.schema):
        lists = ", ".join(f"unnest(?::{_KINDS[field.type]}[])" for field in rows.schema)
        values = [column.to_pylist() for column in rows.columns]
        con.execute(f"INSERT INTO {table} SELECT {lists}", values)
        return
    con.register("incoming", rows)
    try:
        con.execute(f"INSERT INTO {table} SELECT * FROM incoming")  # noqa: S608
    finally:
        con.unregister("incoming")
