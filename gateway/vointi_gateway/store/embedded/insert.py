"""Rows into a table: what every commit fills by a plan that is kept, others by one of their own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from .columns import empty


class _Feed:
    """Gives the engine whatever rows are in it: the Arrow PyCapsule interface."""

    def __init__(self, schema: pa.Schema) -> None:
        self._empty = empty(schema)
        self.rows = self._empty

    def clear(self) -> None:
        self.rows = self._empty

    def __arrow_c_schema__(self) -> object:
        return self._empty.schema.__arrow_c_schema__()

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self.rows.__arrow_c_stream__(requested_schema)


class Inserter:
    """Appends to the tables of one connection.

    Naming rows to the engine, and having it read, bind and plan a statement, costs as much as
    inserting some hundred rows. So what every commit fills has a name and a plan for good.

    Args:
        con: outside of a transaction.
        schemas: the columns of those tables.

    """

    def __init__(self, con: Any, schemas: Mapping[str, pa.Schema]) -> None:
        self._con = con
        self._feeds = {table: _Feed(schema) for table, schema in schemas.items()}
        self._plans: dict[str, Any] = {}
        self._begin, self._commit = con.extract_statements("BEGIN; COMMIT")
        for table, feed in self._feeds.items():
            con.register(f"incoming_{table}", feed)

    def begin(self) -> None:
        """Begin a transaction."""
        self._con.execute(self._begin)

    def commit(self) -> None:
        """Commit it."""
        self._con.execute(self._commit)

    def insert(self, table: str, rows: pa.Table | None) -> None:
        """Append the rows, whose columns are those of the table in their order."""
        if rows is None or rows.num_rows == 0:
            return
        feed = self._feeds.get(table)
        if feed is None:
            self._scan(table, rows)
            return
        feed.rows = rows
        try:
            self._con.execute(self._plan(table))
        finally:
            feed.clear()

    def _plan(self, table: str) -> Any:
        """The kept plan, made when the table is first filled: it must be there by then."""
        if table not in self._plans:
            self._con.execute(f"PREPARE into_{table} AS INSERT INTO {table} FROM incoming_{table}")
            self._plans[table] = self._con.extract_statements(f"EXECUTE into_{table}")[0]
        return self._plans[table]

    def _scan(self, table: str, rows: pa.Table) -> None:
        self._con.register("incoming", rows)
        try:
            self._con.execute(f"INSERT INTO {table} FROM incoming")
        finally:
            self._con.unregister("incoming")
