"""A block of readings → the same rows as rows.py makes of readings, whole columns at a time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ..model import Int64s
from .columns import of_numbers
from .numbered import Numbered

#: (device, metric, UTC µs, value) of the newest sample of a series.
Newest = tuple[str, str, int, float]

_Column = npt.NDArray[Any]


class BlockRows:
    """The rows of columns.

    Args:
        numbered: the columns.
        names: device (global id) and metric of each series.

    """

    def __init__(self, numbered: Numbered, names: Mapping[int, tuple[str, str]]) -> None:
        self._taken, self._sids = numbered, numbered.sids
        self._walls, self._known = numbered.walls, numbered.known
        self._names = names
        self.newest: list[Newest] = []

    def segments(self, schema: pa.Schema) -> pa.Table | None:
        """The segment rows as one Arrow table, or None."""
        chosen = self._taken.channels["wave"] == 1
        if not chosen.any():
            return None
        c, sids = self._taken.channels[chosen], self._sids[chosen]
        f = self._taken.frames[c["frame"]]
        t_us, known = self._walls[c["frame"]], self._known[c["frame"]]
        end_us = t_us + np.rint((c["n"] - 1) * 1e6 / f["rate_hz"]).astype(np.int64)
        a, b = c["scale"], c["offset"]
        ends = c["vmin"] * a + b, c["vmax"] * a + b
        last = self._taken.waves[c["start"] + c["n"] - 1] * a + b
        self._note(sids, end_us, known, last)
        columns = {
            **_common(f, sids),
            "t_us": of_numbers(t_us, known),
            "end_us": of_numbers(end_us, known),
            "mono_us": f["mono_us"],
            "rate_hz": f["rate_hz"],
            "n": c["n"],
            "scale": a,
            "offset": b,
            "vmin": np.minimum(*ends),
            "vmax": np.maximum(*ends),
            "vsum": c["vsum"] * a + c["n"] * b,
        }
        starts = np.append(c["start"], np.int32(len(self._taken.waves)))
        lists = pa.ListArray.from_arrays(of_numbers(starts), of_numbers(self._taken.waves))
        return _table(columns, schema).append_column("v", lists)

    def scalars(self, schema: pa.Schema) -> pa.Table | None:
        """The scalar rows as one Arrow table, or None."""
        chosen = self._taken.channels["wave"] == 0
        if not chosen.any():
            return None
        per = self._taken.channels[chosen]
        of = np.repeat(np.arange(len(per)), per["n"])
        c, sids = per[of], self._sids[chosen][of]
        f, known = self._taken.frames[c["frame"]], self._known[c["frame"]]
        idx = np.arange(len(of), dtype=np.int32) - c["start"]
        after = self._after(f, c, idx)
        t_us = self._walls[c["frame"]] + after
        value = self._taken.points.astype(np.float64) * c["scale"] + c["offset"]
        self._note(sids, t_us, known, value)
        columns = {
            **_common(f, sids),
            "idx": idx,
            "t_us": of_numbers(t_us, known),
            "mono_us": f["mono_us"] + after,
            "value": value,
        }
        return _table(columns, schema)

    def _after(self, f: _Column, c: _Column, idx: _Column) -> Int64s:
        """Microseconds from the frame's time to each value (Frame.sample_offsets_us)."""
        after = np.zeros(len(idx), np.int64)
        regular = f["rate_hz"] > 0
        after[regular] = np.rint(idx[regular] * (1e6 / f["rate_hz"][regular])).astype(np.int64)
        stepped = f["offsets"] > 0
        at = f["first_offset"] + f["offsets"] - c["n"] + idx
        after[stepped] = self._taken.offsets[at[stepped]]
        return after

    def _note(self, sids: _Column, t_us: _Column, known: _Column, value: _Column) -> None:
        """Note the newest sample of each series; of equally new ones the last."""
        sids, t_us, value = sids[known], t_us[known], value[known]
        order = np.lexsort((t_us, sids))
        ends = order[np.flatnonzero(np.diff(sids[order], append=-1))]
        rows = zip(sids[ends].tolist(), t_us[ends].tolist(), value[ends].tolist(), strict=True)
        self.newest += [(*self._names[sid], at_us, last) for sid, at_us, last in rows]


def chain(tables: Iterable[pa.Table | None]) -> pa.Table | None:
    """Those that are there as one, or None."""
    found = [table for table in tables if table is not None]
    return pa.concat_tables(found) if found else None


def _common(f: _Column, sids: _Column) -> dict[str, Any]:
    return {
        "sid": sids,
        "boot": f["boot"],
        "seq": f["seq"],
        "dev_ts_ns": of_numbers(f["dev_ts_ns"], f["has_dev"] != 0),
        "clock": f["clock"],
        "uncertainty_us": f["uncertainty_us"],
        "quality": f["quality"],
    }


def _table(columns: dict[str, Any], schema: pa.Schema) -> pa.Table:
    arrays = [_plain(columns[f.name]) for f in schema]
    return pa.Table.from_arrays(arrays, schema=schema)


def _plain(column: Any) -> pa.Array:
    return column if isinstance(column, pa.Array) else of_numbers(column)
