"""A store of a city's size, made by SQL; the same rows as people first put them down, as peers."""

from __future__ import annotations

import resource
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import duckdb
from vointi_gateway.store.embedded import EmbeddedStore
from vointi_gateway.store.embedded.opening import connect

#: 2026-06-01T00:00:00Z
T0_US = 1_780_272_000_000_000
DAY_US = 86_400_000_000
PILOTS, SUBJECTS, DEVICES, RATE_HZ = 4, 4, 10_000, 130
#: Of the full set of 65,088,000: 10,000 devices give a heart rate every 5 minutes for a week, four
#: people wear an ECG for a day.
FULL = 65_088_000
_SCALARS = DEVICES * 2016 / FULL
#: Eight bytes that no other value of the set has; in every segment of the first subject.
MARKER = 0x5EED_0BAD_CAFE_F00D
#: The same for what is in quarantine.
PAYLOAD = b"\x00marker-of-a-delivery-that-could-not-be-read"


@dataclass(frozen=True, slots=True)
class Size:
    """How much there is: heart rates of each device, seconds of ECG of each subject."""

    rates: int
    seconds: int

    @property
    def values(self) -> int:
        """Values in all."""
        return self.rates * DEVICES + self.seconds * SUBJECTS * RATE_HZ

    @property
    def subject(self) -> int:
        """Values of one subject."""
        return self.seconds * RATE_HZ


def size_of(values: int) -> Size:
    """The set of about so many values, in the proportions of the full one."""
    rates = max(1, round(values * _SCALARS / DEVICES))
    return Size(rates, max(60, round(values * (1 - _SCALARS) / SUBJECTS / RATE_HZ)))


def strap(subject: int) -> str:
    """The global id of a subject's device."""
    return f"home-{subject}.strap-{subject}"


def fill(path: Path, size: Size) -> EmbeddedStore:
    """An open store with the set, as it would be after a week's arrivals; not yet summarised."""
    store = EmbeddedStore(path)
    store.open()
    store.close()
    with closing(connect(path, path.parent / "lake")) as con:
        con.execute(
            "INSERT INTO series SELECT i, 'pilot-' || (i % ?), "
            "CASE WHEN i < ? THEN 'home-' || i || '.strap-' || i ELSE 'band-' || i || '.b' END, "
            "CASE WHEN i < ? THEN 'ecg' ELSE 'hr' END, "
            "CASE WHEN i < ? THEN 'ecg' ELSE 'heart_rate' END FROM range(?) r(i)",
            [PILOTS, SUBJECTS, SUBJECTS, SUBJECTS, SUBJECTS + DEVICES],
        )
        con.execute(_RATES.format(n=size.rates * DEVICES))
        con.execute(_ECG.format(n=size.seconds * SUBJECTS, seconds=size.seconds))
        con.execute(
            "INSERT INTO quarantine VALUES (?, 'home-0', 'vointi/1/p/0/home-0/d/strap-0', 'f', "
            "'x', 'd', ?)",
            [T0_US, PAYLOAD],
        )
    store.open()
    return store


#: By time, then device, as they arrive.
_RATES = f"""
    INSERT INTO scalar SELECT {SUBJECTS} + i % {DEVICES}, 1, i // {DEVICES} + 1, 0,
        {T0_US} + i // {DEVICES} * 300000000 + i % {DEVICES}, 0, NULL, 3, 1000, 0,
        60 + hash(i) % 40
    FROM range({{n}}) r(i)
"""

#: Ten minutes of one subject after the other, as backlogs arrive.
_ECG = f"""
    INSERT INTO segment
    SELECT subject, 1, second + 1, t, t + 992308, 0, NULL, 3,
        CASE subject WHEN 0 THEN {MARKER} ELSE 1000 END, {RATE_HZ}, {RATE_HZ}, 0, 1, 0,
        list_min(v), list_max(v), list_sum(v), v
    FROM (
        SELECT subject, second, {T0_US} + second * 1000000 AS t,
            list_transform(range({RATE_HZ}),
                lambda k: CAST(400 * sin((second * {RATE_HZ} + k) / 17) AS INTEGER)
                    + CAST(hash(second * 523 + k + subject) % 31 AS INTEGER)) AS v
        FROM (
            SELECT i // {SUBJECTS * 600} * 600 + i % 600 AS second,
                i % {SUBJECTS * 600} // 600 AS subject
            FROM range(({{n}} + {SUBJECTS * 600 - 1}) // {SUBJECTS * 600} * {SUBJECTS * 600}) r(i)
        ) WHERE second < {{seconds}}
    )
"""


def naive(source: Path, path: Path) -> Any:
    """Peer: one DuckDB table with one row a value and the names in it; the source is closed."""
    con = duckdb.connect(str(path))
    con.execute(f"ATTACH '{source}' AS s (READ_ONLY)")
    con.execute(
        "CREATE TABLE samples AS SELECT pilot, device, metric, make_timestamp(t) AS time, value "
        "FROM (SELECT sid, t_us AS t, value FROM s.scalar UNION ALL "
        f"SELECT sid, t_us + CAST((i - 1) * 1e6 / {RATE_HZ} AS BIGINT), x FROM ("
        "SELECT sid, t_us, unnest(v) AS x, generate_subscripts(v, 1) AS i FROM s.segment)) "
        "JOIN s.series USING (sid)"
    )
    con.execute("DETACH s")
    con.execute("CHECKPOINT")
    return con


def sqlite_of(con: Any, device: str, path: Path) -> sqlite3.Connection:
    """Peer: one device's rows in a SQLite table by (sid, time)."""
    out = sqlite3.connect(path)
    out.execute("PRAGMA journal_mode = WAL")
    out.execute(
        "CREATE TABLE samples (sid INTEGER, t INTEGER, value REAL, PRIMARY KEY (sid, t)) "
        "WITHOUT ROWID"
    )
    cursor = con.execute(
        "SELECT 0, epoch_us(time), value FROM samples WHERE device = ? ORDER BY time", [device]
    )
    with out:
        while rows := cursor.fetchmany(100_000):
            out.executemany("INSERT INTO samples VALUES (?, ?, ?)", rows)
    return out


@contextmanager
def timed(found: dict[str, float], name: str) -> Iterator[None]:
    """Put the seconds that the block takes into `found`, and those of the cores as NAME cpu."""
    start, cpu = perf_counter(), _cpu_s()
    yield
    found[name] = perf_counter() - start
    found[f"{name} cpu"] = _cpu_s() - cpu


def _cpu_s() -> float:
    """Of this process and of those that it started and that ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(u.ru_utime + u.ru_stime for u in used)


def hits(folder: Path, needle: bytes) -> int:
    """How often bytes stand in the files of a folder."""
    return sum(path.read_bytes().count(needle) for path in folder.rglob("*") if path.is_file())


def size_bytes(path: Path) -> int:
    """Bytes of a file, or of all files below a folder."""
    files = path.rglob("*") if path.is_dir() else (path,)
    return sum(p.stat().st_size for p in files if p.is_file())
