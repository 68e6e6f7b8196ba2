"""Who reads the file while it is replaced: nobody. Readers wait, and are waited for."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Readers:
    """Many read at a time, or one thread replaces the file.

    DuckDB gives a process one instance of a path for as long as any cursor is open: a reader that
    outlived the replacement would keep the file alive that is gone, and commits would go there.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._reading = 0
        self._owner: int | None = None

    @contextmanager
    def shared(self) -> Iterator[None]:
        """Read; waits while the file is being replaced, unless by this thread."""
        me = threading.get_ident()
        with self._changed:
            self._changed.wait_for(lambda: self._owner in (None, me))
            self._reading += 1
        try:
            yield
        finally:
            with self._changed:
                self._reading -= 1
                self._changed.notify_all()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Replace the file; waits until nobody reads. Not to be asked for while reading."""
        with self._changed:
            self._changed.wait_for(lambda: self._owner is None)
            self._owner = threading.get_ident()
            self._changed.wait_for(lambda: self._reading == 0)
        try:
            yield
        finally:
            with self._changed:
                self._owner = None
                self._changed.notify_all()
