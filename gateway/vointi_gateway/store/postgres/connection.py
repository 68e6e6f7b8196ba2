"""One connection to the database: opened when it is needed, dropped when it fails."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, TypeAlias

import pg8000.exceptions
from pg8000.native import Connection

from ...errors import StoreError, UnstorableError
from ...settings import PostgresSettings

#: Longer than any transaction here, shorter than the patience of who waits for an answer.
ANSWER_S = 30.0
#: A gateway that stands still within a transaction holds its leases' rows: the server cuts it off.
STILL_MS = 3000
#: SQLSTATE classes that put the blame on the data: out of range, not representable, there twice.
_DATA_AT_FAULT = ("22", "23")

Rows: TypeAlias = list[list[Any]]


class Link:
    """A connection that one thread at a time uses; others wait.

    Args:
        settings: where the database is.

    """

    def __init__(self, settings: PostgresSettings) -> None:
        self._settings = settings
        self._lock = threading.RLock()
        self._con: Connection | None = None

    def open(self) -> None:
        """Connect. Raises StoreError, which names the setting."""
        with self._lock:
            if self._con is None:
                self._con = self._connect()

    def close(self) -> None:
        """Hang up. May be called twice."""
        with self._lock:
            con, self._con = self._con, None
        if con is not None:
            # A server that has gone cannot be told goodbye.
            with suppress(pg8000.exceptions.Error, OSError):
                con.close()

    def run(self, sql: str, **values: Any) -> Rows:
        """The rows of a statement. Raises StoreError, UnstorableError."""
        with self._lock, self._told() as con:
            return con.run(sql, **values) or []

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All of what is run in the block or nothing. Raises StoreError, UnstorableError."""
        with self._lock:
            self.run("BEGIN")
            try:
                yield
                self.run("COMMIT")
            except BaseException:
                if self._con is not None:
                    with suppress(StoreError):
                        self.run("ROLLBACK")
                raise

    @contextmanager
    def _told(self) -> Iterator[Connection]:
        if self._con is None:
            self.open()
        assert self._con is not None  # noqa: S101 - it was opened
        try:
            yield self._con
        except pg8000.exceptions.DatabaseError as exc:
            raise _error(exc) from exc
        except (pg8000.exceptions.Error, OSError) as exc:
            # What an interrupted answer leaves on the line belongs to nobody: begin anew.
            self.close()
            raise StoreError(f"postgres: the database hung up: {exc}") from exc

    def _connect(self) -> Connection:
        s = self._settings
        socket = f"{s.host}/.s.PGSQL.{s.port}" if s.host.startswith("/") else None
        try:
            return Connection(
                s.user,
                host=s.host,
                port=s.port,
                database=s.database,
                password=s.password(),
                unix_sock=socket,
                timeout=ANSWER_S,
                application_name="vointi-gateway",
                startup_params={"idle_in_transaction_session_timeout": str(STILL_MS)},
            )
        except (pg8000.exceptions.Error, OSError) as exc:
            raise StoreError(
                f"postgres: {s.database} at {s.host}:{s.port} cannot be opened: {_line(exc)}; "
                "start it, or check postgres.host, port, user and password_file"
            ) from exc


def _error(exc: pg8000.exceptions.DatabaseError) -> StoreError:
    fields = exc.args[0] if exc.args and isinstance(exc.args[0], dict) else {}
    said = str(fields.get("M", exc))
    if str(fields.get("C", "")).startswith(_DATA_AT_FAULT):
        return UnstorableError(f"the store cannot hold a value: {said}")
    return StoreError(f"the store refused: {said}")


def _line(exc: BaseException) -> str:
    fields = exc.args[0] if exc.args and isinstance(exc.args[0], dict) else {}
    return str(fields.get("M") or exc or type(exc).__name__).strip().splitlines()[0]
