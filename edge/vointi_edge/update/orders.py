"""The service's part in an update: fetch what the gateway ordered, and tell what became of it.

The service may not change its own program. It leaves the release and an order in its data folder,
where vointi-update.path sees them; the updater, with rights of its own, verifies everything anew.
"""

from __future__ import annotations

import asyncio
import json
import logging
import ssl
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from vointi_contract.command import Command, CommandResult
from vointi_contract.jsonform import MAX_TEXT

from vointi_edge.errors import UpdateError
from vointi_edge.files import read_if_there, write_atomically
from vointi_edge.text import printable
from vointi_edge.update.source import Find, Source
from vointi_edge.update.state import OUTCOME_FILE, read_outcome

log = logging.getLogger(__name__)

FOLDER: Final = "update"
ORDER_FILE: Final = "order.json"
RELEASE_FILE: Final = "release.tar"
#: Where the program is installed, as provision.sh does it.
ROOT: Final = Path("/opt/vointi")
_TOLD_FILE: Final = "told"
_LOOK_S: Final = 1.0


class UpdateOrders:
    """Takes `update` commands; `run` tells the gateway how they ended."""

    def __init__(
        self,
        data_dir: Path,
        answer: Callable[[CommandResult], None],
        serves: Callable[[], bool],
        *,
        tls: Callable[[], ssl.SSLContext] | None = None,
        gateway: Find | None = None,
        root: Path = ROOT,
    ) -> None:
        self._folder = data_dir / FOLDER
        self._answer = answer
        self._serves = serves
        self._tls, self._gateway = tls or ssl.create_default_context, gateway
        self._outcome = root / "update" / OUTCOME_FILE
        self._fetching: asyncio.Task[None] | None = None
        self._untold: CommandResult | None = None

    async def update(self, command: Command) -> Mapping[str, object] | None:
        """Begin to fetch; answered when it has been tried. Raises UpdateError, PayloadError."""
        url = command.fields.text("url")
        digest = command.fields.text("sha256")
        source = self._source(url)
        if self._fetching is not None and not self._fetching.done():
            raise UpdateError("update", "another one is under way; order it again later")
        self._fetching = asyncio.create_task(self._fetch(command, source, digest), name="update")
        return None

    async def run(self) -> None:
        """Tell the gateway each outcome once, when it listens. For ever."""
        while True:
            self._tell_untold()
            result = read_outcome(self._outcome)
            if result is not None and self._serves() and not self._was_told(result):
                self._answer(result)
                write_atomically(self._folder / _TOLD_FILE, str(result.number).encode())
            await asyncio.sleep(_LOOK_S)

    def _was_told(self, result: CommandResult) -> bool:
        told = read_if_there(self._folder / _TOLD_FILE) or b""
        return told == str(result.number).encode()

    def _tell_untold(self) -> None:
        if self._untold is not None and self._serves():
            self._answer(self._untold)
            self._untold = None

    def _source(self, url: str) -> Callable[[], Source]:
        """Where it is; at the gateway that enrolled us when it is a path. Raises UpdateError."""
        if not url.startswith("/"):
            _check_address(url)
            return lambda: Source(url, self._tls())
        gateway = self._gateway
        if gateway is None:
            raise UpdateError("arguments.url", "needs a certificate of the gateway's; enrol first")
        return lambda: gateway(url)

    async def _fetch(self, command: Command, source: Callable[[], Source], digest: str) -> None:
        # Loaded for the rare update alone: the HTTP client takes five megabytes.
        from vointi_edge.update.fetch import FETCH_ERRORS, fetch

        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            await fetch(source, self._folder / RELEASE_FILE, digest)
            order = {"edge": command.edge, "command": command.number}
            write_atomically(self._folder / ORDER_FILE, json.dumps(order).encode())
        except FETCH_ERRORS as error:
            log.warning("update: %s", error)
            reason = printable(f"not fetched: {type(error).__name__}: {error}", MAX_TEXT)
            self._untold = CommandResult(command.edge, command.number, "update", "failed", reason)
            self._tell_untold()


def _check_address(url: str) -> None:
    parts = urlsplit(url)
    near = parts.hostname in ("127.0.0.1", "::1", "localhost")
    if parts.scheme != "https" and not (parts.scheme == "http" and near):
        raise UpdateError("arguments.url", "must be https://…")
