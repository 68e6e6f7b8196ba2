"""A thread that copies what is new in the store to InfluxDB, as far as InfluxDB takes it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Protocol

from ...errors import StoreError
from ...settings import InfluxSettings
from ..port import ExportSource
from .client import InfluxClient
from .erase import erase_person
from .lines import encode_lines

log = logging.getLogger(__name__)

#: Batches of 5 to 10 thousand lines are what InfluxDB takes best; waveforms add some.
ROWS = 5000
#: New readings are on a dashboard within this.
IDLE_S = 2.0
RETRY_S = (1.0, 60.0)
MARK = "influx"


class Target(Protocol):
    """Takes line protocol; raises on failure."""

    def write(self, lines: bytes) -> None:
        """Write all lines, µs times."""

    def erase(self, person: str) -> None:
        """Remove every point of a pseudonym; raises on failure."""

    def close(self) -> None:
        """Release the connection."""


class InfluxTarget:
    """A database or bucket. Raises ConfigError when the client is not installed."""

    def __init__(self, settings: InfluxSettings) -> None:
        self._client = InfluxClient(settings)
        self._client.open()

    def write(self, lines: bytes) -> None:
        """Write all lines, µs times."""
        self._client.write(lines, precision="us")

    def erase(self, person: str) -> None:
        """Remove every point whose tag `subject` is the pseudonym."""
        erase_person(self._client, person, (self._client.database,))

    def close(self) -> None:
        """Release the connection."""
        self._client.close()


class InfluxForwarder:
    """Copies from `source` to `target`; how far it came is kept in the source.

    Args:
        source: the store of record.
        target: where copies go; when it fails, the copy waits and nothing else does.
        person_of: pseudonym of who wore a device (global id) at a UTC µs, or None.
        idle_s: wait when nothing is new.
        retry_s: first and longest wait after a failure.

    """

    def __init__(
        self,
        source: ExportSource,
        target: Target,
        person_of: Callable[[str, int], str | None],
        idle_s: float = IDLE_S,
        retry_s: tuple[float, float] = RETRY_S,
    ) -> None:
        self._source, self._target, self._person_of = source, target, person_of
        self._idle_s, self._retry_s = idle_s, retry_s
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="influx", daemon=True)
        self.ok = True

    def start(self) -> None:
        """Begin to copy."""
        self._thread.start()

    def stop(self) -> None:
        """End after the batch at hand; a target that hangs is not waited for."""
        self._stop.set()
        self._thread.join(1.0)
        if not self._thread.is_alive():
            self._target.close()

    def erase(self, person: str) -> str:
        """Remove a person's points: ``done``, or why not yet."""
        try:
            self._target.erase(person)
        except Exception as exc:
            self._say(ok=False, why=exc)
            return f"InfluxDB does not answer ({type(exc).__name__})"
        return "done"

    def _run(self) -> None:
        wait_s = 0.0
        while not self._stop.wait(wait_s):
            try:
                wait_s = 0.0 if self._step() else self._idle_s
                self._say(ok=True)
            except Exception as exc:
                self._say(ok=False, why=exc)
                wait_s = min(max(wait_s, self._retry_s[0] / 2) * 2, self._retry_s[1])

    def _step(self) -> bool:
        """Copy one batch; whether there was anything."""
        mark = self._source.export_mark(MARK)
        points, after = self._source.export(mark, ROWS)
        if after == mark:
            return False
        if points:
            self._target.write(encode_lines(points, self._person_of))
        self._source.save_export_mark(MARK, after)
        return True

    def _say(self, *, ok: bool, why: Exception | None = None) -> None:
        if self.ok and not ok and not self._stop.is_set():
            kind = "the store" if isinstance(why, StoreError) else "InfluxDB"
            line = str(why).strip().splitlines() or [type(why).__name__]
            log.warning("%s does not answer (%s); copies wait", kind, line[0])
        elif ok and not self.ok:
            log.warning("InfluxDB answers again; copying goes on")
        self.ok = ok
