"""Which adapter is meant by a name: the kernel gives `hci0` anew, an adapter keeps its address."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Final

from vointi_edge.files import read_if_there, write_atomically

ADAPTERS_FILE: Final = "adapters.json"
# hardware/provisioning/units/vointi-bluetooth.path looks for it.
RESTART_FILE: Final = "restart-bluetooth"

log = logging.getLogger(__name__)


class KnownAdapters:
    """The address of the adapter that each configured name stood for, kept in `file` (None: not).

    An edge that is started after its adapter was reset and came back as `hci1` has never seen it
    as `hci0`. A file that cannot be read is as none: names are all there is then.
    """

    def __init__(self, file: Path | None = None) -> None:
        self._file = file
        self._addresses: dict[str, str] | None = None

    def address(self, name: str) -> str | None:
        """Return the address last seen under `name`, None where there never was one."""
        return self._known().get(name)

    def learn(self, name: str, address: str) -> None:
        """Remember that `name` stands for `address`; a full disk costs the memory of it only."""
        known = self._known()
        if known.get(name) == address:
            return
        known[name] = address
        if self._file is not None:
            try:
                write_atomically(self._file, json.dumps(known).encode())
            except OSError as error:
                log.warning("%s: cannot be written (%s)", self._file, error)

    def _known(self) -> dict[str, str]:
        if self._addresses is None:
            self._addresses = self._read()
        return self._addresses

    def _read(self) -> dict[str, str]:
        try:
            kept = json.loads((self._file and read_if_there(self._file)) or b"{}")
            return {str(name): str(address) for name, address in kept.items()}
        except (OSError, ValueError, AttributeError) as error:
            log.warning("%s: cannot be read (%s); adapters go by their names", self._file, error)
            return {}
