"""How many cores the engine may use: one, but for long work all of them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Cores:
    """One core as a rule: a commit, or a question to the hot rows, is done before a second helps.

    Handing the steps of a small statement from thread to thread costs more than the statement.

    Args:
        execute: runs a statement that sets what holds for the whole engine, if it is open.

    """

    def __init__(self, execute: Callable[[str], None]) -> None:
        self._execute = execute
        self._lock = threading.Lock()
        self._users = 0

    @contextmanager
    def every(self) -> Iterator[None]:
        """Use all cores meanwhile; any thread, any number at a time."""
        self._change(1)
        try:
            yield
        finally:
            self._change(-1)

    def _change(self, by: int) -> None:
        with self._lock:
            self._users += by
            self.apply()

    def apply(self) -> None:
        """Tell the engine, which has just been opened, or when it has changed."""
        self._execute("RESET threads" if self._users else "SET threads = 1")
