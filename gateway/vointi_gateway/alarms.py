"""What somebody has to look at, and telling whoever that is, once, by a command of theirs."""

from __future__ import annotations

import logging
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from .fleet import EdgeView, Fleet

log = logging.getLogger(__name__)

#: Looked for this often; what is still so at the next look is told.
LOOK_S: Final = 30.0
#: A box that restarts, or a router that does, is back by then.
SILENT_US: Final = 15 * 60_000_000
#: States come every two seconds: a clock that differs by more is wrong, not late.
SKEW_US: Final = 5 * 60_000_000
#: An hour of a home with raw ECG.
PENDING: Final = 50_000
DISK_FREE: Final = 1024**3
_COMMAND_S: Final = 30.0


@dataclass(frozen=True, slots=True)
class Sources:
    """Where alarms are looked for; each is asked at every look."""

    identity: Callable[[], Sequence[str]]
    locked_out: Callable[[], int]
    broker_connected: Callable[[], bool]
    store_ok: Callable[[], bool]
    fleet: Fleet
    folder: Path
    wall_us: Callable[[], int]
    disk_free: Callable[[Path], int] = lambda folder: shutil.disk_usage(folder).free


class Alarms:
    """Looks, and tells what is new and what has ended.

    Args:
        sources: see Sources.
        command: the owner's program and its arguments; gets one line each on its input. Empty:
            the log alone.

    """

    def __init__(self, sources: Sources, command: Sequence[str] = ()) -> None:
        self._sources, self._command = sources, tuple(command)
        self._since_us = sources.wall_us()
        self._seen: frozenset[str] = frozenset()
        self._told: frozenset[str] = frozenset()

    def lines(self) -> list[str]:
        """Everything that somebody has to look at now, one line each, with the fix."""
        return [*self._sources.identity(), *self._operations()]

    def look(self) -> None:
        """Tell what was there at the last look, too, and what has ended. Call it every LOOK_S."""
        now = frozenset(self.lines())
        lasting = now & (self._seen | self._told)
        self._seen = now
        new, ended = sorted(lasting - self._told), sorted(self._told - now)
        texts = [*(f"alarm: {x}" for x in new), *(f"ended: {x}" for x in ended)]
        if texts and self._tell(texts):
            self._told = lasting

    def _operations(self) -> Iterator[str]:
        ask = self._sources
        if not ask.broker_connected():
            yield "broker: not connected; see whether it runs, edges keep their readings"
        if not ask.store_ok():
            yield "store: takes nothing; see the log, edges keep their readings"
        if ask.disk_free(ask.folder) < DISK_FREE:
            yield f"disk: less than 1 GiB is free for {ask.folder}; make room"
        if ask.locked_out():
            yield "sign-in: too many failures; see the security lines of the log"
        people = {pilot.id: pilot.people for pilot in ask.fleet.pilots}
        for view in ask.fleet.edges():
            if view.birth is not None:
                real = people.get(view.pilot) == "real"
                yield from self._edge(view, real=real)

    def _edge(self, view: EdgeView, *, real: bool) -> Iterator[str]:
        now_us, status = self._sources.wall_us(), view.status
        if not view.online:
            if now_us - max(view.last_seen_us or 0, self._since_us) > SILENT_US:
                yield f"edge {view.edge}: silent for 15 minutes; see its power and its network"
            return
        if status is None:
            return
        if status.outbox.pending > PENDING:
            yield f"edge {view.edge}: more than {PENDING} readings wait; see its line, if they stay"
        # A simulated home may live faster than we do.
        wall_us = status.wall_us if real else now_us
        if wall_us is None:
            yield f"edge {view.edge}: its clock is not set; see whether it reaches a time server"
        elif abs(now_us - wall_us) > SKEW_US:
            yield f"edge {view.edge}: its clock is off by more than 5 minutes; see its time server"

    def _tell(self, texts: Sequence[str]) -> bool:
        """Whether the owner was told; if not, the next look tries again."""
        for text in texts:
            log.warning("%s", text)
        if not self._command:
            return True
        try:
            subprocess.run(
                self._command,
                input="\n".join(texts) + "\n",
                text=True,
                timeout=_COMMAND_S,
                check=True,
                capture_output=True,
            )
        except (OSError, subprocess.SubprocessError) as exc:
            log.warning("alarms.command: %s; the owner was not told", type(exc).__name__)
            return False
        return True
