"""The store as those have it who only look: pages and routes cannot write or delete."""

from __future__ import annotations

from typing import Any

from .port import Store

#: What only ingest, erasure and backup may do, each in the writer's turn.
WRITES = frozenset(
    {
        *("open", "close", "reopen", "commit", "compact", "erase", "copy_to"),
        *("save_export_mark",),
    }
)


class ReadOnly:
    """A store of which everything but reading is refused.

    Args:
        store: opened by somebody else.

    """

    def __init__(self, store: Store) -> None:
        self._store = store

    def __getattr__(self, name: str) -> Any:
        """A public thing of the store that changes nothing. Raises PermissionError."""
        if name in WRITES or name.startswith("_"):
            raise PermissionError(f"store.{name}: readers may not; ask for an erasure or a job")
        return getattr(self._store, name)
