"""What pipelines have learnt, in a file under the box's key: it is about a person's heart."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from vointi_edge.outbox.vault import Vault
from vointi_edge.processing import saved

log = logging.getLogger(__name__)

# The name that the vault binds the bytes to: no row of the outbox is called so.
_ROW: Final = ("pipelines:", 0, 0)
_KEY_ID_BYTES: Final = 8


class PipelineNotes:
    """Loads and stores the states; trouble is one line in the log and never more."""

    def __init__(self, path: Path, vault: Vault) -> None:
        self._path = path
        self._vault = vault

    def load(self) -> dict[str, Mapping[str, Any]]:
        """Return the states of before the restart; none where they cannot be used."""
        return saved.load(self._path, self._unseal)

    def store(self, states: Mapping[str, Mapping[str, Any]]) -> None:
        """Replace the file; without a place for it everything else still works."""
        try:
            saved.store(self._path, states, self._seal)
        except OSError as error:
            log.warning("%s: cannot be written (%s)", self._path.name, error.strerror)

    def _seal(self, content: bytes) -> bytes:
        key_id = self._vault.key_id.encode().ljust(_KEY_ID_BYTES)
        return key_id + self._vault.seal(_ROW, content)

    def _unseal(self, kept: bytes) -> bytes:
        key_id = kept[:_KEY_ID_BYTES].decode("ascii", "replace").strip()
        return self._vault.open(_ROW, key_id, kept[_KEY_ID_BYTES:])
