"""``python tests/support/golden.py KIND FOLDER``: a small file of this version's schema, as SQL.

KIND is embedded, registry or outbox; the dump is FOLDER/KIND-SCHEMA.sql. It is made once, by the
code that has the schema, and kept: every later version carries a file of it on (test_golden.py).
"""

from __future__ import annotations

import sqlite3
import sys
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Any


def fill_embedded(path: Path) -> None:
    """Three readings of one device, the last of which waits to become rows."""
    from columns_kit import in_columns
    from gateway_kit import hr_frame
    from store_conformance import commit_of, ecg_at
    from vointi_gateway.store.embedded import EmbeddedStore

    store = EmbeddedStore(path)
    store.open()
    store.commit(commit_of(hr_frame(1), ecg_at(2)))
    store.summarise()
    store.commit(in_columns(commit_of(hr_frame(3, 71))))
    store._recent.clear()  # as after a crash: closing does not make rows of it
    store.close()


def fill_registry(path: Path) -> None:
    """One pilot, one person without a name, who wears a strap and agreed to care."""
    from registry_kit import DEVICE, PILOT, birth, document
    from vointi_gateway.pilots.consent.state import Kind
    from vointi_gateway.pilots.registry import Registry

    registry = Registry(path.parent, lambda: 1_780_272_000_000_000)
    registry.open()
    registry.pilots.put(document(), actor="test")
    person = registry.people.invite(PILOT, actor="test")[0].person
    registry.observe(PILOT, birth())
    registry.lending.lend(DEVICE, PILOT, person, actor="test")
    registry.consents.record(PILOT, person, "care", Kind.GIVEN, actor="test")
    registry.close()


def fill_outbox(path: Path) -> None:
    """Three readings that wait, of the second boot of an edge."""
    from vointi_edge.outbox.store import Entry, OutboxStore

    for boot in ("kernel-1", "kernel-2"):
        store = OutboxStore(path, boot, 10**9)
        store.append([Entry("strap-1", "scalar", lambda _boot, seq: b"reading %d" % seq)] * 3)
        store.close()


def load_embedded(sql: str, path: Path) -> None:
    """Make the DuckDB file that a dump is of."""
    import duckdb

    config: dict[str, Any] = {"storage_compatibility_version": "v1.5.0"}
    with closing(duckdb.connect(str(path), config=config)) as con:
        con.execute(sql)


def load_sqlite(sql: str, path: Path) -> None:
    """Make the SQLite file that a dump is of."""
    with closing(sqlite3.connect(path)) as con:
        con.executescript(sql)


def _dump_duckdb(path: Path) -> tuple[str, str]:
    import duckdb

    with closing(duckdb.connect(str(path))) as con:
        schema = con.execute("SELECT value FROM meta WHERE key = 'schema'").fetchall()[0][0]
        lines = []
        for name, ddl in con.execute(
            "SELECT table_name, sql FROM duckdb_tables() ORDER BY table_oid"
        ).fetchall():
            lines.append(ddl)
            rows = con.execute(f"SELECT * FROM {name}").fetchall()
            values = (", ".join(map(_literal, row)) for row in rows)
            lines += [f"INSERT INTO {name} VALUES ({text});" for text in values]
    return str(schema), "\n".join(lines) + "\n"


def _dump_sqlite(path: Path) -> tuple[str, str]:
    with closing(sqlite3.connect(path)) as con:
        (version,) = con.execute("PRAGMA user_version").fetchone()
        text = "\n".join(con.iterdump())
    return str(version), f"{text}\nPRAGMA user_version = {version};\n"


def _literal(value: Any) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, bytes):
        return "from_hex('" + value.hex() + "')"
    if isinstance(value, list):
        return f"[{', '.join(map(_literal, value))}]"
    return "'" + value.replace("'", "''") + "'" if isinstance(value, str) else repr(value)


KINDS: dict[str, tuple[Any, str, Any, Any]] = {
    "embedded": (fill_embedded, "vointi.duckdb", _dump_duckdb, load_embedded),
    "registry": (fill_registry, "registry.db", _dump_sqlite, load_sqlite),
    "outbox": (fill_outbox, "outbox.db", _dump_sqlite, load_sqlite),
}
FOLDER = Path(__file__).parents[1] / "golden"


def dumps(kind: str) -> list[Path]:
    """Every kept dump of a kind."""
    return sorted(FOLDER.glob(f"{kind}-*.sql"))


def main() -> None:
    """Fill, dump."""
    kind, out = sys.argv[1], Path(sys.argv[2])
    fill, name, dump, _ = KINDS[kind]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        fill(path)
        schema, text = dump(path)
    (out / f"{kind}-{schema}.sql").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
