"""What one commit puts into the database, within the caller's transaction."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeAlias

import numpy as np
from vointi_contract.metrics import by_code

from ..model import Anchor, Commit, Counts, Refused, StoredReading
from .connection import Link
from .rows import Builder, Record, as_json, insert, quarantined, receipts

SeriesKey: TypeAlias = tuple[str, str, str]
Boot: TypeAlias = tuple[str, int]

_SERIES = """
INSERT INTO series (pilot, device, stream, metric)
SELECT pilot, device, stream, metric FROM jsonb_to_recordset(CAST(:rows AS jsonb))
    AS x(pilot text, device text, stream text, metric text) ORDER BY device, stream, metric
ON CONFLICT (device, stream, metric) DO UPDATE SET pilot = series.pilot
RETURNING device, stream, metric, sid
"""
_TALLY = """
INSERT INTO tally SELECT edge, accepted, stored, duplicates, quarantined, lost
FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS x(edge text, accepted bigint, stored bigint,
    duplicates bigint, quarantined bigint, lost bigint) ORDER BY edge
ON CONFLICT (edge) DO UPDATE SET
    accepted = tally.accepted + excluded.accepted, stored = tally.stored + excluded.stored,
    duplicates = tally.duplicates + excluded.duplicates,
    quarantined = tally.quarantined + excluded.quarantined, lost = tally.lost + excluded.lost
"""
_REFUSED = """
INSERT INTO refused SELECT edge, device, reason, n FROM jsonb_to_recordset(CAST(:rows AS jsonb))
    AS x(edge text, device text, reason text, n bigint) ORDER BY edge, device, reason
ON CONFLICT (edge, device, reason) DO UPDATE SET n = refused.n + excluded.n
"""
_LATEST = """
INSERT INTO latest SELECT device, metric, t_us, value
FROM jsonb_to_recordset(CAST(:rows AS jsonb))
    AS x(device text, metric text, t_us bigint, value float8) ORDER BY device, metric
ON CONFLICT (device, metric) DO UPDATE SET t_us = excluded.t_us, value = excluded.value
WHERE excluded.t_us >= latest.t_us
"""


def number_series(
    link: Link, readings: Iterable[StoredReading], known: Mapping[SeriesKey, int]
) -> dict[SeriesKey, int]:
    """Numbers of the readings' series that are not known yet."""
    new: dict[SeriesKey, str] = {}
    for reading in readings:
        for channel in reading.frame.channels:
            key = (reading.device, reading.frame.stream, by_code(channel.metric).name)
            if key not in known:
                new[key] = reading.pilot
    if not new:
        return {}
    names = ("device", "stream", "metric")
    records = [dict(zip(names, key, strict=True)) | {"pilot": new[key]} for key in new]
    rows = link.run(_SERIES, rows=as_json(records))
    return {(device, stream, metric): int(sid) for device, stream, metric, sid in rows}


def write(link: Link, commit: Commit, built: Builder, now_us: int) -> None:
    """Readings, receipts, counts, quarantine, births."""
    tables: dict[str, list[Record]] = {
        "segment": built.segments,
        "scalar": built.scalars,
        "receipt": receipts(commit),
        "quarantine": quarantined(commit),
    }
    for digest in commit.released:
        link.run("DELETE FROM quarantine WHERE digest = :digest", digest=digest)
    for table, records in tables.items():
        if records:
            link.run(insert(table), rows=as_json(records))
    write_tally(link, commit.tally)
    write_refused(link, commit.refused)
    write_latest(link, built.newest)
    for edge, document in commit.births.items():
        link.run(
            "INSERT INTO birth VALUES (:edge, :document, :at) ON CONFLICT (edge) "
            "DO UPDATE SET document = excluded.document, received_us = excluded.received_us",
            edge=edge,
            document=document,
            at=now_us,
        )


def write_tally(link: Link, tally: Mapping[str, Counts]) -> None:
    """Add to the counts."""
    names = ("accepted", "stored", "duplicates", "quarantined", "lost")
    records = [{"edge": e} | {name: getattr(c, name) for name in names} for e, c in tally.items()]
    if records:
        link.run(_TALLY, rows=as_json(records))


def write_refused(link: Link, refused: Iterable[Refused]) -> None:
    """Add to what was not kept."""
    total: dict[tuple[str, str, str], int] = {}
    for r in refused:
        key = (r.edge, r.device, r.reason)
        total[key] = total.get(key, 0) + r.n
    if total:
        names = ("edge", "device", "reason")
        records = [dict(zip(names, key, strict=True)) | {"n": n} for key, n in total.items()]
        link.run(_REFUSED, rows=as_json(records))


def write_latest(link: Link, newest: Mapping[tuple[str, str], tuple[int, float]]) -> None:
    """Replace what is older."""
    records = [
        {"device": device, "metric": metric, "t_us": t_us, "value": value}
        for (device, metric), (t_us, value) in newest.items()
    ]
    if records:
        link.run(_LATEST, rows=as_json(records))


def write_anchors(link: Link, anchors: Iterable[Anchor], known: Mapping[Boot, int]) -> None:
    """Make anchors durable; readings of a boot that had none get their time."""
    newer = {(a.edge, a.boot): a.offset_us for a in anchors}
    for (edge, boot), offset_us in newer.items():
        values = {"edge": edge, "boot": boot, "offset": offset_us}
        link.run(
            "INSERT INTO anchor VALUES (:edge, CAST(:boot AS numeric), :offset) "
            "ON CONFLICT (edge, boot) DO UPDATE SET offset_us = excluded.offset_us",
            **values,
        )
        if (edge, boot) not in known:
            _place(link, values)


def _place(link: Link, values: dict[str, object]) -> None:
    where = (
        "boot = CAST(:boot AS numeric) AND t_us IS NULL AND sid IN "
        "(SELECT sid FROM series WHERE starts_with(device, CAST(:edge AS text) || '.'))"
    )
    offset = "CAST(:offset AS bigint)"
    link.run(f"UPDATE scalar SET t_us = mono_us + {offset} WHERE {where}", **values)  # noqa: S608
    link.run(
        f"UPDATE segment SET t_us = mono_us + {offset}, end_us = mono_us + {offset} + "  # noqa: S608
        f"CAST(round((n - 1) * 1e6 / rate_hz) AS bigint) WHERE {where}",
        **values,
    )
    devices = link.run(
        "SELECT DISTINCT device FROM series WHERE starts_with(device, CAST(:edge AS text) || '.')",
        edge=values["edge"],
    )
    for (device,) in devices:
        refresh_latest(link, device)


def refresh_latest(link: Link, device: str) -> None:
    """Find the newest values of a device among its rows."""
    points = link.run(
        "SELECT DISTINCT ON (metric) metric, t_us, value FROM scalar JOIN series USING (sid) "
        "WHERE device = :device AND t_us IS NOT NULL ORDER BY metric, t_us DESC, idx DESC",
        device=device,
    )
    waves = link.run(
        'SELECT DISTINCT ON (metric) metric, end_us, scale, "offset", v FROM segment '
        "JOIN series USING (sid) WHERE device = :device AND t_us IS NOT NULL "
        "ORDER BY metric, end_us DESC",
        device=device,
    )
    found = {(device, metric): (int(t_us), float(value)) for metric, t_us, value in points}
    for metric, end_us, scale, offset, data in waves:
        last = int(np.frombuffer(data, "<i4")[-1]) * scale + offset
        if found.get((device, metric), (0, 0.0))[0] <= end_us:
            found[device, metric] = (int(end_us), last)
    write_latest(link, found)
