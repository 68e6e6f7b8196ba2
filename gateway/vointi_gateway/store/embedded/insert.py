"""Rows into a table: many by a scan of Arrow memory, few as lists of values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyarrow as pa

#: Up to so many rows lists are cheaper: a scan takes a millisecond before its first row.
FEW = 64
_KINDS = {
    pa.string(): "VARCHAR",
    pa.int32(): "INTEGER",
    pa.int64(): "BIGINT",
    pa.uint64(): "UBIGINT",
}


class _Feed:
    """Gives the engine whatever rows are in it: the Arrow PyCapsule interface."""

    def __init__(self, schema: pa.Schema) -> None:
        self._empty = schema.empty_table()
        self.rows = self._empty

    def clear(self) -> None:
        self.rows = self._empty

    def __arrow_c_schema__(self) -> object:
        return self._empty.schema.__arrow_c_schema__()

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self.rows.__arrow_c_stream__(requested_schema)


class Inserter:
    """Appends to the tables of one connection.

    Naming rows to the engine costs as much as inserting a few hundred of them, so what every commit
    fills has a name for good.

    Args:
        con: outside of a transaction.
        schemas: the columns of those tables.

    """

    def __init__(self, con: Any, schemas: Mapping[str, pa.Schema]) -> None:
        self._con = con
        self._feeds = {table: _Feed(schema) for table, schema in schemas.items()}
        for table, feed in self._feeds.items():
            con.register(f"incoming_{table}", feed)

    def insert(self, table: str, rows: pa.Table | None) -> None:
        """Append the rows, whose columns are those of the table in their order."""
        if rows is None or rows.num_rows == 0:
            return
        feed = self._feeds.get(table)
        if feed is not None:
            self._fed(table, feed, rows)
        elif rows.num_rows <= FEW and all(field.type in _KINDS for field in rows.schema):
            lists = ", ".join(f"unnest(?::{_KINDS[field.type]}[])" for field in rows.schema)
            values = [column.to_pylist() for column in rows.columns]
            self._con.execute(f"INSERT INTO {table} SELECT {lists}", values)
        else:
            self._scan(table, rows)

    def _fed(self, table: str, feed: _Feed, rows: pa.Table) -> None:
        feed.rows = rows
        try:
            self._con.execute(f"INSERT INTO {table} FROM incoming_{table}")
        finally:
            feed.clear()

    def _scan(self, table: str, rows: pa.Table) -> None:
        self._con.register("incoming", rows)
        try:
            self._con.execute(f"INSERT INTO {table} FROM incoming")
        finally:
            self._con.unregister("incoming")
