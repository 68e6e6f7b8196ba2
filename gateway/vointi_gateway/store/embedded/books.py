"""Reading the books: receipts, counts, quarantine, births, how far each copy came."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from ..model import Counts, ExportMark, Outcome, Quarantined, Receipt, Refused


def receipts(cursor: Any) -> Iterator[Receipt]:
    """Every settled range."""
    rows = cursor.execute(
        "SELECT edge, device, boot, first, last, outcome FROM receipt "
        "ORDER BY edge, device, boot, outcome, first"
    ).fetchall()
    return (Receipt(e, d, b, first, last, Outcome(o)) for e, d, b, first, last, o in rows)


def counts(cursor: Any) -> Mapping[str, Counts]:
    """Counts per edge."""
    rows = cursor.execute(
        "SELECT edge, sum(accepted), sum(stored), sum(duplicates), sum(quarantined), sum(lost) "
        "FROM tally GROUP BY edge"
    ).fetchall()
    return {row[0]: Counts(*(int(n) for n in row[1:])) for row in rows}


def refused(cursor: Any) -> tuple[Refused, ...]:
    """Readings of which only the number was kept."""
    rows = cursor.execute(
        "SELECT edge, device, reason, sum(n) FROM refused GROUP BY edge, device, reason "
        "ORDER BY edge, device, reason"
    ).fetchall()
    return tuple(Refused(edge, device, reason, int(n)) for edge, device, reason, n in rows)


def digests(cursor: Any) -> set[bytes]:
    """Digests of what is in quarantine."""
    return {bytes(row[0]) for row in cursor.execute("SELECT digest FROM quarantine").fetchall()}


def quarantined(cursor: Any) -> tuple[Quarantined, ...]:
    """What is in quarantine."""
    rows = cursor.execute(
        "SELECT edge, topic, payload, field, fix, digest, received_us FROM quarantine "
        "ORDER BY received_us, rowid"
    ).fetchall()
    return tuple(
        Quarantined(edge, topic, bytes(payload), field, fix, bytes(digest), at_us)
        for edge, topic, payload, field, fix, digest, at_us in rows
    )


def births(cursor: Any) -> dict[str, str]:
    """The newest birth document of every edge."""
    return dict(cursor.execute("SELECT edge, document FROM birth").fetchall())


def export_mark(cursor: Any, name: str) -> ExportMark:
    """How far the copy `name` came."""
    rows = cursor.execute("SELECT value FROM meta WHERE key = ?", [f"export:{name}"]).fetchall()
    return ExportMark(*json.loads(rows[0][0])) if rows else ExportMark()


def save_export_mark(cursor: Any, name: str, mark: ExportMark) -> None:
    """Remember how far the copy `name` came; a transaction of its own."""
    key, value = f"export:{name}", json.dumps([mark.segment, mark.scalar])
    cursor.begin()
    cursor.execute("DELETE FROM meta WHERE key = ?", [key])
    cursor.execute("INSERT INTO meta VALUES (?, ?)", [key, value])
    cursor.commit()
