"""Questions to a store of a city's size, hot and in the lake; erasing one subject of it.

It says on stderr what it is at: in full it fills, copies and moves 65 M values for minutes.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
from vointi_gateway.store.embedded import EmbeddedStore
from vointi_gateway.store.model import SeriesQuery, WornSpan

from benchmarks.queries_rig import (
    DAY_US,
    DEVICES,
    FULL,
    MARKER,
    PAYLOAD,
    T0_US,
    Size,
    fill,
    hits,
    naive,
    size_bytes,
    size_of,
    sqlite_of,
    strap,
    timed,
)
from benchmarks.rows import Row, Settings
from benchmarks.timing import best_of

NAME = "queries"
MINUTE_US = 60_000_000
#: Values of a run that says something within seconds.
QUICK = 1_000_000
END_US = T0_US + 30 * DAY_US
NAIVE, SQLITE = "a plain DuckDB table", "a plain SQLite table"


def run(settings: Settings) -> list[Row]:
    """Fill, ask while all is hot, erase, move everything to the lake, ask and erase again."""
    size = size_of(settings.rows or (QUICK if settings.quick else FULL))
    settings.out.mkdir(parents=True, exist_ok=True)
    began_s = time.monotonic()

    def say(what: str) -> None:
        print(f"{time.monotonic() - began_s:.0f} s: {what}", file=sys.stderr)

    with tempfile.TemporaryDirectory(dir=settings.out) as name:
        folder = Path(name)
        took: dict[str, float] = {}
        say(f"filling with {size.values / 1e6:.1f} M values")
        with timed(took, "fill"):
            store = fill(folder / "data" / "vointi.duckdb", size)
        try:
            return _all(folder, store, size, took, say)
        finally:
            store.close()


def _all(
    folder: Path,
    store: EmbeddedStore,
    size: Size,
    took: dict[str, float],
    say: Callable[[str], None],
) -> list[Row]:
    data = folder / "data"
    say("summarising")
    with timed(took, "summarise"):
        store.summarise()
    store.close()
    say("copying into plain tables, for comparison")
    peer = naive(data / "vointi.duckdb", folder / "naive.duckdb")
    lite = sqlite_of(peer, strap(0), folder / "lite.db")
    store.open()
    rows = [Row("values in the store", size.values, "")]
    rows.append(Row("fill, by SQL", took["fill"], "s"))
    rows.append(Row("summarise all of it", size.values / took["summarise"], "values/s"))
    rows.append(Row("hot, a value", size_bytes(data / "vointi.duckdb") / size.values, "byte"))
    say("asking while all is hot")
    rows += _latest(store, peer) + _minutes(store, peer, lite, size, "hot")
    theirs_s = _peer_daily(peer)
    rows += _daily(store, theirs_s, "hot", 1.0)
    say("erasing a subject of the hot file")
    rows += _erase(store, data, size, 0, "hot")
    say("moving all to the lake")
    with timed(took, "archive"):
        moved = store.archive(END_US, lambda work: work(store))
    left = size.values - size.subject
    rows.append(Row("move all to the lake", left / took["archive"], "values/s"))
    rows.append(Row("rows moved", moved, ""))
    rows.append(Row("lake, a value", size_bytes(data / "lake") / left, "byte"))
    say("asking the lake")
    rows += _minutes(store, peer, None, size, "lake")
    rows += _daily(store, theirs_s, "lake", 3.0)
    rows += _raw_daily(data / "lake")
    say("erasing a subject of the lake")
    rows += _erase(store, data, size, 1, "lake")
    say("done")
    peer.close()
    lite.close()
    shutil.rmtree(data)
    return rows


def _row(  # one measured line
    metric: str, ours_s: float, goal_ms: float | None, peer_s: float | None, peer_name: str = NAIVE
) -> Row:
    return Row(
        metric,
        ours_s * 1e3,
        "ms",
        peer=None if peer_s is None else peer_s * 1e3,
        peer_name="" if peer_s is None else peer_name,
        ratio=None if peer_s is None else peer_s / ours_s,
        goal="" if goal_ms is None else f"<= {goal_ms:g} ms",
        met=None if goal_ms is None else ours_s * 1e3 <= goal_ms,
    )


def _best(call: Callable[[], object], seconds: float = 0.5) -> float:
    """Seconds of the fastest of several runs; of two, where a run takes a second or more."""
    took = []
    for _ in range(2):
        began = time.perf_counter()
        call()
        took.append(time.perf_counter() - began)
    return min(took) if min(took) >= 1.0 else best_of([call], seconds)[0] / 1e9


def _latest(store: EmbeddedStore, peer: Any) -> list[Row]:
    sql = "SELECT device, arg_max(value, time) FROM samples WHERE metric = 'heart_rate' GROUP BY 1"
    assert len(store.latest()) >= DEVICES
    theirs = _best(lambda: peer.execute(sql).fetchall())
    return [_row(f"last value of {DEVICES} devices", _best(store.latest), 10, theirs)]


def _minutes(
    store: EmbeddedStore, peer: Any, lite: Any | None, size: Size, where: str
) -> list[Row]:
    query = SeriesQuery(strap(1), "ecg", T0_US, T0_US + DAY_US)
    found = store.windows(query, MINUTE_US)
    assert (int(found.n.sum()), found.source) == (size.subject, "1m")
    name = f"{where}: a subject's day of ECG by minute"
    ours = _best(lambda: store.windows(query, MINUTE_US))
    sql = (
        "SELECT time_bucket(INTERVAL 1 MINUTE, time), count(*), avg(value), min(value), max(value) "
        "FROM samples WHERE device = ? AND metric = 'ecg' GROUP BY 1 ORDER BY 1"
    )
    rows = [_row(name, ours, 10, _best(lambda: peer.execute(sql, [strap(1)]).fetchall()))]
    if lite is not None:
        sql = "SELECT t / 60000000, count(*), avg(value), min(value), max(value) FROM samples "
        sql += "WHERE sid = 0 GROUP BY 1"
        theirs = _best(lambda: lite.execute(sql).fetchall(), 0)
        rows.append(_row(name, ours, None, theirs, SQLITE))
    raw = SeriesQuery(strap(1), "ecg", T0_US + 30_000_000, T0_US + 40_000_000)
    rows.append(_row(f"{where}: ten seconds of it", _best(lambda: store.samples(raw)), None, None))
    return rows


def _peer_daily(peer: Any) -> float:
    """The same table answers for both places of ours."""
    sql = (
        "SELECT pilot, metric, time_bucket(INTERVAL 1 DAY, time), count(DISTINCT device), "
        "count(*), avg(value), min(value), max(value) FROM samples GROUP BY ALL ORDER BY ALL"
    )
    return _best(lambda: peer.execute(sql).fetchall(), 0)


def _daily(store: EmbeddedStore, theirs_s: float, where: str, goal_s: float) -> list[Row]:
    ours = _best(lambda: store.daily(T0_US, END_US))
    took: dict[str, float] = {}
    with timed(took, "daily"):
        store.daily(T0_US, END_US)
    return [
        _row(f"{where}: each day of each pilot", ours, goal_s * 1e3, theirs_s),
        Row(f"{where}: its time of all cores", took["daily cpu"] * 1e3, "ms"),
    ]


def _raw_daily(lake: Path) -> list[Row]:
    """What anybody else's SQL engine does with the files: no summary of ours is asked."""
    read = "read_parquet('{}/*/*/{}-*.parquet', hive_partitioning = true)"
    sql = (
        "SELECT pilot, metric, date, count(DISTINCT sid), sum(n), sum(s) / sum(n), min(lo), "
        "max(hi) FROM (SELECT pilot, metric, date, sid, n, vsum AS s, vmin AS lo, vmax AS hi "
        f"FROM {read.format(lake, 'waveform')} UNION ALL "
        "SELECT pilot, metric, date, sid, 1, value, value, value "
        f"FROM {read.format(lake, 'scalar')}) GROUP BY ALL ORDER BY ALL"
    )
    con = duckdb.connect()
    ours = _best(lambda: con.execute(sql).fetchall(), 0)
    con.close()
    return [_row("lake: the same by SQL over its samples", ours, 3000, None)]


def _erase(store: EmbeddedStore, data: Path, size: Size, subject: int, where: str) -> list[Row]:
    """The whole of one subject. The first has marks that a scan finds in the hot file."""
    device = strap(subject)
    needles = [MARKER.to_bytes(8, "little"), PAYLOAD] if where == "hot" else [device.encode()]
    place = data if where == "hot" else data / "lake"
    before = [hits(place, needle) for needle in needles]
    took: dict[str, float] = {}
    with timed(took, "erase"):
        gone = store.erase([WornSpan(device, 0, 2**62)])
    after = sum(hits(place, needle) for needle in needles)
    assert gone.segments == size.seconds
    name = f"{where}: erase a subject of {size.subject / 1e6:.1f} M values"
    return [
        _row(name, took["erase"], 30_000, None),
        Row(f"{where}: its time of all cores", took["erase cpu"], "s"),
        Row(
            f"{where}: marks left of {' + '.join(map(str, before))}",
            after,
            "",
            goal="0 of some",
            met=after == 0 and all(before),
        ),
    ]
