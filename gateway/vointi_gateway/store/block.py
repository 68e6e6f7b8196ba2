"""Readings as columns, as the compiled reader leaves them: objects are made only for who asks."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple, overload

import numpy as np
import numpy.typing as npt
from vointi_contract.frame import Channel, ClockState, Frame, Quality

from .model import Int64s, StoredReading

if TYPE_CHECKING:
    from vointi_codec import Taken

#: Gives UTC minus CLOCK_BOOTTIME, µs, of (edge, boot), or None while it is unknown.
BootOffset = Callable[[str, int], int | None]


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose a layout's frames are: `device` is the global id, `name` the edge's own word for it."""

    pilot: str
    edge: str
    name: str

    @property
    def device(self) -> str:
        """The device's global id, ``edge.device``."""
        return f"{self.edge}.{self.name}"


@dataclass(frozen=True, slots=True)
class Agreed:
    """By layout: whose it is and what it may be shown for."""

    layout: int
    person: str | None
    purposes: frozenset[str] | None


class Part(NamedTuple):
    """The frames of one delivery, from `first` on."""

    first: int
    received_us: int
    agreed: tuple[Agreed, ...]


class ReadingBlock(Sequence[StoredReading]):
    """Frames of one group in columns (vointi_codec), with who sent them and when they arrived.

    Args:
        taken: the columns.
        owners: by the owner's number in a layout.
        parts: of which delivery the frames are, ascending.

    """

    def __init__(self, taken: Taken, owners: Sequence[Owner], parts: Sequence[Part]) -> None:
        self.taken, self.owners, self._parts = taken, owners, parts

    def __len__(self) -> int:
        return len(self.taken.frames)

    @overload
    def __getitem__(self, at: int) -> StoredReading: ...

    @overload
    def __getitem__(self, at: slice) -> Sequence[StoredReading]: ...

    def __getitem__(self, at: int | slice) -> StoredReading | Sequence[StoredReading]:
        if isinstance(at, slice):
            return [self._reading(i) for i in range(len(self))[at]]
        return self._reading(range(len(self))[at])

    def __iter__(self) -> Iterator[StoredReading]:
        return map(self._reading, range(len(self)))

    def after(self, since_us: int) -> list[StoredReading]:
        """Readings whose last sample is later than `since_us` (UTC µs), or at an unknown time.

        Objects are made of these alone: a group of a backlog holds hundreds of others.
        """
        frames = self.taken.frames
        later = np.ones(len(frames), np.bool_)
        later[self._timed] = self.last_samples_us() > since_us
        return [self._reading(at) for at in np.flatnonzero(later).tolist()]

    @cached_property
    def _timed(self) -> npt.NDArray[np.bool_]:
        frames = self.taken.frames
        return np.asarray((frames["has_wall"] != 0) & (frames["offsets"] == 0), np.bool_)

    @cached_property
    def _firsts(self) -> list[int]:
        return [part.first for part in self._parts]

    def _reading(self, at: int) -> StoredReading:
        row = self.taken.frames[at]
        number, stream, _ = self.taken.layouts[row["layout"]]
        owner = self.owners[number]
        part = self._parts[bisect_right(self._firsts, at) - 1]
        who = next(a for a in part.agreed if a.layout == row["layout"])
        frame = self._frame(row, owner.name, stream)
        return StoredReading(
            owner.pilot, owner.edge, frame, part.received_us, who.person, who.purposes
        )

    def _frame(self, row: Any, device: str, stream: str) -> Frame:
        first, steps = int(row["first_offset"]), int(row["offsets"])
        channels = int(row["first_channel"])
        return Frame(
            device=device,
            stream=stream,
            boot=int(row["boot"]),
            seq=int(row["seq"]),
            mono_us=int(row["mono_us"]),
            wall_us=int(row["wall_us"]) if row["has_wall"] else None,
            clock=ClockState(int(row["clock"])),
            uncertainty_us=int(row["uncertainty_us"]),
            rate_hz=float(row["rate_hz"]),
            dev_ts_ns=int(row["dev_ts_ns"]) if row["has_dev"] else None,
            channels=tuple(
                self._channel(i) for i in range(channels, channels + int(row["channels"]))
            ),
            offsets_us=tuple(self.taken.offsets[first : first + steps].tolist()) or None,
            quality=Quality(int(row["quality"])),
        )

    def _channel(self, at: int) -> Channel:
        row = self.taken.channels[at]
        samples = self.taken.waves if row["wave"] else self.taken.points
        values = samples[row["start"] : row["start"] + row["n"]]
        return Channel(int(row["metric"]), values, float(row["scale"]), float(row["offset"]))

    def walls(self, offset: BootOffset) -> tuple[Int64s, npt.NDArray[np.bool_]]:
        """UTC µs of each frame's first sample, and whether it is known."""
        frames = self.taken.frames
        walls, known = frames["wall_us"].copy(), frames["has_wall"] != 0
        for at in np.flatnonzero(~known).tolist():
            owner = self.owners[self.taken.layouts[frames["layout"][at]][0]]
            found = offset(owner.edge, int(frames["boot"][at]))
            if found is not None:
                walls[at], known[at] = int(frames["mono_us"][at]) + found, True
        return walls, known

    def last_samples_us(self) -> Int64s:
        """UTC µs of the last samples of the frames that have a wall time, and no offsets."""
        chosen, channels = self.taken.frames[self._timed], self.taken.channels
        rate = chosen["rate_hz"]
        steps = (channels["n"][chosen["first_channel"]] - 1) * 1e6
        spans = np.divide(steps, rate, out=np.zeros(len(chosen)), where=rate > 0)
        return np.asarray(chosen["wall_us"] + np.rint(spans).astype(np.int64), np.int64)


class Readings(Sequence[StoredReading]):
    """The readings of one commit: some as objects, the others as a block.

    It is equal to every sequence of equal readings.
    """

    def __init__(self, loose: Sequence[StoredReading], block: ReadingBlock | None = None) -> None:
        self.loose, self.block = loose, block

    def __len__(self) -> int:
        return len(self.loose) + (len(self.block) if self.block else 0)

    @overload
    def __getitem__(self, at: int) -> StoredReading: ...

    @overload
    def __getitem__(self, at: slice) -> Sequence[StoredReading]: ...

    def __getitem__(self, at: int | slice) -> StoredReading | Sequence[StoredReading]:
        if isinstance(at, slice):
            return [self[i] for i in range(len(self))[at]]
        at = range(len(self))[at]
        if at < len(self.loose):
            return self.loose[at]
        assert self.block is not None  # noqa: S101 - its length was counted
        return self.block[at - len(self.loose)]

    def __iter__(self) -> Iterator[StoredReading]:
        yield from self.loose
        if self.block:
            yield from self.block

    def after(self, since_us: int) -> list[StoredReading]:
        """What may have been said after `since_us` (UTC µs): all loose ones, and of the block."""
        return [*self.loose, *(self.block.after(since_us) if self.block else ())]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence):
            return NotImplemented
        return list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]
