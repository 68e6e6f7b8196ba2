"""Columns of readings that know their series and their times, and nothing of who sent them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from vointi_contract.metrics import by_code

from ..block import BootOffset, Owner, ReadingBlock

#: Gives the series' number for (owner, stream, metric), making one when needed.
SeriesNumber = Callable[[Owner, str, str], int]

_Column = npt.NDArray[Any]


class Numbered(NamedTuple):
    """The columns of vointi_codec's `Taken`; of each channel `sids`, of each frame its time.

    `walls` are UTC µs of the first sample, where `known`. The samples lie in the order of the
    channels, and `start` counts from the beginning of `waves` or of `points`.
    """

    frames: _Column
    channels: _Column
    waves: npt.NDArray[np.int32]
    points: npt.NDArray[np.int32]
    offsets: npt.NDArray[np.int64]
    sids: npt.NDArray[np.int32]
    walls: npt.NDArray[np.int64]
    known: npt.NDArray[np.bool_]


def number(block: ReadingBlock, offset: BootOffset, series: SeriesNumber) -> Numbered:
    """A block's columns; `offset` places frames in time that have none of their own."""
    taken = block.taken
    walls, known = block.walls(offset)
    first = np.zeros(len(taken.layouts), np.int64)
    sids: list[int] = []
    for layout in np.unique(taken.frames["layout"]).tolist():
        owner_number, stream, codes = taken.layouts[layout]
        owner, first[layout] = block.owners[owner_number], len(sids)
        sids += [series(owner, stream, by_code(code).name) for code in codes]
    layouts = taken.frames["layout"][taken.channels["frame"]]
    chosen: _Column = np.array(sids, np.int32)[first[layouts] + taken.channels["slot"]]
    return Numbered(*taken[:5], chosen, walls, known)


def join(parts: Sequence[Numbered]) -> Numbered:
    """All of them, of which there is one at least, as one."""
    if len(parts) == 1:
        return parts[0]
    whole = Numbered(*(np.concatenate(each) for each in zip(*parts, strict=True)))
    frames, channels, waves, points, offsets = (
        np.cumsum([0, *(len(part[i]) for part in parts)])[:-1].astype(np.int32) for i in range(5)
    )
    of_frames = [len(part.frames) for part in parts]
    of_channels = [len(part.channels) for part in parts]
    whole.frames["first_channel"] += np.repeat(channels, of_frames)
    whole.frames["first_offset"] += np.repeat(offsets, of_frames)
    whole.channels["frame"] += np.repeat(frames, of_channels)
    whole.channels["start"] += np.where(
        whole.channels["wave"] == 1, np.repeat(waves, of_channels), np.repeat(points, of_channels)
    )
    return whole
