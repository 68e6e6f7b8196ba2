"""Removing rows, and having the server write its files without them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..model import ErasedRows, WornSpan
from ..worn import may_hold
from .connection import Link
from .writes import refresh_latest

_TABLES = ("segment", "scalar", "quarantine", "latest")


def delete(link: Link, spans: Sequence[WornSpan]) -> ErasedRows:
    """Delete the spans' rows in the transaction at hand."""
    total = ErasedRows()
    for span in spans:
        where = (
            "sid IN (SELECT sid FROM series WHERE device = :device) "
            "AND (t_us IS NULL OR (t_us >= :from AND t_us < :to))"
        )
        values: dict[str, Any] = {"device": span.device, "from": span.from_us, "to": span.to_us}
        segments = link.run(f"DELETE FROM segment WHERE {where} RETURNING 1", **values)  # noqa: S608
        scalars = link.run(f"DELETE FROM scalar WHERE {where} RETURNING 1", **values)  # noqa: S608
        link.run("DELETE FROM latest WHERE device = :device", device=span.device)
        refresh_latest(link, span.device)
        total += ErasedRows(len(segments), len(scalars), _delete_quarantined(link, span))
    return total


def rewrite(link: Link) -> None:
    """Give each table a new file. The server's log forgets by itself, as its settings say."""
    for table in _TABLES:
        link.run(f"VACUUM FULL {table}")


def _delete_quarantined(link: Link, span: WornSpan) -> int:
    edge, _, name = span.device.partition(".")
    rows = link.run(
        "SELECT id, received_us, payload FROM quarantine WHERE edge = :edge "
        "AND right(topic, length(:live)) IN (:live, :backlog)",
        edge=edge,
        live=f"/d/{name}",
        backlog=f"/b/{name}",
    )
    mine = [row for row, received_us, data in rows if may_hold(span, received_us, bytes(data))]
    link.run("DELETE FROM quarantine WHERE id = ANY(CAST(:mine AS bigint[]))", mine=mine)
    return len(mine)
