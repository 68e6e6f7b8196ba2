"""One file a day, pilot and kind in the lake: what came late joins what was there."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import groupby
from typing import Any

from ...errors import StoreError
from .lake import Lake, Part

_Parts = tuple[Part, ...]
#: Pilot, day and kind.
Place = tuple[str, int, str]


def place_of(part: Part) -> Place:
    """What one file holds all of."""
    return part.pilot, part.day_us, part.kind


def next_of(cursor: Any, lake: Lake, tried: Collection[Place]) -> _Parts:
    """Files that ought to be one and were not tried; none when there are no more."""
    parts = sorted(lake.listed(cursor), key=lambda part: (*place_of(part), part.path))
    groups = ((place, tuple(group)) for place, group in groupby(parts, place_of))
    return next((g for place, g in groups if len(g) > 1 and place not in tried), ())


def write(cursor: Any, lake: Lake, parts: _Parts) -> Part:
    """All their rows in a new file, which does not count yet. Raises StoreError."""
    sql = f"SELECT * FROM {lake.read(part.path for part in parts)}"  # noqa: S608
    new = lake.write(cursor, sql, parts[0].kind, parts[0].pilot, parts[0].day_us)
    wanted = sum(part.n for part in parts)
    if new is None or new.n != wanted:
        raise StoreError(f"lake: {parts[0].path} has other rows than are listed; run `doctor`")
    return new


def carry_out(con: Any, lake: Lake, parts: Sequence[Part], new: Part) -> None:
    """In the caller's transaction: the new file counts, the others do not.

    Whoever changed one of them since has dropped the new one, too: then nothing is done.
    """
    paths = [part.path for part in parts]
    listed, waiting = con.execute(
        "SELECT (SELECT count(*) FROM lake_file WHERE path IN (SELECT unnest($1))), "
        "(SELECT count(*) FROM lake_drop WHERE path = $2)",
        [paths, new.path],
    ).fetchall()[0]
    if (listed, waiting) == (len(paths), 1):
        lake.admit(con, [new], instead_of=parts)
