"""Readings without a wall time get one from their boot's clock anchor, whichever comes first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..model import Anchor, StoredReading
from .summaries import add_placed

_Boot = tuple[str, int]


class AnchorTable:
    """The newest anchor of every boot; changed by `keep` once a commit is durable."""

    def __init__(self) -> None:
        self._offsets: dict[_Boot, int] = {}

    def load(self, con: Any) -> None:
        """Read what the file holds."""
        rows = con.execute("SELECT edge, boot, offset_us FROM anchor").fetchall()
        self._offsets = {(edge, boot): offset_us for edge, boot, offset_us in rows}

    def with_new(self, anchors: Iterable[Anchor]) -> Offsets:
        """What holds when these are durable, too."""
        newer = {(anchor.edge, anchor.boot): anchor.offset_us for anchor in anchors}
        first = {boot: offset_us for boot, offset_us in newer.items() if boot not in self._offsets}
        return Offsets(self._offsets | newer, newer, first)

    def keep(self, offsets: Offsets) -> None:
        """Take over what is durable now."""
        self._offsets = dict(offsets.known)


class Offsets:
    """UTC µs minus CLOCK_BOOTTIME µs of each boot, for one commit."""

    def __init__(
        self, known: Mapping[_Boot, int], newer: Mapping[_Boot, int], first: Mapping[_Boot, int]
    ) -> None:
        self.known = known
        self._newer = newer
        self.first = first

    def wall_us(self, reading: StoredReading) -> int | None:
        """The reading's own wall time, else its place by the anchor, else None."""
        frame = reading.frame
        if frame.wall_us is not None:
            return frame.wall_us
        offset_us = self.of(reading.edge, frame.boot)
        return None if offset_us is None else frame.mono_us + offset_us

    def of(self, edge: str, boot: int) -> int | None:
        """The offset of one boot, or None."""
        return self.known.get((edge, boot))

    def write(self, con: Any) -> None:
        """Make the new anchors durable, within the caller's transaction."""
        for (edge, boot), offset_us in self._newer.items():
            con.execute("DELETE FROM anchor WHERE edge = ? AND boot = ?", [edge, boot])
            con.execute("INSERT INTO anchor VALUES (?, ?, ?)", [edge, boot, offset_us])

    def place(self, con: Any, series: Mapping[tuple[str, str, str], int]) -> list[int]:
        """Give stored readings of a boot that is anchored now their time; return their series."""
        placed: list[int] = []
        for (edge, boot), offset_us in self.first.items():
            sids = [sid for (device, *_), sid in series.items() if device.startswith(f"{edge}.")]
            if sids:
                add_placed(con, boot, offset_us, sids)
                _update(con, boot, offset_us, sids)
                placed += sids
        return placed


def _update(con: Any, boot: int, offset_us: int, sids: list[int]) -> None:
    where = "boot = ? AND t_us IS NULL AND sid IN (SELECT unnest(?))"
    values = [offset_us, boot, sids]
    con.execute(f"UPDATE scalar SET t_us = mono_us + ? WHERE {where}", values)  # noqa: S608
    con.execute(
        "UPDATE segment SET t_us = mono_us + ?, end_us = mono_us + ? + "  # noqa: S608
        f"CAST(round((n - 1) * 1e6 / rate_hz) AS BIGINT) WHERE {where}",
        [offset_us, *values],
    )
