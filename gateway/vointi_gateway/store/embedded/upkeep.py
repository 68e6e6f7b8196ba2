"""What the store does besides taking and answering: summaries, the lake, retention, erasure."""

from __future__ import annotations

import shutil
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import duckdb

from ...errors import StoreError
from ..model import Check, Daily, DeviceDay, ErasedRows, Expired, Limit, WornSpan
from ..port import Alone
from . import archive as archiving
from . import checks, erase, expire, merging, queries, summaries
from .anchors import Offsets
from .checkpoints import MERGES, NO_MERGES, Checkpoints
from .cores import Cores
from .lake import Lake, Part
from .readers import Readers

_T = TypeVar("_T")
#: What the engine keeps in memory of its file when a minute is over.
CACHE = "16MB"


class Upkeep(ABC):
    """A part of the embedded store.

    Args:
        path: the DuckDB file; the lake lies beside it.
        wall_us: UTC now in µs.

    """

    def __init__(self, path: Path, wall_us: Callable[[], int]) -> None:
        self._path = path
        self._wall_us = wall_us
        self._lake = Lake(path.absolute().parent / "lake")
        self._series: dict[tuple[str, str, str], int] = {}
        self._summing = threading.Lock()
        self._readers = Readers()
        self._cores = Cores(self._set)
        #: A commit never meets the moment in which memory is short, or row groups are merged.
        self._turn = threading.RLock()
        self._checkpoints = Checkpoints(path)

    @abstractmethod
    def open(self) -> None:
        """Open the file."""

    @abstractmethod
    def close(self) -> None:
        """Close the file."""

    @abstractmethod
    def _set(self, sql: str) -> None: ...

    @abstractmethod
    def _writer(self) -> Any: ...

    @abstractmethod
    def _read(self, ask: Callable[[Any], _T]) -> _T: ...

    @abstractmethod
    def _rollback(self) -> None: ...

    @abstractmethod
    def _make_rows(self) -> None: ...

    def _ask(self, ask: Callable[[Any], _T]) -> _T:
        """Read from one state of the store.

        A file of the lake may be replaced while it is read; then the question is asked again.
        """

        def within(cursor: Any) -> _T:
            cursor.begin()
            try:
                return ask(cursor)
            finally:
                cursor.rollback()

        try:
            return self._read(within)
        except StoreError as exc:
            if not isinstance(exc.__cause__, duckdb.IOException):
                raise
            return self._read(within)

    @contextmanager
    def _placing(self, offsets: Offsets) -> Iterator[None]:
        """Rows get their time while no pass of the summaries goes by them."""
        if not offsets.first:
            yield
            return
        with self._summing:
            yield

    def summarise(self) -> int:
        """Take in what is not summarised yet; how many rows."""
        total = 0
        with self._summing, self._cores.every():
            while rows := self._read(summaries.take_in):
                total += rows
                # What came since this pass began is the next one's: readings that never cease would
                # keep it going for good, with a row a minute and series for each turn of it.
                if rows < summaries.STEP:
                    break
        self._merge_groups()
        self._let_go()
        return total

    def _merge_groups(self) -> None:
        """Merge the row groups of many checkpoints, if they fill one; what fails is tried again."""
        if not self._checkpoints.merge_due:
            return
        with self._turn:
            try:
                self._set(MERGES)
                self._read(lambda c: c.execute("CHECKPOINT"))
                self._checkpoints.merged()
            except StoreError:  # somebody writes besides the writer
                return
            finally:
                self._set(NO_MERGES)

    def _let_go(self) -> None:
        """Give back memory that holds blocks of the file, which the kernel has as well.

        The engine keeps every block that it has written until its limit, most of the machine's
        memory. A limit that was so low for good would refuse a large question.
        """
        with self._turn:
            try:
                self._set(f"SET memory_limit = '{CACHE}'")
            except duckdb.OutOfMemoryException:  # a question holds more just now: in a minute then
                return
            finally:
                self._set("RESET memory_limit")

    def daily(self, from_us: int, to_us: int) -> tuple[Daily, ...]:
        """Each metric of each pilot by UTC day, of the whole days within [from, to)."""
        with self._cores.every():
            rows = self._ask(lambda c: queries.daily(c, from_us, to_us))
        return tuple(Daily(*row) for row in rows)

    def device_days(self, metric: str, from_us: int, to_us: int) -> tuple[DeviceDay, ...]:
        """One metric of each device by UTC day, of the whole days within [from, to)."""
        with self._cores.every():
            rows = self._ask(lambda c: queries.device_days(c, metric, from_us, to_us))
        return tuple(DeviceDay(*row) for row in rows)

    def archive(self, before_us: int, alone: Alone) -> int:
        """Move whole days to the lake, one file for all of a kind; how many rows were moved.

        The files are written beside the writer.
        """
        self.summarise()
        with self._cores.every():
            return self._archive(before_us, alone)

    def _archive(self, before_us: int, alone: Alone) -> int:
        moved = self._move(before_us, alone)
        tried: set[merging.Place] = set()
        while parts := self._read(lambda c: merging.next_of(c, self._lake, tried)):
            tried.add(merging.place_of(parts[0]))
            self._merge(parts, alone)
        return moved

    def _move(self, before_us: int, alone: Alone) -> int:
        move = self._read(lambda c: archiving.prepare(c, self._lake, before_us))
        if not move.parts:
            return 0

        def carry_out(_store: object) -> None:
            def change(con: Any) -> None:
                archiving.carry_out(con, self._lake, move)
                summaries.merge(con)

            self._renew(change, "move days to the lake")

        alone(carry_out)
        return sum(part.n for part in move.parts)

    def _merge(self, parts: tuple[Part, ...], alone: Alone) -> None:
        new = self._read(lambda c: merging.write(c, self._lake, parts))

        def change(con: Any) -> None:
            merging.carry_out(con, self._lake, parts, new)

        alone(lambda _: self._renew(change, "merge files of the lake", lambda _: False))

    def expire(self, limits: Sequence[Limit]) -> tuple[Expired, ...]:
        """Remove what is too old, from the file, too; for each limit what it removed."""
        self.summarise()
        now_us = self._wall_us()

        def change(con: Any) -> tuple[tuple[Expired, int], ...]:
            expire.note_undated(con, now_us)
            return tuple(expire.expire(con, self._lake, limit) for limit in limits)

        def from_the_file(found: tuple[tuple[Expired, int], ...]) -> bool:
            return any(hot for _, hot in found)

        with self._cores.every():
            found = self._renew(change, "remove what is too old", from_the_file)
        return tuple(expired for expired, _ in found)

    def erase(self, spans: Sequence[WornSpan]) -> ErasedRows:
        """Delete the rows, replace the lake's files, then write the file anew."""
        self.summarise()
        with self._cores.every():
            return self._erase(spans)

    def _erase(self, spans: Sequence[WornSpan]) -> ErasedRows:
        wanted = self._read(lambda c: erase.cuts(c, self._lake, spans, self._series))
        pairs, cold = self._read(lambda c: erase.replace_files(c, self._lake, wanted))

        def change(con: Any) -> ErasedRows:
            rows = erase.delete(con, wanted)
            new = [part for _, part in pairs if part is not None]
            self._lake.admit(con, new, instead_of=[old for old, _ in pairs])
            erase.summarise_again(con, self._lake, wanted)
            return rows + cold

        return self._renew(change, "erase")

    def _renew(
        self,
        change: Callable[[Any], _T],
        what: str,
        only_if: Callable[[Any], bool] = lambda _: True,
    ) -> _T:
        """Change rows in one transaction, then write the file anew in another process.

        DuckDB keeps the bytes of deleted rows, and a copy made by the same process may carry bytes
        of its buffers along (measured: 5 of 12 runs; by a new process 0 of 12).
        """
        with self._turn:
            self._make_rows()
            return self._renewed(change, what, only_if)

    def _renewed(
        self, change: Callable[[Any], _T], what: str, only_if: Callable[[Any], bool]
    ) -> _T:
        con = self._writer()
        erase.must_have_room(self._path)
        try:
            con.begin()
            result = change(con)
            marks = erase.marks(con) if only_if(result) else None
            if marks is not None:
                erase.owe(con, marks)
            con.commit()
            self._lake.sweep(con)
        except duckdb.Error as exc:
            self._rollback()
            line = str(exc).strip().splitlines()[0]
            raise StoreError(f"the store refused to {what}: {line}") from exc
        except StoreError:
            self._rollback()
            raise
        if marks is not None:
            with self._readers.alone():
                self.close()
                try:
                    erase.rewrite(self._path, marks)
                finally:
                    self.open()
        return result

    def copy_to(self, path: Path) -> None:
        """Bring everything into the one file, and copy it."""
        self._make_rows()
        try:
            self._writer().execute("FORCE CHECKPOINT")
        except duckdb.Error as exc:
            line = str(exc).strip().splitlines()[0]
            raise StoreError(f"the store could not be copied: {line}") from exc
        erase.copy_file(self._path, path)

    def copy_archive(self, folder: Path) -> None:
        """Copy the lake's files that count into a new folder `lake` below `folder`."""
        for part in self._ask(self._lake.listed):
            target = folder / "lake" / part.path
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                shutil.copyfile(self._lake.folder / part.path, target)
            except OSError as exc:
                raise StoreError(f"lake: {part.path} could not be copied: {exc.strerror}") from exc

    def check(self) -> tuple[Check, ...]:
        """What is wrong with summaries and lake, if anything."""
        return tuple(self._ask(lambda c: list(checks.examine(c, self._lake))))
